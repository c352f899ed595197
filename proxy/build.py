"""Which of its two builds this is: the rooms without I/O as Python, or as machine code made of the same files.

Both behave alike; `docker/wheel` makes the compiled one.
"""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final, Literal

Build = Literal["compiled", "pure"]

INSTALLED: Final = ("boomerang-", ".dist-info")
"""How the folder is named that an installer leaves beside the packages, around the version (PyPA, "Recording installed
projects")."""

COMPILED_ALWAYS = "proxy.sip.parser"
"""A module that every compiled build has as machine code."""


def version(places: Sequence[str] | None = None) -> str:
    """Version of the installed package; `0` in a bare checkout. `places`: where it is looked for, else `sys.path`.

    `importlib.metadata` knows it too, and takes 2 MB and a tenth of the start for it.
    """
    before, behind = INSTALLED
    for place in sys.path if places is None else places:
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        for name in names:
            if name.startswith(before) and name.endswith(behind):
                return name[len(before):-len(behind)]
    return "0"


def build() -> Build:
    """Say which build runs."""
    spec = find_spec(COMPILED_ALWAYS)
    return "pure" if spec is None or spec.origin is None or spec.origin.endswith(".py") else "compiled"
