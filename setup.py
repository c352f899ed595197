"""Compiles the rooms without I/O, where that is asked for: `BOOMERANG_COMPILED=1`, as `docker/wheel` does.

All else is in pyproject.toml. Without the variable the package is Python alone, and no compiler is looked for. With it
whatever is missing ends the build: nobody who asked for a compiled wheel gets another one.
"""

import os
from glob import glob

from setuptools import setup  # type: ignore[import-untyped]

COMPILED = ("proxy/sip/*.py", "proxy/core/*.py", "routing/*.py", "proxy/transports/udp.py")
"""What every call runs through. The other rooms work a few times a minute."""
PYTHON = ("__init__.py", "bystanders.py")
"""What stays: nothing to run, and what classes of Python inherit from."""


def compiled() -> dict[str, object]:
    """Return what setuptools is to be told beside pyproject.toml."""
    if os.environ.get("BOOMERANG_COMPILED") != "1":
        return {}
    try:
        from mypyc.build import mypycify
    except ImportError:
        raise SystemExit("BOOMERANG_COMPILED=1 needs mypy beside setuptools: build with docker/wheel") from None
    files = sorted(name for pattern in COMPILED for name in glob(pattern) if not name.endswith(PYTHON))
    # One library that the modules share: calls between them stay within it.
    return {"ext_modules": mypycify(files, opt_level="1", debug_level="0", group_name="boomerang"),
            "options": {"build_ext": {"parallel": os.cpu_count()}}}


setup(**compiled())
