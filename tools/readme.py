"""Make README.md and docs/images/ from nbs/index.ipynb; `--check` writes nothing and
fails where they differ.

nbdev's own nbdev_readme needs Quarto. This runs nbdev's processors, then nbconvert's
Markdown exporter.
"""

import argparse
import os
import re
import sys
from pathlib import Path

import nbformat
from execnb.nbio import nb2str, read_nb
from nbconvert import MarkdownExporter
from nbdev.frontmatter import FrontmatterProc
from nbdev.processors import FilterDefaults

ROOT = Path(__file__).resolve().parent.parent
IMAGES = Path("docs/images")
LINK = re.compile(r"""(\]\(|src="|href=")(?![a-z]+:|\#|/)([^)"]+)""")


class Processors(FilterDefaults):
    "nbdev's, without the one that turns the title cell into front matter."

    def base_procs(self):
        return [proc for proc in super().base_procs() if proc is not FrontmatterProc]


def from_root(match):
    "A link as written in nbs/, as seen from the project's root."
    return match[1] + os.path.normpath(f"nbs/{match[2]}")


def readme(index):
    """The text of the README and its images as {path: bytes}; `#| fig-alt: ...` in a
    cell describes its image.
    """
    nb = read_nb(index)
    Processors()(nb)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(from_root, cell.source)
        elif cell.directives_.get("echo:") == ["false"]:
            cell.metadata["transient"] = {"remove_source": True}
        if cell.cell_type == "code":
            for output in cell.outputs:
                data = output.get("data", {})
                if "image/gif" in data:  # which the exporter does not know
                    data["image/png"] = data.pop("image/gif")
            cell.source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.M)
    nb.metadata = {"language_info": {"name": "python"}}
    text, found = MarkdownExporter().from_notebook_node(
        nbformat.reads(nb2str(nb), as_version=4)
    )
    images = {}
    for i, (name, data) in enumerate(found["outputs"].items(), 1):
        suffix = ".gif" if data.startswith(b"GIF") else Path(name).suffix
        path = IMAGES / f"index_{i}{suffix}"
        alt = " ".join(
            nb.cells[int(name.split("_")[1])].directives_.get("fig-alt:", ["figure"])
        )
        text = text.replace(f"![png]({name})", f"![{alt}]({path.as_posix()})")
        images[path] = data
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", images


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    os.chdir(ROOT)
    text, images = readme(Path("nbs/index.ipynb"))
    wanted = {Path("README.md"): text.encode()} | images
    surplus = set(IMAGES.glob("index_*")) - set(images)
    differ = [
        path
        for path, data in wanted.items()
        if not path.exists() or path.read_bytes() != data
    ]
    for path in differ if not check else []:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[path])
    for path in surplus if not check else []:
        path.unlink()
    print("\n".join(map(str, [*differ, *surplus])) or "README.md is up to date.")
    sys.exit(check and bool(differ or surplus))


if __name__ == "__main__":
    main()
