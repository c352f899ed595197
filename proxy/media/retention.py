"""The folder of recordings: what a crash left unfinished gets its name, what is too old is removed."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from proxy.media.recorder import PART

ENDING: Final = ".wav"


def recording_path(folder: Path, file: str) -> Path | None:
    """Return where a recording goes; None for a name that is empty or leads out of the folder."""
    relative = Path(file)
    if not file or relative.is_absolute() or ".." in relative.parts or "\0" in file:
        return None
    path = folder / relative
    return path if path.suffix == ENDING else path.with_name(path.name + ENDING)


def rescue(folder: Path) -> list[Path]:
    """Give the files that were being written when their process ended their names. Raises OSError."""
    found = []
    for path in list(folder.rglob("*" + ENDING + PART)):
        whole = path.with_name(path.name.removesuffix(PART))
        path.rename(whole)
        found.append(whole)
    return found


def sweep(folder: Path, before: float, busy: Collection[Path] = ()) -> int:
    """Remove recordings last written before an epoch second, and folders that are empty then; how many files."""
    removed = 0
    for path in _recordings(folder):
        if path in busy:
            continue
        try:
            if path.stat().st_mtime < before:
                path.unlink()
                removed += 1
        except OSError:
            continue
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        try:
            if path.stat().st_mtime < before:
                path.rmdir()
        except OSError:
            continue
    return removed


def _recordings(folder: Path) -> Iterator[Path]:
    yield from [path for path in folder.rglob("*") if path.name.endswith((ENDING, ENDING + PART)) and path.is_file()]
