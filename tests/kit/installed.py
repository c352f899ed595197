"""What was installed: on a machine without a compiler, and whether calls pass through it."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from proxy.build import Build
from tests.kit.site import Site

COMMANDS: Final = ("chmod", "dirname", "mkdir", "sed", "sh")
"""All that `docker/install` asks of a system beside Python."""
INSTALLS: Final = 1200.0
"""Seconds that pip may take: it bounds a failure alone."""
COMPILERS: Final = ("cc", "gcc", "c++", "g++", "clang")


def without_compiler(folder: Path, **more: str) -> Mapping[str, str]:
    """An environment whose PATH has a few commands of every system, and no compiler. `more`: further variables."""
    folder.mkdir()
    for name in COMMANDS:
        found = shutil.which(name)
        assert found is not None, f"no {name} here"
        (folder / name).symlink_to(found)
    assert not [name for name in COMPILERS if shutil.which(name, path=str(folder))]
    nowhere = str(folder / "no-compiler")
    return {**os.environ, "PATH": str(folder), "CC": nowhere, "CXX": nowhere, "PYTHONPATH": "", **more}


def run(argv: Sequence[str | Path], env: Mapping[str, str], folder: Path) -> str:
    """Run a command in a folder and give what it printed; AssertionError with that where it fails."""
    done = subprocess.run([str(word) for word in argv], env=env, cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=INSTALLS, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


def check_calls(prefix: Path, folder: Path, build: Build) -> None:
    """Both ways a call passes through the daemon of an environment, which says of itself which build it is."""
    with Site(folder, prefix=prefix) as site:
        site.agent_talks("201", "+36301112222", seconds=0)
        assert site.customer_talks("+36301113333", seconds=0)
        [info] = re.findall(r"^boomerang_info\{(.*)\}", site.boomerang.get("/metrics")[1], re.MULTILINE)
        assert f'build="{build}"' in info
        site.agent_misses("202", "+36301114444")
        assert site.customer_reaches("+36301114444") == "202"
