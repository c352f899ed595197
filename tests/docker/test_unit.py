"""The systemd unit: what it promises about restarts and secrets, as systemd itself reads it."""

import configparser
import shutil
import subprocess
from pathlib import Path

from tests.docker.test_install import ROOT

UNIT = ROOT / "docker" / "boomerang.service"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read(UNIT)
    return parser


def test_a_failed_start_is_tried_again_for_ever() -> None:
    found = unit()
    assert found["Unit"]["StartLimitIntervalSec"] == "0", "no limit of starts"
    assert found["Service"]["Restart"] in ("on-failure", "always")
    assert float(found["Service"]["RestartSec"]) >= 1
    assert "RestartPreventExitStatus" not in found["Service"]


def test_a_console_that_takes_all_memory_ends_alone() -> None:
    assert unit()["Service"]["OOMPolicy"] == "continue"


def test_a_credential_is_shown() -> None:
    assert "#LoadCredential=" in UNIT.read_text()
    assert "${CREDENTIALS_DIRECTORY}" in UNIT.read_text()


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    """Every line is one that systemd knows, with the credential too; where systemd is not here its words are known."""
    found = unit()
    assert found.sections() == ["Unit", "Service", "Install"]
    text = UNIT.read_text().replace("/opt/boomerang/bin/boomerang", "/bin/true")
    (tmp_path / "boomerang.service").write_text(text.replace("#LoadCredential", "LoadCredential"))
    if shutil.which("systemd-analyze") is None:
        assert {"Type", "ExecStart", "Restart", "RestartSec", "User"} <= set(found["Service"])
        return
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / "boomerang.service")],
                          capture_output=True, text=True, timeout=60, check=False)
    assert [line for line in done.stderr.splitlines() if "boomerang.service" in line] == [], done.stderr
