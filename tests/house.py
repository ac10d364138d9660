"""The house's rules. Each check takes the root of a checkout and yields a sentence for
whatever breaks its rule.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from pathlib import Path
from shutil import copy, copytree

from execnb.nbio import nb2str
from nbdev.clean import clean_nb

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

MAY_IMPORT = {  # the table of the design: who may import whom, besides types
    "kinds": set(),
    "types": {"kinds"},
    "answers": set(),
    "boltzmann": {"answers"},
    "arrays": set(),
    "account": set(),
    "decoding": set(),
    "holdings": {"arrays"},
    "choice": {"holdings"},
    "albums": {"account", "arrays", "choice", "decoding"},
    "forms": {"decoding"},
    "survey": {"decoding", "forms"},
    "datasets": {"arrays", "files"},
    "sources": {"account", "albums", "choice", "decoding", "holdings", "survey"},
    "images": {"account", "datasets", "forms", "sources", "survey"},
    "stream": set(),
    "backend": set(),
    "swish": {"backend"},
    "layers": {"backend", "swish"},
    "energy": {"backend", "layers", "swish"},
    "saved": {"backend", "energy"},
    "archives": {"backend", "energy", "saved"},
    "files": {"archives", "saved"},
    "langevin": {"answers"},
    "mala": {"langevin"},
    "graphs": {"langevin"},
    "results": {"graphs", "langevin"},
    "sampling": {"graphs", "langevin", "results"},
    "replay": set(),
    "contrastive_divergence": {"answers"},
    "recipe": {"contrastive_divergence", "langevin"},
    "inputs": {"langevin"},
    "averages": set(),
    "devices": {"graphs", "replay", "sampling"},
    "training": {
        "averages",
        "devices",
        "graphs",
        "stream",
        "inputs",
        "langevin",
        "recipe",
        "replay",
    },
    "monitor": {"inputs", "langevin", "recipe", "training"},
    "watch": set(),
    "checkpoints": {"files", "inputs", "training"},
    "runs": {
        "averages",
        "checkpoints",
        "files",
        "inputs",
        "monitor",
        "panels",
        "percentiles",
        "pictures",
        "plot",
        "training",
        "watch",
    },
    "distances": set(),
    "points": {"distances", "evaluation"},
    "page": {"distances", "plot", "points", "style"},
    "percentiles": {"files"},
    "evaluation": set(),
    "judge": set(),
    "reports": {"evaluation", "files", "judge"},
    "applications": {"graphs", "langevin", "results", "sampling"},
    "strangers": set(),
    "priors": set(),
    "log_z": {"graphs", "langevin", "mala", "priors"},
    "workers": set(),
    "shards": {"langevin", "recipe", "replay", "workers"},
    "scale": {
        "graphs",
        "langevin",
        "recipe",
        "results",
        "runs",
        "shards",
        "training",
        "workers",
    },
    "style": set(),
    "plot": {"files", "style"},
    "pictures": {"files", "style"},
    "planes": {"plot", "style"},
    "panels": {"pictures", "plot", "style"},
    "frames": set(),
    "sprites": {"pictures"},
    "scrubber": {"files", "frames", "pictures", "sprites"},
    "exports": {"files", "langevin", "saved"},
    "playground": {
        "exports",
        "langevin",
        "pictures",
        "sampling",
        "saved",
        "scrubber",
        "sprites",
    },
    "delimited": {"account"},
    "scaling": set(),
    "columns": {"delimited"},
    "tables": {"account", "columns", "delimited", "scaling"},
    "terminal": set(),
    "options": set(),
    "progress": set(),
    "claims": {"files", "runs"},
    "tasks": {
        "account",
        "checkpoints",
        "claims",
        "columns",
        "energy",
        "holdings",
        "images",
        "progress",
        "recipe",
        "scale",
        "sources",
        "tables",
        "terminal",
        "training",
    },
    "scored": {"account", "forms", "images", "tables", "tasks"},
    "weights": {
        "files",
        "forms",
        "langevin",
        "percentiles",
        "recipe",
        "scale",
        "tables",
    },
    "judging": {
        "forms",
        "page",
        "panels",
        "plot",
        "points",
        "reports",
        "scored",
        "sources",
        "style",
        "tables",
    },
    "outputs": {"files", "forms", "pictures", "plot", "scrubber", "tables"},
    "portions": {"files", "frames", "outputs", "sampling", "scale", "terminal"},
    "demo": {
        "langevin",
        "pictures",
        "plot",
        "recipe",
        "sampling",
        "tasks",
        "terminal",
        "training",
        "weights",
    },
    "export_command": {
        "applications",
        "exports",
        "files",
        "scored",
        "options",
        "outputs",
        "playground",
        "terminal",
        "weights",
    },
    "score_command": {
        "applications",
        "options",
        "outputs",
        "percentiles",
        "scored",
        "terminal",
        "weights",
    },
    "cli": {
        "__version__",
        "claims",
        "demo",
        "export_command",
        "judging",
        "options",
        "outputs",
        "portions",
        "recipe",
        "sampling",
        "score_command",
        "tasks",
        "terminal",
        "weights",
    },
}
MAY_NOT_IMPORT = {
    "kinds": {"tensorflow", "keras"},
    "types": {"tensorflow", "keras"},
    **dict.fromkeys(
        ("style", "plot", "pictures", "planes", "panels"), {"tensorflow", "keras"}
    ),
    **dict.fromkeys(("frames", "sprites", "scrubber"), {"tensorflow", "keras"}),
    **dict.fromkeys(("arrays", "options"), {"tensorflow", "keras"}),
    **dict.fromkeys(
        ("delimited", "scaling", "columns", "tables"), {"tensorflow", "keras"}
    ),
    "datasets": {"tensorflow", "keras"},
    "langevin": {"keras"},
    "graphs": {"keras"},
    "sampling": {"keras"},
    "evaluation": {"tensorflow", "keras"},
    "judge": {"keras"},
    "strangers": {"tensorflow", "keras"},
    **dict.fromkeys(("distances", "points", "page"), {"tensorflow", "keras"}),
    "percentiles": {"tensorflow", "keras"},
}
LONGEST = 300  # lines of a module: one room, one concept
IMPORTED_AS = {"scikit-learn": "sklearn", "pillow": "PIL"}
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root|work|tmp)/[\w./-]+")


def settings(root):
    parser = ConfigParser(delimiters=["="])
    parser.read(root / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def name_of(need):
    return re.split(r"[<>=!~\[]", need)[0]


def notebooks(root):
    return sorted(root.glob("nbs/[!_.]*.ipynb"))


def modules(root):
    return sorted(root.glob("ebm_nb/[!_]*.py"))


def code_cells(path):
    return [
        cell
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]


def run(root, *command):
    "(exit code, output) of a command run in root."
    env = {name: value for name, value in os.environ.items() if name != "IN_TEST"}
    done = subprocess.run(
        command,
        cwd=root,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout


def clean(root):
    "nbdev_clean would change no notebook."
    for path in notebooks(root):
        text = path.read_text(encoding="utf-8")
        nb = json.loads(text)
        clean_nb(nb)
        if nb2str(nb) != text or any(
            "id" not in cell for cell in json.loads(text)["cells"]
        ):
            yield f"{path.name} is not clean: run nbdev_clean."


def export(root):
    """ebm_nb/ is what the notebooks export: no module differs, is missing or has lost
    its notebook.
    """
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        copy(root / "settings.ini", fresh)
        copytree(root / "nbs", fresh / "nbs")
        code, output = run(fresh, BIN / "nbdev_export")
        if code:
            yield f"nbdev_export fails:\n{output}"
            return
        want, have = (
            {p.name: p.read_text(encoding="utf-8") for p in at.glob("ebm_nb/*.py")}
            for at in (fresh, root)
        )
    for name in sorted(want.keys() | have.keys()):
        if name not in want:
            yield (
                f"ebm_nb/{name} has no notebook: remove it, or bring its notebook back."
            )
        elif name not in have:
            yield f"ebm_nb/{name} is missing: run nbdev_export."
        elif want[name] != have[name]:
            yield (
                f"ebm_nb/{name} differs from its notebook: edit the notebook, then "
                "run nbdev_export."
            )


def readme(root):
    "README.md and its images are what index.ipynb makes."
    code, output = run(root, sys.executable, "tools/readme.py", "--check")
    if code:
        yield f"The README differs from nbs/index.ipynb: run tools/readme.py.\n{output}"


def outputs(root):
    """Stored outputs hold no traceback, no widget state and no path of somebody's
    machine; notebooks are small.
    """
    for path in notebooks(root):
        text = path.read_text(encoding="utf-8")
        if len(text.encode()) > 1_000_000:
            yield f"{path.name} is over 1 MB: make its figures smaller."
        if "widgets" in json.loads(text)["metadata"]:
            yield f"{path.name} holds widget state: run tools/notebooks.py {path.stem}."
        for cell in code_cells(path):
            where = f"{path.name}, cell {cell['id']}:"
            for output in cell["outputs"]:
                if output["output_type"] == "error":
                    yield (
                        f"{where} a stored output is a traceback: mend it, then run "
                        f"tools/notebooks.py {path.stem}."
                    )
                if any(
                    kind.startswith("application/vnd.jupyter.widget")
                    for kind in output.get("data", {})
                ):
                    yield (
                        f"{where} a stored output is a widget: run "
                        f"tools/notebooks.py {path.stem}."
                    )
            for found in sorted(set(MACHINE_PATH.findall(json.dumps(cell["outputs"])))):
                yield (
                    f"{where} a stored output names {found}, a path of one machine: "
                    "print something else."
                )


LOGGED = re.compile(r"(?:INFO|WARNING|ERROR):(?:tensorflow|absl)(?=:)|\w*Warning(?=:)")


def spoken(root):
    """A warning in a stored output is spoken of in the text around its cell; no library
    logs there.
    """
    for path in notebooks(root):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for i, cell in enumerate(cells):
            around = [c for c in cells[max(i - 2, 0) : i + 3] if "outputs" not in c]
            text = "".join("".join(c["source"]) for c in around).lower()
            for found in set(LOGGED.findall(json.dumps(cell.get("outputs", [])))):
                if ":" in found or "warning" not in text:
                    yield (
                        f"{path.name}, cell {cell['id']}: the text says nothing of the "
                        f"{found} in its output: mend its cause, or speak of it."
                    )


FENCED = re.compile(r"^```.*?\n(.*?)^```", re.S | re.M)


def columns(root, most=88):
    "Code has at most 88 columns, in cells and in the text, so that no page cuts it."
    for path in notebooks(root):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                source = "".join(FENCED.findall(source))
            for line in source.splitlines():
                if len(line) > most:
                    yield (
                        f"{path.name}, cell {cell['id']}: over {most} columns: "
                        f"{line[:40]}..."
                    )


def imported(path):
    "What a module imports, as dotted names from ebm_nb or from outside."
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(
                filter(None, ["ebm_nb" if node.level else None, node.module])
            )
            yield from (
                [f"{base}.{alias.name}" for alias in node.names]
                if base == "ebm_nb"
                else [base]
            )


def imports(root):
    "Imports point the way of the design's table, and to declared requirements only."
    names = map(name_of, settings(root)["requirements"].split())
    declared = {IMPORTED_AS.get(name, name) for name in names} | set(
        sys.stdlib_module_names
    )
    for path in modules(root):
        if path.stem not in MAY_IMPORT:
            yield (
                f"{path.name} is not in the table of tests/house.py: add what it "
                "may import."
            )
            continue
        may = MAY_IMPORT[path.stem]
        for name in sorted(set(imported(path))):
            top, _, rest = name.partition(".")
            inner = rest.split(".")[0]
            if top == "ebm_nb":
                if inner not in {*may, "kinds", "types"}:
                    yield (
                        f"{path.name} may not import ebm_nb.{inner}: pass what it "
                        "needs as an argument."
                    )
            elif top in MAY_NOT_IMPORT.get(path.stem, ()):
                yield f"{path.name} may not import {top}."
            elif top not in declared:
                yield f"{path.name} imports {top}, which settings.ini does not require."


def rows(root):
    """A row of the design's table names a module that exists and permits only imports
    that are used.
    """
    paths = {path.stem: path for path in modules(root)}
    for name, may in MAY_IMPORT.items():
        if name not in paths:
            yield f"MAY_IMPORT has a row for {name}, which is no module: remove it."
            continue
        used = {each.removeprefix("ebm_nb.") for each in imported(paths[name])}
        for inner in sorted(may - {each.split(".")[0] for each in used}):
            yield (
                f"MAY_IMPORT permits {name} to import {inner}, which it does not: "
                "take the permission away."
            )


def rooms(root):
    "No module is long."
    for path in modules(root):
        n = len(path.read_text(encoding="utf-8").splitlines())
        if n > LONGEST:
            yield (
                f"ebm_nb/{path.name} has {n} lines, over {LONGEST}: move a concept "
                "into a chapter of its own."
            )


def ruff(root):
    "ruff has no complaint and nothing to format, in notebooks either."
    ruff = (sys.executable, "-m", "ruff")
    code, output = run(
        root, *ruff, "check", "--no-cache", "--output-format", "concise", "."
    )
    if code:
        yield f"ruff complains:\n{output}"
    code, output = run(root, *ruff, "format", "--no-cache", "--check", ".")
    if code:
        yield f"Code is not formatted: run `ruff format .`.\n{output}"


def annotations(root):
    "mypy has no complaint about the modules that mypy.ini names."
    mypy = (sys.executable, "-m", "mypy")
    code, output = run(root, *mypy, "--no-error-summary", "--hide-error-context")
    if code:
        yield f"mypy complains:\n{output}"


def private(root):
    """A name with an underscore stays in its module: no other imports it, under
    whatever name, nor reaches for it through the module.
    """
    for path in modules(root):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        taken = [alias for node in nodes for alias in ours(node)]
        known = {alias.asname or alias.name for alias in taken}
        reached = [
            f"{ast.unparse(node.value)}.{node.attr}"
            for node in nodes
            if isinstance(node, ast.Attribute)
            and hidden(node.attr)
            and ast.unparse(node.value) in known
        ]
        for name in [*filter(hidden, (alias.name for alias in taken)), *reached]:
            yield (
                f"ebm_nb/{path.name} uses {name} of another module: give it a name "
                "without an underscore, in an exporti cell."
            )


def ours(node):
    "What a statement imports from the package: names, or modules by dotted names."
    if isinstance(node, ast.Import):
        return [alias for alias in node.names if alias.name.startswith("ebm_nb.")]
    if isinstance(node, ast.ImportFrom):
        inside = node.level > 0 or (node.module or "").split(".")[0] == "ebm_nb"
        return node.names if inside else []
    return []


def hidden(name):
    return name.startswith("_") and not name.endswith("__")


def stub(root):
    "ebm_nb/__init__.pyi states the names of chapter 41."
    code, output = run(root, sys.executable, "tools/stub.py", "--check")
    if code:
        yield f"ebm_nb/__init__.pyi is not up to date: run tools/stub.py.\n{output}"


def requirements(root):
    "Only settings.ini states a requirement's version."
    needs = settings(root)["requirements"] + " " + settings(root)["dev_requirements"]
    stated = re.compile(rf"\b({'|'.join(map(name_of, needs.split()))})\s*[<>=~!]=\s*\d")
    files = [
        root / name
        for name in ("setup.py", "Makefile", ".pre-commit-config.yaml", ".ci/run")
    ]
    for path in [*files, *root.glob(".github/**/*.yml")]:
        for found in stated.finditer(path.read_text(encoding="utf-8")):
            yield (
                f"{path.relative_to(root)} states '{found[0]}': requirements belong "
                "in settings.ini only."
            )
    for path in [*root.glob("*requirements*.txt"), *root.glob("environment*.y*ml")]:
        yield f"{path.name} repeats requirements: settings.ini alone states them."


CHECKS = [
    clean,
    export,
    readme,
    outputs,
    spoken,
    columns,
    imports,
    rows,
    rooms,
    private,
    stub,
    ruff,
    annotations,
    requirements,
]
