"""The types of boomerang.toml's settings: paths from the file's folder, secrets, addresses, patterns."""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

from config.address import parse_host_port, parse_listen, parse_peer, parse_server, parse_source
from config.broker import parse_broker
from config.checks import AfterValidator, BeforeValidator, Context, Field, SecretBytes, SecretStr
from config.loading import FOLDER
from config.patterns import foreign_pattern
from config.secret import expand_credentials, is_reference, read_key, read_secret

_HEADER: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
_PREFIX: Final = re.compile(r"[^+#\x00-\x1f/$][^+#\x00-\x1f]{0,99}(?<!/)")


def _folder(context: Context) -> Path:
    return Path(context.get(FOLDER, "."))


def _path(value: object, context: Context) -> object:
    """Resolve a path from the file's own folder."""
    if isinstance(value, str):
        if not value or "\0" in value or not _is_text_of_files(value):
            raise ValueError("is not a path")
        return _folder(context) / expand_credentials(value)
    return value


def _is_text_of_files(text: str) -> bool:
    """Whether the system can be asked for such a name: half of a character that UTF-16 writes as two is in none."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _no_file(path: Path) -> Path:
    """A folder that is there, or can be made: no part of the path is a file."""
    for place in (path, *path.parents):
        try:
            if place.is_dir():
                break
        except OSError as error:  # its name is too long, or a folder above it is closed to us
            raise ValueError(f"{path} cannot be had: {error.strerror}") from None
        if os.path.lexists(place):
            what = "it is" if place == path else f"{place} is"
            raise ValueError(f"{path} is no folder: {what} a file; name a folder, which is made where it is not there")
    return path


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def _secret(value: object, context: Context) -> object:
    return SecretStr(read_secret(value, _folder(context))) if isinstance(value, str) else value


def _key(value: object, context: Context) -> object:
    return SecretBytes(read_key(value, _folder(context))) if isinstance(value, str) else value


def _user(value: object, context: Context) -> object:
    return read_secret(value, _folder(context)) if isinstance(value, str) and is_reference(value) else value


def _as(parse: Callable[[str], object]) -> AfterValidator:
    """Keep the text as it was written, once `parse` has accepted it."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


def _pattern(text: str) -> str:
    """A regular expression; what another notation means is refused, for it would match no extension at all."""
    hint = foreign_pattern(text)
    if hint is not None:
        raise ValueError(f"{text!r} is no regular expression but {hint}")
    try:
        with warnings.catch_warnings(action="error", category=FutureWarning):
            re.compile(text, re.ASCII)
    except (re.error, RecursionError, OverflowError, FutureWarning) as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


def is_pattern(value: object) -> bool:
    """Say whether an unchecked value can stand where a pattern is asked for."""
    try:
        return isinstance(value, str) and _pattern(value) == value
    except ValueError:
        return False


def _header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise ValueError(f"{text!r} is not a header name")
    return text


def _topic(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError(f"{text!r} is not a topic prefix: no + and #, no / or $ at its start, no / at its end")
    if not text.isprintable():
        raise ValueError(f"{text!r} is not a topic prefix: brokers refuse what cannot be printed")
    return text


def _http_listen(text: str) -> str:
    if text != "off" and parse_host_port(text)[1] is None:
        raise ValueError(f"{text!r} has no port: write address:port, or off")
    return text


FilePath = Annotated[Path, BeforeValidator(_path)]
FolderPath = Annotated[Path, BeforeValidator(_path), AfterValidator(_no_file)]
ReadablePath = Annotated[Path, BeforeValidator(_path), AfterValidator(_readable)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
Key = Annotated[SecretBytes, BeforeValidator(_key)]
Keys = tuple[Key, ...]
User = Annotated[str, BeforeValidator(_user)]
Peers = Annotated[tuple[Annotated[str, _as(parse_peer)], ...], Field(min_length=1)]
Sources = tuple[Annotated[str, _as(parse_source)], ...]
Servers = tuple[Annotated[str, _as(parse_server)], ...]
Headers = Annotated[tuple[Annotated[str, AfterValidator(_header)], ...], Field(min_length=1)]
ListenUri = Annotated[str, _as(parse_listen)]
HostPort = Annotated[str, _as(parse_host_port)]
BrokerUrl = Annotated[str, _as(parse_broker)]
HttpListen = Annotated[str, AfterValidator(_http_listen)]
Topic = Annotated[str, AfterValidator(_topic)]
Pattern = Annotated[str, AfterValidator(_pattern)]
