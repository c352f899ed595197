"""Which build runs, as the files say it."""

import shutil
import subprocess
import sys
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import proxy.build


def said_in(folder: Path) -> str:
    argv = [sys.executable, "-c", "from proxy.build import build; print(build())"]
    done = subprocess.run(argv, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(("suffix", "expected"), [(".py", "pure"), (EXTENSION_SUFFIXES[0], "compiled")])
def test_the_file_that_would_be_loaded_says_it(tmp_path: Path, suffix: str, expected: str) -> None:
    (tmp_path / "proxy" / "sip").mkdir(parents=True)
    for name in ("proxy/__init__.py", "proxy/sip/__init__.py", "proxy/sip/parser.py", f"proxy/sip/parser{suffix}"):
        (tmp_path / name).touch()
    shutil.copy(str(proxy.build.__file__), tmp_path / "proxy" / "build.py")
    assert said_in(tmp_path) == expected


def test_the_version_is_said_by_the_folder_that_an_installer_has_left(tmp_path: Path) -> None:
    (tmp_path / "boomerang-1.2.3.dist-info").mkdir()
    (tmp_path / "boomerangs-9.dist-info").mkdir()
    assert proxy.build.version([str(tmp_path / "none"), str(tmp_path)]) == "1.2.3"
    assert proxy.build.version([str(tmp_path / "none")]) == "0"


def test_the_version_is_the_one_that_the_interpreter_knows() -> None:
    try:
        known = metadata.version("boomerang")
    except metadata.PackageNotFoundError:
        known = "0"
    assert proxy.build.version() == known
