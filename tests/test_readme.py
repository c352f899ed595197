"""README.md is true: what it shows is accepted, what it links to exists, what it names as a command is one."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
READMES = sorted(path for path in ROOT.rglob("README.md")
                 if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts))
SUBJECTS = {"boomerang.toml": "[node]", "policy.toml": "region"}
ADDED = "[group.sales.queue_callback]"
"""What is added to policy.toml."""
"""The files that README shows, and what their block begins with."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def boomerang(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "proxy", *arguments], cwd=cwd, env={"PYTHONPATH": str(ROOT)},
                          capture_output=True, text=True, timeout=60, check=False)


def test_the_configuration_it_shows_is_good(tmp_path: Path) -> None:
    for name, beginning in SUBJECTS.items():
        shown = [block for block in blocks("toml") if block.startswith(beginning)]
        assert len(shown) == 1, name
        (tmp_path / name).write_text(shown[0])
    [added] = [block for block in blocks("toml") if block.startswith(ADDED)]
    with (tmp_path / "policy.toml").open("a") as file:
        file.write("\n" + added)
    done = boomerang("check", "boomerang.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_toml_block_is_one_of_the_files_it_names() -> None:
    assert len(blocks("toml")) == len(SUBJECTS) + 1


def commands() -> list[list[str]]:
    """Every `boomerang ...` in a shell block."""
    lines = [line for block in blocks("sh") for line in block.splitlines() if "boomerang " in line]
    parts = [part for line in lines for part in line.partition("#")[0].split("&&")]
    words = [shlex.split(part) for part in parts if "$(" not in part]
    return [each[1:] for each in words if each and each[0].rpartition("/")[2] == "boomerang"]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_it_shows_exists(arguments: list[str], tmp_path: Path) -> None:
    options = [word for word in arguments if word.startswith("-")]
    done = boomerang(arguments[0], "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for option in options:
        assert option in done.stdout


def test_commands_are_found() -> None:
    assert [each[0] for each in commands()] == ["demo", "demo", "check", "run", "status", "callbacks"]


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_in_a_table_is_there(path: Path) -> None:
    """A first column that names files or folders names those that exist."""
    for row in re.findall(r"^\| (`.+?) \|", path.read_text(), re.MULTILINE):
        for name in re.findall(r"`([\w./-]+)`", row):
            if "/" in name or name.endswith((".py", ".md")):
                assert (path.parent / name).exists(), name
