"""Recordings that callers and agents hear: those that came with the program, and those that were uploaded.

An uploaded one is kept as it is played, 8 kHz and 16 bit in one channel, and is heard with the next call. Files that
need arithmetic are converted by a process of their own (`proxy.media.convert`), in another thread.
"""

import asyncio
import base64
import binascii
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, get_args

from config.limits import Language
from config.policy import Policy
from proxy.control_client import ControlError
from proxy.media.contract import SAMPLE_RATE
from proxy.media.convert import load
from proxy.media.library import BUILT_IN, NAME, SIGNS
from proxy.media.wav import HEADER_BYTES, WavError, header
from proxy.verbs.handlers.recordings import CHUNK
from proxy.verbs.prompt_uses import uses_of
from proxy.verbs.shapes import prompts as shapes
from proxy.verbs.shapes.errors import ArgumentError, UnknownError
from proxy.verbs.shapes.fields import shown
from proxy.verbs.shapes.recordings import Part
from proxy.verbs.shapes.verb import Bound

LANGUAGES: Final = get_args(Language)


class PromptAnswers:
    """Answers `prompts.*`. Files are read and written in other threads."""

    def __init__(self, folder: Path, policy: Callable[[], Policy], built_in: Path = BUILT_IN) -> None:
        """`folder`: of what is uploaded; `policy`: the one in force."""
        self._folder, self._policy, self._built_in = folder, policy, built_in

    def bound(self) -> list[Bound]:
        """Every verb that is answered here."""
        return [shapes.LIST.by(self.prompts), shapes.ADD.by(self.add), shapes.GET.by(self.prompt),
                shapes.REMOVE.by(self.remove)]

    async def prompts(self, args: object) -> list[shapes.Prompt]:
        """Every recording, by name: uploaded ones before those that they are played instead of."""
        return await asyncio.to_thread(self._list, self._uses())

    async def add(self, args: shapes.AddPrompt) -> shapes.Prompt:
        """Keep a recording."""
        place = self._place(args)
        uses = self._uses()
        try:
            content = base64.b64decode(args.data, validate=True)
        except (binascii.Error, ValueError):
            raise ArgumentError("data", "data is no base64") from None
        await asyncio.to_thread(_keep, content, place)
        return await asyncio.to_thread(self._about, place, args.language, False, uses)

    async def prompt(self, args: shapes.GetPrompt) -> Part:
        """Give a part of a recording, from `offset` on, in base64."""
        place = self._place(args, self._built_in if args.built_in else self._folder)
        return await asyncio.to_thread(_part, place, args.offset)

    async def remove(self, args: shapes.OnePrompt) -> shapes.RemovedPrompt:
        """Remove an uploaded recording; what settings name must be there in another language at least."""
        place, used = self._place(args), self._uses().get(args.name, [])
        there = [one for one in (self._folder, *(self._folder / name for name in LANGUAGES))
                 if (one / place.name).is_file()]
        if used and there == [place.parent]:
            raise ControlError(f"{used[0]} names it: name another recording there first")
        try:
            await asyncio.to_thread(place.unlink)
        except FileNotFoundError:
            raise _unknown(args) from None
        except OSError as error:
            raise ControlError(f"{args.name} cannot be removed: {error.strerror}") from None
        return {"name": args.name, "language": args.language}

    def _place(self, args: shapes.OnePrompt, folder: Path | None = None) -> Path:
        """Return where a recording is kept. ArgumentError for a name that could lead out of the folder."""
        if not NAME.fullmatch(args.name):
            raise ArgumentError("name", f"name: {shown(args.name)} has other signs than letters, digits, _ and -, or "
                                        "begins with one of these two")
        return (folder or self._folder) / (args.language or "") / f"{args.name}.wav"

    def _uses(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, key, _ in uses_of(self._policy()):
            found.setdefault(name, []).append(key)
        return found

    def _list(self, uses: dict[str, list[str]]) -> list[shapes.Prompt]:
        found = [self._about(path, language, built_in, uses) for folder, built_in in (
            (self._folder, False), (self._built_in, True)) for path, language in _files(folder)
            if not (built_in and path.stem in SIGNS)]
        return sorted(found, key=lambda one: (one["name"], one["language"] or "", one["built_in"]))

    def _about(self, path: Path, language: str | None, built_in: bool, uses: dict[str, list[str]]) -> shapes.Prompt:
        about = path.stat()
        return {"name": path.stem, "language": language, "built_in": built_in, "bytes": about.st_size,
                "seconds": _seconds(path, about.st_size), "changed": about.st_mtime, "used": uses.get(path.stem, [])}


def _files(folder: Path) -> Iterator[tuple[Path, str | None]]:
    for language in (None, *LANGUAGES):
        place = folder / (language or "")
        try:
            names = sorted(entry.name for entry in os.scandir(place) if entry.is_file())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ControlError(f"the recordings cannot be read: {error.strerror}") from None
        yield from ((place / name, language) for name in names
                    if name.endswith(".wav") and NAME.fullmatch(name.removesuffix(".wav")))


def _seconds(path: Path, size: int) -> float | None:
    """Return how long a recording in the form that is played lasts; None: it is in another one."""
    with path.open("rb") as file:
        plain = file.read(HEADER_BYTES) == header(size - HEADER_BYTES)
    return round((size - HEADER_BYTES) / 2 / SAMPLE_RATE, 1) if plain else None


def _keep(content: bytes, place: Path) -> None:
    """Convert a file and put it in its place at once. ArgumentError where it is no recording."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".") as folder:
            raw, made = Path(folder) / "sent.wav", Path(folder) / "made.wav"
            raw.write_bytes(content)
            pcm = load(raw)
            made.write_bytes(header(len(pcm)) + pcm)
            made.replace(place)
    except WavError as error:
        raise ArgumentError("data", f"data: {error}") from None
    except OSError as error:
        raise ControlError(f"{place.name} cannot be written: {error.strerror}") from None


def _part(place: Path, offset: int) -> Part:
    try:
        with place.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(min(offset, size))
            data = file.read(CHUNK)
    except FileNotFoundError:
        raise UnknownError(f"there is no recording {place.stem!r} there") from None
    except OSError as error:
        raise ControlError(f"{place.name} cannot be read: {error.strerror}") from None
    after = offset + len(data)
    return {"name": place.name, "bytes": size, "offset": offset, "data": base64.b64encode(data).decode(),
            "next_offset": after if after < size and data else None}


def _unknown(args: shapes.OnePrompt) -> UnknownError:
    where = f"in the language {args.language}" if args.language else "for every language"
    return UnknownError(f"there is no uploaded recording {args.name!r} {where}")
