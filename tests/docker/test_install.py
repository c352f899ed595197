"""docker/install does on a folder of this test what it does in the image: a daemon that runs, and keeps its files.

No compiler is at hand, so what comes of it is Python alone.
"""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.kit.console import Visitor, wait_for_console
from tests.kit.installed import INSTALLS, check_calls, run, without_compiler
from tests.kit.ports import LOOPBACK, free_port
from tests.kit.process import Process
from tests.kit.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[2]


LEFT = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "__pycache__", "*.egg-info", "build", "dist", ".hypothesis")


def copy_source(folder: Path) -> Path:
    """The project as it is in a clone: building writes beside the source."""
    return shutil.copytree(ROOT, folder, ignore=LEFT)


def install(source: Path, folder: Path, bare: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    names = {"PREFIX": "prefix", "CONFIG": "config", "DATA": "data"}
    env = {**bare, **{name: str(folder / each) for name, each in names.items()}, "OWNER": "", "PYTHON": sys.executable}
    return subprocess.run(
        [str(ROOT / "docker" / "install"), str(source)],
        env=env,
        capture_output=True,
        text=True,
        timeout=INSTALLS,
        check=False,
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of a machine without a compiler."""
    return without_compiler(tmp_path_factory.mktemp("bare") / "commands")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, bare: Mapping[str, str]) -> Path:
    """Folder with `prefix`, `config` and `data`, installed from the project's wheel as the image is."""
    folder = tmp_path_factory.mktemp("install")
    source = copy_source(folder / "source")
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source], bare, folder)
    done = install(next(folder.glob("boomerang-*.whl")), folder, bare)
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


def test_the_images_health_follows_the_configuration(installed: Path) -> None:
    """The HEALTHCHECK of the Dockerfile, beside a daemon whose web server is at another port, or off."""
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    [words] = re.findall(r"^HEALTHCHECK .*\n +CMD (\[.*\])$", dockerfile, re.MULTILINE)
    command = [str(installed / "prefix") + word.removeprefix("/opt/boomerang") if word.startswith("/opt") else word
               for word in json.loads(words)]

    def healthy() -> bool:
        done = subprocess.run(command, cwd=installed / "live", capture_output=True, timeout=PATIENCE, check=False)
        return done.returncode == 0

    config = installed / "live" / "boomerang.toml"
    config.parent.mkdir()
    shown = (ROOT / "docker" / "boomerang.toml").read_text()
    console = free_port()
    for listen in (f'"{LOOPBACK}:{free_port()}"', '"off"'):
        text = re.sub(r'uri = "(\w+)://.*"', rf'uri = "\1://{LOOPBACK}:{free_port()}"', shown)
        text = re.sub(r'(?m)^data = .*$', f'data = "{installed / "live"}"', text).replace('"127.0.0.1:8080"', listen)
        text = text.replace('"127.0.0.1:8088"', f'"{LOOPBACK}:{console}"')
        text = text.replace('url = "mqtt://127.0.0.1:1883"', 'url = "off"').replace('seed = "policy.toml"', "")
        config.write_text(text)
        assert not healthy(), "nothing runs"
        with Process([installed / "prefix" / "bin" / "boomerang", "run", "-c", config]) as daemon:
            eventually(lambda: healthy() or not daemon.running, "the daemon is healthy")
            assert healthy(), daemon.report()
            wait_for_console(console)  # with the pages, words and looks of the wheel
            assert Visitor(console).get("/login?lang=hu").text.count("Bejelentkez") >= 1
        assert not healthy(), "nothing runs any more"


def test_without_a_compiler_it_is_python_alone_and_calls_pass(installed: Path, bare: Mapping[str, str],
                                                              tmp_path: Path) -> None:
    prefix = installed / "prefix"
    assert run([prefix / "bin" / "boomerang", "version"], bare, tmp_path).strip().endswith("(pure)")
    check_calls(prefix, tmp_path / "site", "pure")


def test_another_wheel_of_the_same_version_takes_the_place_of_the_first(
        installed: Path, bare: Mapping[str, str], tmp_path: Path) -> None:
    """As the compiled one does, whose version is that of the one in Python."""
    wheel = next(installed.glob("boomerang-*.whl"))
    other = Path(shutil.copy(wheel, tmp_path))
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("proxy/another.py", "")
    done = install(other, installed, bare)
    assert done.returncode == 0, done.stdout + done.stderr
    python = installed / "prefix" / "bin" / "python"
    run([python, "-c", "import proxy.another"], bare, tmp_path)


def test_what_the_operator_wrote_stays_and_is_checked(installed: Path, bare: Mapping[str, str]) -> None:
    config = installed / "config" / "boomerang.toml"
    config.write_text(config.read_text().replace("udp://0.0.0.0:5060", "udp://0.0.0.0:0x"))
    again = install(next(installed.glob("boomerang-*.whl")), installed, bare)
    assert again.returncode == 2
    assert "listen" in again.stdout
    assert "0x" in config.read_text()
