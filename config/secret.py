"""Passwords stand outside the configuration: in an environment variable or in a file of their own."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

SECRET_BYTES: Final = 4096
"""Longest secret file that is read."""

HIDDEN: Final = "***"
"""What stands in the place of a secret that was written where none may be."""

KEY_BYTES: Final = 32
"""Length of a key behind tokens and branches; it is written as twice as many hexadecimal digits."""

_KEY: Final = re.compile(f"[0-9A-Fa-f]{{{2 * KEY_BYTES}}}")
_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_SCHEME: Final = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*://|sips?:)")
_HOST: Final = re.compile(r"[\w.-]*")
_PORT_OR_ADDRESS: Final = re.compile(r"[0-9]+(?![\w!])|[/\[]|[0-9A-Fa-f:.]*$")
_WORD: Final = re.compile(r"[^\s'\"]+")

CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""Environment variable in which systemd names the folder of a unit's credentials (systemd.exec(5))."""
CREDENTIALS: Final = f"${{{CREDENTIALS_VARIABLE}}}"

RULE: Final = "a secret is never written here: name it as env:NAME or file:PATH"


def is_reference(text: str) -> bool:
    """Say whether `text` names a secret instead of being one."""
    return text.startswith(("env:", "file:"))


def hide(text: str, written: object) -> str:
    """Return what is said of a value without what may be a secret in it.

    That is what stands before the last `@`, where a URL has user name and password (RFC 3986 section 3.2.1), and what
    stands after a host's colon and is no port. `written`: the value that it is said of.
    """
    if isinstance(written, str):
        for secret in _secrets(written):
            for form in (secret, repr(secret)[1:-1]):
                text = text.replace(form, HIDDEN)
    return _WORD.sub(_without_user_info, text)


def _without_user_info(word: re.Match[str]) -> str:
    """Return a word without `user:password` before its last `@`. One look at each sign: a word may be a megabyte."""
    before, mark, after = word[0].rpartition("@")
    return f"{HIDDEN}@{after}" if mark and ":" in before else word[0]


def _secrets(written: str) -> Iterator[str]:
    before, mark, _ = written.rpartition("@")
    if mark and ":" in before:
        yield before
    if written.startswith("file:") or (written.startswith("env:") and _NAME.fullmatch(written[len("env:"):])):
        return
    rest = _SCHEME.sub("", written).partition(":")
    if _HOST.fullmatch(rest[0]) and rest[2] and not _PORT_OR_ADDRESS.match(rest[2]):
        yield rest[2]


def read_secret(reference: str, folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the secret that `env:NAME` or `file:PATH` names; a relative path starts in `folder`.

    `PATH` may begin with `${CREDENTIALS_DIRECTORY}`, where systemd puts what a unit's LoadCredential= names. The line
    end of a file is not part of the secret. ValueError where there is none, or where `reference` is a literal;
    the message never shows what was written, because that may be the secret itself.
    """
    kind, _, name = reference.partition(":")
    if not is_reference(reference) or not name:
        raise ValueError(RULE)
    if kind == "env" and not _NAME.fullmatch(name):
        raise ValueError("what follows env: is no name of an environment variable: letters, digits and _")
    secret = environ.get(name, "") if kind == "env" else \
        _read_file(Path(folder or ".", expand_credentials(name, environ)))
    if not secret:
        raise ValueError(f"environment variable {name} is not set" if kind == "env" else f"{name} is empty")
    return secret


def read_key(reference: str, folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> bytes:
    """Return the key of `KEY_BYTES` bytes that a reference names, in hexadecimal digits; as `read_secret` otherwise.

    ValueError too where its file is readable by everybody: who has the key may speak in every call.
    """
    text = read_secret(reference, folder, environ)
    if not _KEY.fullmatch(text):
        raise ValueError(f"{reference} holds no key: {2 * KEY_BYTES} hexadecimal digits, made with "
                         f"`openssl rand -hex {KEY_BYTES}`")
    if reference.startswith("file:"):
        path = Path(folder or ".", expand_credentials(reference.removeprefix("file:"), environ))
        if path.stat().st_mode & stat.S_IROTH:
            raise ValueError(f"{path} is readable by every user of this machine: chmod o-rwx")
    return bytes.fromhex(text)


def expand_credentials(path: str, environ: Mapping[str, str] = os.environ) -> str:
    """Put systemd's folder of credentials in the place of `${CREDENTIALS_DIRECTORY}` at the beginning of a path.

    ValueError where there is no such folder: this process is not the unit that has them.
    """
    if not path.startswith(CREDENTIALS):
        return path
    folder = environ.get(CREDENTIALS_VARIABLE)
    if not folder:
        raise ValueError(
            f"{CREDENTIALS_VARIABLE} is not set: systemd sets it for a unit with LoadCredential=, so only that unit "
            "can read this"
        )
    return folder + path.removeprefix(CREDENTIALS)


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > SECRET_BYTES:
        raise ValueError(f"{path} is longer than {SECRET_BYTES} bytes")
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8") from None
