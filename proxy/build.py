"""Which of its two builds this is: the rooms without I/O as Python, or as machine code made of the same files.

Both behave alike; `docker/wheel` makes the compiled one.
"""

from importlib.util import find_spec
from typing import Literal

Build = Literal["compiled", "pure"]

COMPILED_ALWAYS = "proxy.sip.parser"
"""A module that every compiled build has as machine code."""


def build() -> Build:
    """Say which build runs."""
    spec = find_spec(COMPILED_ALWAYS)
    return "pure" if spec is None or spec.origin is None or spec.origin.endswith(".py") else "compiled"
