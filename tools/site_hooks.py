"""What `mkdocs build` needs to know of this project: where the chapters are, their
places in the navigation, how they become pages, and a page of the API for each module.
"""

import base64
import functools
import io
import json
import os
import re
from pathlib import Path

from bs4 import BeautifulSoup
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File
from mkdocs.structure.toc import get_toc
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PARTS = {
    "The story": "0",
    "What else an energy can do": "1",
    "The library": "23456789",
}


# jupyter_nbconvert_config.py
def on_startup(**kwargs):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["JUPYTER_CONFIG_DIR"] = str(ROOT / "tools")


def title(path):
    "The heading of a chapter, without marks."
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
    heading = next(line for line in lines if line.startswith("# "))
    return heading[2:].replace("`", "")


@event_priority(100)  # before mkdocs-jupyter looks at the files
def on_files(files, config):
    chapters = sorted((ROOT / "nbs").glob("[!_.]*.ipynb"))
    modules = [
        path.stem
        for path in sorted((ROOT / "ebm_nb").glob("[!_]*.py"))
        # what only other modules use has no page
        if "__all__ = []" not in path.read_text(encoding="utf-8")
    ]
    for path in chapters:
        folder, urls = str(path.parent), config.use_directory_urls
        files.append(File(path.name, folder, config.site_dir, urls))
    for name in modules:
        content = f"# ebm_nb.{name}\n\n::: ebm_nb.{name}\n"
        files.append(File.generated(config, f"api/{name}.md", content=content))
    style = (ROOT / "docs/reading.css").read_text(encoding="utf-8")
    files.append(File.generated(config, "reading.css", content=style))
    for name, content in playground().items():
        files.append(File.generated(config, name, content=content))
    config.nav = [{"Overview": "index.ipynb"}, {"Playground": "playground.md"}]
    for part, numbers in PARTS.items():
        entries = [
            {f"{path.stem[:2]} {title(path)}": path.name}
            for path in chapters
            if path.stem[0] in numbers
        ]
        config.nav.append({part: entries})
    config.nav.append({"API": [{name: f"api/{name}.md"} for name in modules]})
    return files


# ---- the playground ----

ENERGIES = ("mnist", "digits")
HERO = (
    '<link rel="stylesheet" href="playground/play.css"><div id="ebm-hero"></div>'
    '<script type="module" src="playground/play.js"></script>'
)
PLAYGROUND = """---
title: Playground
hide: [navigation, toc]
---

# {title}

{about}

<link rel="stylesheet" href="play.css">
<div id="ebm-play"></div>
<script type="module" src="play.js"></script>
<noscript>This page computes in your browser and needs JavaScript.</noscript>

[The same page as one file](playground/energy.html) works from a disk, without a
network.
Your own energy: `ebm_nb export --weights runs/mine/ --out energy.bin`, and drag the
file onto the page. [Chapter 83](83_playground.ipynb) and
[chapter 84](84_exports.ipynb) tell how it is made.
"""
START = """
const bytes = async (key) =>
  (await fetch(new URL(`${key}.bin`, import.meta.url))).arrayBuffer();
const sources = Object.fromEntries(Object.entries(NAMES).map(([key, name]) =>
  [key, { name, bytes: () => bytes(key) }]));
const links = (page) => new URL(`../${page}/`, import.meta.url).href;
const place = document.querySelector("#ebm-play");
const hero = document.querySelector("#ebm-hero");
if (place) window.page = playground(place, { sources, links, hash: true });
if (hero) invite(hero, { sources, links, more: links("playground") });
"""


@functools.cache
def playground():
    "Its page, script, style and energies, and all of them as one file."
    from ebm_nb.export_command import exported
    from ebm_nb.playground import ABOUT, PLAIN, STYLE, TITLE, single_page

    energies = {name: exported(name, half=True) for name in ENERGIES}
    names = {key: name for key, (name, _) in energies.items()}
    return {
        "playground.md": PLAYGROUND.format(title=TITLE, about=ABOUT),
        "playground/play.js": PLAIN + START.replace("NAMES", json.dumps(names)),
        "playground/play.css": STYLE,
        "playground/energy.html": single_page(energies),
        **{f"playground/{key}.bin": content for key, (_, content) in energies.items()},
    }


# ---- a chapter as a page ----


