"""Files that never change under their address: the style sheet, the script, and htmx.

An address holds the hash of what it gives, so browsers keep it for a year and see a new one at once. Each is read and
packed when it is first asked for. htmx comes out of the package that carries it. The extension for events in there is
one for htmx 1, and says so on every page: `console.js` follows events itself, by the same attributes.
"""

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

OWN: Final = files("proxy.console") / "static"
HTMX: Final = files("js_lib_htmx") / "static" / "htmx"
FILES: Final[dict[str, tuple[Traversable, str]]] = {
    "console.css": (OWN / "console.css", "text/css; charset=utf-8"),
    "console.js": (OWN / "console.js", "text/javascript; charset=utf-8"),
    "icon.svg": (OWN / "icon.svg", "image/svg+xml"),
    "htmx.js": (HTMX / "htmx.min.js", "text/javascript; charset=utf-8"),
}
"""Every file that browsers load, by its name: where it is and what it is."""
FOREVER: Final = "public, max-age=31536000, immutable"
SIGNS: Final = 16
"""Hexadecimal digits of a hash in an address."""

router = APIRouter()


class StaticFile(NamedTuple):
    """One file as it is sent."""

    content: bytes
    packed: bytes
    """The same, by gzip."""
    mark: str
    """Hash of its content."""
    kind: str
    """Its media type."""


@cache
def static_file(name: str) -> StaticFile:
    """Return a file. Raises KeyError for a name that none has."""
    place, kind = FILES[name]
    content = place.read_bytes()
    return StaticFile(content, gzip.compress(content, 9, mtime=0), hashlib.sha256(content).hexdigest()[:SIGNS], kind)


def static_url(name: str) -> str:
    """Return the address of a file."""
    return f"/static/{static_file(name).mark}/{name}"


@router.get("/static/{mark}/{name}", include_in_schema=False)
async def give(request: Request, mark: str, name: str) -> Response:
    """Give a file; the one that there is now, whatever hash was asked for, but then it is not kept."""
    if name not in FILES:
        raise HTTPException(404, "there is no such file")
    file = static_file(name)
    headers = {"cache-control": FOREVER if mark == file.mark else "no-store", "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, media_type=file.kind, headers={**headers, "content-encoding": "gzip"})
    return Response(file.content, media_type=file.kind, headers=headers)
