"""What the wheel and the source archive carry, and what they say of themselves."""

import email
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

from tests.docker.test_install import ROOT, copy_source

PACKAGES = ("config", "routing", "proxy")
PAGES = sorted(str(page.relative_to(ROOT)) for top in PACKAGES for page in (ROOT / top).rglob("README.md"))
CONSOLE = sorted(str(path.relative_to(ROOT)) for part in ("static", "templates", "words")
                 for path in (ROOT / "proxy/console" / part).rglob("*") if path.is_file())
"""What the console reads beside its code."""
DOCKER = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docker").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with both, built from a copy of the project by the setuptools that is here."""
    folder = tmp_path_factory.mktemp("package")
    code = "import sys, setuptools.build_meta as b; to = sys.argv[1]; b.build_sdist(to); b.build_wheel(to)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder)],
        cwd=copy_source(folder / "source"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(built.glob("boomerang-*.whl")))


@pytest.fixture(scope="module")
def sdist(built: Path) -> set[str]:
    with tarfile.open(next(built.glob("boomerang-*.tar.gz"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def metadata(wheel: zipfile.ZipFile) -> Message:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def test_the_wheel_carries_what_is_read_and_shown(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "proxy/status/asyncapi.json" in names
    assert set(PAGES) <= set(names)
    assert set(CONSOLE) <= set(names)
    share = {name.partition("/data/share/boomerang/")[2] for name in names}
    assert {"README.md", "LICENSE", *DOCKER} <= share
    assert wheel.read("proxy/status/asyncapi.json") == (ROOT / "proxy/status/asyncapi.json").read_bytes()
    assert not [name for name in names if name.startswith(("tests", "docker", "build"))], "no package of these names"


def test_the_wheel_carries_every_file_of_its_packages(wheel: zipfile.ZipFile) -> None:
    here = {
        str(path.relative_to(ROOT))
        for top in PACKAGES
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here - set(wheel.namelist()) == set()


def test_the_source_archive_is_the_project(sdist: set[str]) -> None:
    assert {"README.md", "LICENSE", "pyproject.toml", *PAGES, *DOCKER, "proxy/status/asyncapi.json"} <= sdist
    assert {"tests/run", "tests/README.md", "tests/kit/twisted.py", ".ci/run", ".dockerignore"} <= sdist
    assert not [name for name in sdist if "__pycache__" in name or name.endswith(".pyc")]


def test_the_metadata_is_complete(wheel: zipfile.ZipFile) -> None:
    found = metadata(wheel)
    for field in (
        "Name",
        "Version",
        "Summary",
        "Author",
        "Keywords",
        "Requires-Python",
        "License-Expression",
        "License-File",
        "Description-Content-Type",
    ):
        assert found[field], field
    assert len(found.get_all("Classifier", [])) > 5
    assert "@" not in "".join(str(value) for name, value in found.items() if name.startswith(("Author", "Maintainer")))
    assert str(found.get_payload()).startswith("# Boomerang")