def on_page_content(html, page, config, files):
    """mkdocs-jupyter puts JupyterLab's whole style and scripts into every page. Here a
    chapter gets the site's own look, which knows dark and light, and one style for all.
    """
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    chapter = BeautifulSoup(html, "html.parser").select_one(".jp-Notebook")
    code(chapter)
    tables(chapter)
    links(chapter, page, config, files)
    pictures(chapter, page, config, files)
    if page.file.src_uri == "index.ipynb":
        chapter.select_one("h1").find_parent(class_="jp-Cell").insert_after(
            BeautifulSoup(HERO, "html.parser")
        )
    page.toc = get_toc(headings(chapter))
    return str(chapter)


def code(chapter):
    "Code in the site's own markup: its colours, its button that copies."
    for node in chapter.select(
        ".clipboard-copy-txt, .zeroclipboard-container, .jp-Collapser"
    ):
        node.decompose()
    for node in chapter.select(".jp-RenderedMarkdown > style"):
        node.find_parent(class_="jp-Cell").decompose()
    for node in chapter.select("[class*=highlight] > pre"):
        node.parent["class"] = "highlight"
        inner = BeautifulSoup("<code></code>", "html.parser").code
        inner.extend(list(node.contents))
        node.append(inner)
    for node in chapter.select(".jp-Cell-inputWrapper[tabindex]"):
        del node["tabindex"]  # nothing to do there for the keyboard
    for node in chapter.select(".jp-OutputArea pre"):
        text = node.get_text()
        widest = max(map(len, text.splitlines()), default=0)
        if re.search(r"\S  +\S", text) and widest <= 120:
            node["style"] = f"--columns: {widest}"  # a table: the style makes it fit


def tables(chapter):
    "Tables of pandas in the look of the others, and no number broken in two."
    for node in chapter.select("style[scoped]"):
        node.decompose()
    for node in chapter.select("table.dataframe"):
        node.attrs.clear()
    for node in chapter.select("td"):
        if re.fullmatch(r"[-+]?[\d.,]+(e[-+]?\d+)?%?", node.get_text().strip()):
            node["class"] = "number"


def links(chapter, page, config, files):
    "Links to notebooks lead to their pages, those to other files to the repository."
    for node in chapter.select("a[href]"):
        address, mark, place = node["href"].partition("#")
        if not address or ":" in address:
            continue
        target = files.get_file_from_path(os.path.normpath(address))
        if target:
            node["href"] = target.url_relative_to(page.file) + mark + place
        elif (path := (ROOT / "nbs" / address).resolve()).exists():
            kind = "tree" if path.is_dir() else "blob"
            home = config.extra["social"][0]["link"]
            node["href"] = f"{home}/{kind}/main/{path.relative_to(ROOT).as_posix()}"
        else:
            raise ValueError(f"{page.file.src_uri} links to {address}: no such file.")


def pictures(chapter, page, config, files):
    "Pictures as files of their own, which the browser fetches when they come in sight."
    for i, node in enumerate(chapter.select("img[src^='data:image/']"), 1):
        kind, _, text = node["src"].removeprefix("data:image/").partition(";base64,")
        if kind not in ("png", "gif"):
            continue  # the still of a scrubber, which its script replaces
        data = base64.b64decode(text)
        image = Image.open(io.BytesIO(data))
        if kind == "png":
            kind, data = "webp", smaller(image)
        name = f"pictures/{Path(page.file.src_uri).stem}-{i}.{kind}"
        files.append(File.generated(config, name, content=data))
        node["src"] = files.get_file_from_path(name).url_relative_to(page.file)
        node["width"], node["height"] = image.size
        node["loading"] = "lazy"


def smaller(image):
    "The same pixels in fewer bytes than a PNG has."
    buffer = io.BytesIO()
    image.save(buffer, "webp", lossless=True, method=6)
    return buffer.getvalue()


def headings(chapter):
    "The second level of headings under the first, as mkdocs wants them."
    tokens = []
    for node in chapter.select("h1[id], h2[id]"):
        for anchor in node.select(".anchor-link"):
            anchor["class"] = "headerlink"
        name = "".join(node.find_all(string=True)).removesuffix("¶")
        token = {"level": int(node.name[1]), "id": node["id"], "name": name}
        inside = tokens[0]["children"] if node.name == "h2" and tokens else tokens
        inside.append(token | {"children": []})
    return tokens
