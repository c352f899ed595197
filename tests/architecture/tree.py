"""What the tests of this folder look at: the modules of the product, what each imports, the files in git."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
TOPS: Final = ("config", "routing", "proxy")


def _modules() -> Iterator[tuple[str, Path]]:
    for top in TOPS:
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES: Final = dict(_modules())
"""File of each module of the product, by its dotted name."""


@cache
def tree_of(module: str) -> ast.Module:
    """Parse a module, once."""
    return ast.parse(MODULES[module].read_bytes())


def imports(module: str) -> Iterator[tuple[str, str, str]]:
    """Everything a module imports, inside functions too and for types alone too: (from where, what, name here).

    `what` is empty where a whole module is imported by its name.
    """
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((base, alias.name, alias.asname or alias.name) for alias in node.names)


def imported_names(module: str) -> Iterator[str]:
    """Absolute names of what a module imports: `from proxy import sip` names the room only in the alias."""
    return (f"{base}.{name}" if name else base for base, name, _ in imports(module))


def imported_modules(module: str) -> set[str]:
    """Modules of the product that a module imports, itself left out."""
    found = {full if full in MODULES else base for base, name, _ in imports(module)
             if (full := f"{base}.{name}") in MODULES or base in MODULES}
    return found - {module}


def tracked() -> list[Path]:
    """Text files in git; outside a checkout (an unpacked archive) every file of the rooms and tests."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        return [p for top in (*TOPS, "tests", "docker") for p in (ROOT / top).rglob("*.*")]
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]
