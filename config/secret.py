"""Passwords stand outside the configuration: in an environment variable or in a file of their own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SECRET_BYTES: Final = 4096
"""Longest secret file that is read."""

RULE: Final = "a secret is never written here: name it as env:NAME or file:PATH"


def is_reference(text: str) -> bool:
    """Say whether `text` names a secret instead of being one."""
    return text.startswith(("env:", "file:"))


def read_secret(reference: str, folder: Path | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the secret that `env:NAME` or `file:PATH` names; a relative path starts in `folder`.

    The line end of a file is not part of the secret. ValueError where there is none, or where `reference` is a literal;
    the message never shows what was written, because that may be the secret itself.
    """
    kind, _, name = reference.partition(":")
    if not is_reference(reference) or not name:
        raise ValueError(RULE)
    secret = environ.get(name, "") if kind == "env" else _read_file(Path(folder or ".", name))
    if not secret:
        raise ValueError(f"environment variable {name} is not set" if kind == "env" else f"{name} is empty")
    return secret


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
