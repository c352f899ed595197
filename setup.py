"""Compiles the rooms without I/O, where that is asked for: `BOOMERANG_COMPILED=1`, as `docker/wheel` does.

All else is in pyproject.toml. Without the variable the package is Python alone, and no compiler is looked for. With it
whatever is missing ends the build: nobody who asked for a compiled wheel gets another one.
"""

import os
import sys
from glob import glob

from setuptools import setup  # type: ignore[import-untyped]

COMPILED = ("proxy/sip/*.py", "proxy/core/*.py", "routing/*.py", "proxy/transports/udp.py",
            "proxy/transports/network.py", "proxy/transports/own.py", "proxy/daemon/message_ring.py",
            "proxy/status/packets.py", "proxy/status/payload.py", "proxy/status/session.py")
"""What every message runs through, and what is told of each call over MQTT. The other rooms work a few times a minute.
"""
PYTHON = ("__init__.py", "proxy/sip/bystanders.py", "proxy/sip/transaction_tables.py", "routing/figures.py",
          "routing/queue_menu.py", "routing/duty.py")
"""What stays: nothing to run, what classes of Python inherit from, tables (many statements, each run once),
and what runs once a minute or for a caller who presses keys. Sums over rows of counts and seconds have to stay, too:
the compiler takes every number of such a row for a float."""
ASKING = ("egg_info", "dist_info")
"""Commands by which whoever builds a wheel asks first what it is; the answer is the same."""


def compiled() -> dict[str, object]:
    """Return what setuptools is to be told beside pyproject.toml."""
    if os.environ.get("BOOMERANG_COMPILED") != "1":
        return {}
    try:
        from mypyc.build import mypycify
    except ImportError:
        raise SystemExit("BOOMERANG_COMPILED=1 needs mypy beside setuptools: build with docker/wheel") from None
    if any(command in sys.argv for command in ASKING):
        return {}
    files = sorted(name for pattern in COMPILED for name in glob(pattern) if not name.endswith(PYTHON))
    # Two libraries, each shared by its modules: calls between them stay within it, and two cores make both at once.
    routing = [name for name in files if name.startswith("routing/")]
    talking = [name for name in files if name not in routing]
    return {"ext_modules": mypycify(files, opt_level="1", debug_level="0",
                                    separate=[(talking, "boomerang_proxy"), (routing, "boomerang_routing")]),
            "options": {"build_ext": {"parallel": os.cpu_count()}}}


setup(**compiled())
