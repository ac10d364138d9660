"""What `mkdocs build` needs to know of this project: where the chapters are, and a page
of the API for each module.
"""

import os
from pathlib import Path

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent


# jupyter_nbconvert_config.py
def on_startup(**kwargs):
    os.environ["JUPYTER_CONFIG_DIR"] = str(ROOT / "tools")


@event_priority(100)  # before mkdocs-jupyter looks at the files
def on_files(files, config):
    for path in sorted((ROOT / "nbs").glob("[!_.]*.ipynb")):
        files.append(
            File(
                path.name, str(path.parent), config.site_dir, config.use_directory_urls
            )
        )
    for path in sorted((ROOT / "ebm_nb").glob("[!_]*.py")):
        if "__all__ = []" in path.read_text(encoding="utf-8"):
            continue  # what only other modules use
        files.append(
            File.generated(
                config,
                f"api/{path.stem}.md",
                content=f"# ebm_nb.{path.stem}\n\n::: ebm_nb.{path.stem}\n",
            )
        )
    return files


def on_nav(nav, **kwargs):
    for item in nav.items:
        item.title = "API" if item.title == "Api" else item.title
