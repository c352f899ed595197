"""docker/install does on a folder of this test what it does in the image: a daemon that runs, and keeps its files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def install(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PREFIX": str(folder / "prefix"),
        "CONFIG": str(folder / "config"),
        "DATA": str(folder / "data"),
        "OWNER": "",
        "PYTHON": sys.executable,
    }
    return subprocess.run(
        [str(ROOT / "docker" / "install"), str(source)],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `prefix`, `config` and `data`, installed from the project's wheel as the image is."""
    folder = tmp_path_factory.mktemp("install")
    source = folder / "source"
    for name in ("config", "routing", "proxy"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    built = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    done = install(next(folder.glob("boomerang-*.whl")), folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is good" in done.stdout
    return folder


def test_the_first_configuration_is_there(installed: Path) -> None:
    assert f'data = "{installed / "data"}"' in (installed / "config" / "boomerang.toml").read_text()
    assert (installed / "config" / "policy.toml").read_text() == (ROOT / "docker" / "policy.toml").read_text()
    assert (installed / "data").stat().st_mode & 0o777 == 0o700


def test_everything_the_daemon_loads_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import proxy.app, proxy.demo, proxy.cli; print(proxy.app.__file__)"
    python = installed / "prefix" / "bin" / "python"
    told = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(str(installed))


def test_what_the_operator_wrote_stays_and_is_checked(installed: Path) -> None:
    config = installed / "config" / "boomerang.toml"
    config.write_text(config.read_text().replace("udp://0.0.0.0:5060", "udp://0.0.0.0:0x"))
    again = install(next(installed.glob("boomerang-*.whl")), installed)
    assert again.returncode == 2
    assert "listen" in again.stdout
    assert "0x" in config.read_text()
