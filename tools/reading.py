"""A chapter as HTML that needs no kernel and no network: described figures, mathematics
as MathML, no scripts from elsewhere.

`jupyter_nbconvert_config.py` beside it switches this on for nbconvert and for the site.
`python tools/reading.py DIR` writes every chapter to DIR.
"""

import re
import sys
from html import escape
from pathlib import Path

from latex2mathml.converter import convert
from nbconvert.preprocessors import Preprocessor
from nbformat.v4 import new_markdown_cell
from traitlets import Bool

ROOT = Path(__file__).resolve().parent.parent
STYLE = ROOT / "docs/reading.css"
MATH = re.compile(
    r"""
    (?P<code>^```.*?^``` | (?P<ticks>`+).*?(?P=ticks) | \\\$)
    | \$\$(?P<block>.+?)\$\$
    | \$(?!\s)(?P<inline>[^$]+?)(?<!\s)\$""",
    re.X | re.S | re.M,
)
SILENT = re.compile(r"^#\| echo: false$", re.M)
DIRECTIVE = re.compile(r"^#\|.*\n?", re.M)
ALT = re.compile(r"^#\| fig-alt: (.+)$", re.M)
BETTER = {
    "<mi>&#x0007E;</mi>": "<mo>&#x0223C;</mo>",
    "<mo>&#x0002F;</mo>": '<mo lspace="0" rspace="0">/</mo>',
}
NAME = re.compile(r"(<mi>(?:log|exp|min|max|sin|cos|tanh|sinh|arg)</mi>)(?=<m(?!o))")
SCRIPT_LETTER = re.compile(r'<mi mathvariant="script">([A-Z])</mi>')
# no mathvariant in MathML Core
SCRIPT_LETTERS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "𝒜ℬ𝒞𝒟ℰℱ𝒢ℋℐ𝒥𝒦ℒℳ𝒩𝒪𝒫𝒬ℛ𝒮𝒯𝒰𝒱𝒲𝒳𝒴𝒵"))


def mathml(match):
    """One formula as MathML, with what Markdown would take for its own as character
    references.
    """
    if match["code"]:
        return match[0]
    block = match["block"]
    text = convert(
        (block or match["inline"]).strip(), display="block" if block else "inline"
    )
    if "\\" in text or ">&<" in text:
        raise ValueError(f"latex2mathml cannot write {match[0]}: use other commands.")
    text = NAME.sub(r'\1<mspace width="0.17em"/>', text)  # log x, not logx
    for plain, better in BETTER.items():
        text = text.replace(plain, better)
    text = SCRIPT_LETTER.sub(lambda m: f"<mi>{SCRIPT_LETTERS[m[1]]}</mi>", text)
    text = re.sub(r"[|*_\[\]~`]", lambda m: f"&#{ord(m[0])};", text)
    return f'<span class="formula" tabindex="0">{text}</span>' if block else text


def image(output, kind, said):
    """The picture of an output as an `img` with the description that it carries, or
    else the one that is said of its cell.
    """
    alt = output.metadata.get(kind, {}).get("alt", said)
    return (
        f'<img alt="{escape(alt)}" '
        f'src="data:{kind};base64,{output.data[kind].strip()}">'
    )


class Reading(Preprocessor):
    "What nbconvert runs on a chapter before it is written as HTML."

    enabled = Bool(True)

    def preprocess(self, nb, resources):
        nb.cells = [cell for cell in nb.cells if not cell.source.startswith("#| hide")]
        lines = [line for cell in nb.cells for line in cell.source.splitlines()]
        nb.metadata.setdefault(
            "title", next((line[2:] for line in lines if line.startswith("# ")), "")
        )
        nb, resources = super().preprocess(nb, resources)
        nb.cells = [cell for cell in nb.cells if cell.source.strip()]
        nb.cells.insert(
            0,
            new_markdown_cell(f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>"),
        )
        return nb, resources

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "markdown":
            cell.source = MATH.sub(mathml, cell.source)
            return cell, resources
        alt = ALT.search(cell.source)
        said = alt[1] if alt else ""
        if SILENT.search(cell.source):
            cell.metadata["transient"] = {"remove_source": True}
        cell.source = DIRECTIVE.sub("", cell.source)
        for output in cell.get("outputs", []):
            for kind in {"image/png", "image/gif"} & output.get(
                "data", {}
            ).keys():  # nbconvert shows no GIF
                output.data = {"text/html": image(output, kind, said)}
        return cell, resources


def main():
    from nbconvert.nbconvertapp import NbConvertApp

    chapters = sorted(str(path) for path in (ROOT / "nbs").glob("[!_.]*.ipynb"))
    config = str(ROOT / "tools/jupyter_nbconvert_config.py")
    NbConvertApp.launch_instance(
        [
            "--config",
            config,
            "--to",
            "html",
            "--output-dir",
            sys.argv[1],
            "--log-level",
            "WARN",
            *chapters,
        ]
    )


if __name__ == "__main__":
    main()
