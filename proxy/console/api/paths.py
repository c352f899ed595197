"""Which path has which verb: made from the verb's name, so that a verb is found at every door under the same words."""

from typing import Any, Final, NamedTuple

from proxy.verbs.shapes.catalogue import at
from proxy.verbs.shapes.fields import Field
from proxy.verbs.shapes.verb import Verb

PREFIX: Final = "/api/v1"
NOUNS: Final = {"dnc": "do-not-call", "queues": "groups"}
"""What paths call it, where a verb calls it otherwise."""


class Path(NamedTuple):
    """One path of the API, below `PREFIX`."""

    method: str
    path: str
    verb: str
    older: bool = False
    """It is of an older version; `path_of` is the one to use."""


APART: Final = {"status": ("GET", "/status"), "callbacks.figures": ("GET", "/figures"),
                "recordings.get": ("GET", "/recordings/{name}"), "prompts.get": ("GET", "/prompts/{name}"),
                "policy.at": ("GET", "/policy/versions/{version}")}
"""Paths that are not made from the verb's name."""
BESIDE: Final = (
    Path("DELETE", "/do-not-call/{customer}", "dnc.remove"),
    Path("DELETE", "/direct/{customer}", "direct.remove", older=True), Path("POST", "/dnc", "dnc.add", older=True),
    Path("DELETE", "/dnc/{customer}", "dnc.remove", older=True),
    Path("POST", "/tickets/{ticket}/comments", "tickets.comment", older=True),
)
"""Further paths of some verbs."""
SERVED_APART: Final = frozenset({"recordings.get", "prompts.get", "prompts.put", "prompts.upload",
                                 "callbacks.figures", "policy.history"})
"""Verbs whose path takes or gives something else than JSON, or more than they do."""


def path_of(verb: Verb[Any, Any]) -> Path:
    """Return the path of a verb: `/NOUN` lists and adds, `/NOUN/KEY` shows, `/NOUN/KEY/ACT` does something else."""
    if verb.name in APART:
        return Path(*APART[verb.name], verb.name)
    noun = f"/{NOUNS.get(verb.noun, verb.noun)}"
    key = f"/{{{key_name(verb)}}}" if verb.key else ""
    if verb.act in ("list", "show"):
        return Path("GET", noun + key if key or verb.act == "list" else f"{noun}/show", verb.name)
    if verb.act == "add":
        return Path("POST", noun, verb.name)
    return Path("POST" if verb.changes else "GET", f"{noun}{key}/{verb.act}", verb.name)


def verb_paths() -> list[Path]:
    """Return every path that answers a verb with JSON, but for lists; those without a key first, for a key might look
    like them.
    """
    made = [path_of(verb) for name, verb in at("api").items()
            if name not in SERVED_APART and verb.act != "list" and not verb.streams]
    return sorted((*made, *BESIDE), key=lambda one: "{" in one.path)


def key_name(verb: Verb[Any, Any]) -> str:
    """Return what a path calls the argument that says which one is meant."""
    field: Field = verb.takes.fields[verb.key]
    return (field.place or verb.key).lower()
