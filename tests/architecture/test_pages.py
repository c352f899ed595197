"""Every folder has a page that names its files, what a page names is there, and the tests stand where the code does."""

import re
from typing import Final

import pytest

from tests.architecture.tree import MODULES, ROOT, TOPS, tracked

FOLDERS: Final = sorted({str(path.parent.relative_to(ROOT)) for path in MODULES.values()})


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_page_names_every_file_of_its_folder(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text()
    missing = [path.name for path in sorted((ROOT / folder).glob("*.py"))
               if path.name != "__init__.py" and not re.search(rf"(?<!\w){re.escape(path.name)}`", text)]
    assert missing == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_page_names_the_folders_in_its_own(folder: str) -> None:
    inner = [path.name for path in sorted((ROOT / folder).iterdir()) if (path / "__init__.py").is_file()]
    text = (ROOT / folder / "README.md").read_text() if inner else ""
    assert [name for name in inner if not re.search(rf"(?<!\w){name}/", text)] == []


def test_every_file_that_a_page_names_is_there() -> None:
    files = [f"/{path.relative_to(ROOT)}" for path in tracked()]
    named = [(page.relative_to(ROOT), name) for page in tracked() if page.suffix == ".md"
             for name in re.findall(r"`(\w[\w/-]*\.(?:py|md|json|service))`", page.read_text())]
    assert [(page, name) for page, name in named if not any(path.endswith(f"/{name}") for path in files)] == []


WHERE: Final = re.compile(r"^\| (.+\?) \| \[[\w./]+\]\(([\w./]+)\) \| `(.+)` \|$", re.MULTILINE)
"""A line of the table `Where to look`: the question, the file, what stands in it."""


def test_where_to_look_is_where_it_is() -> None:
    page = ROOT / "proxy/README.md"
    lines = WHERE.findall(page.read_text())
    assert len(lines) >= 10
    assert [(question, name) for question, name, _ in lines if not (page.parent / name).is_file()] == []
    assert [(question, name, what) for question, name, what in lines
            if what not in (page.parent / name).read_text()] == []


OF_THE_WHOLE: Final = {"architecture", "bench", "browser", "docker", "flows", "hostile", "kit", "peers", "survival"}
"""Folders of tests that ask the product as a whole, or what stands around it."""


def test_tests_stand_where_the_code_does() -> None:
    """A folder of tests is a folder of the product, but for those that ask the whole of it."""
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("*.py")}
    inside = {folder for folder in folders if folder.parts and folder.parts[0] not in OF_THE_WHOLE}
    assert [str(folder) for folder in sorted(inside) if not (ROOT / folder).is_dir()] == []
    assert {folder.parts[0] for folder in inside} == set(TOPS)
