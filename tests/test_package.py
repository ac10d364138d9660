"""The package as a user gets it: built by the usual tools and installed as a wheel,
away from the checkout.
"""

import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from shutil import copytree, ignore_patterns

import pytest
from house import ROOT, modules


def call(*command, cwd):
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "A wheel made from an sdist made from a copy of the checkout."
    folder = tmp_path_factory.mktemp("built")
    source = copytree(
        ROOT,
        folder / "source",
        ignore=ignore_patterns(".*", "demo", "runs", "build", "dist", "*.egg-info"),
    )
    call(sys.executable, "-m", "build", "--outdir", folder / "dist", source, cwd=folder)
    return next(folder.glob("dist/*.whl")), next(folder.glob("dist/*.tar.gz"))


@pytest.fixture(scope="module")
def python(built, tmp_path_factory):
    """The interpreter of a clean environment with the wheel; its requirements are lent
    by this environment.
    """
    folder = tmp_path_factory.mktemp("clean")
    call(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv/bin/python"
    call(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        built[0],
        cwd=folder,
    )
    site = next(folder.glob("venv/lib/python*/site-packages"))
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_wheel_and_sdist_hold_every_file(built):
    "Data files too; the sdist has settings.ini, or nobody could build from it."
    ours = {
        str(p.relative_to(ROOT))
        for p in ROOT.glob("ebm_nb/**/*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert ours <= set(zipfile.ZipFile(built[0]).namelist())
    names = {name.partition("/")[2] for name in tarfile.open(built[1]).getnames()}
    assert ours | {"settings.ini", "setup.py", "LICENSE", "README.md"} <= names


def test_wheel_imports_every_module(python, tmp_path):
    names = ", ".join(f"ebm_nb.{path.stem}" for path in modules(ROOT))
    where = call(
        python, "-c", f"import {names}; print(ebm_nb.__file__)", cwd=tmp_path
    ).stdout
    assert where.startswith(str(python.parent.parent)), (
        "the checkout was imported, not the wheel"
    )


def test_light_imports(python, tmp_path):
    "Neither the package nor its command line imports TensorFlow before it must."
    for name in ["ebm_nb", "ebm_nb.cli"]:
        call(
            python,
            "-c",
            f"import sys, {name}; assert not {{'tensorflow', 'keras'}} & "
            "sys.modules.keys()",
            cwd=tmp_path,
        )


def test_help_is_quiet(python, tmp_path):
    assert call(python.parent / "ebm_nb", "--help", cwd=tmp_path).stderr == ""
