"""Which settings name a recording, and whose they are."""

from collections.abc import Iterator

from config.lines import format_key
from config.policy import Policy, flat, plain_policy
from proxy.media.texts import TEXTS


def is_built_in(name: str) -> bool:
    """Whether a prompt of that name came with the program: then everybody hears the one that is uploaded for it."""
    return name in TEXTS["en"]


def uses_of(policy: Policy) -> Iterator[tuple[str, str, str | None]]:
    """Yield each recording that the policy names, the setting, and whose group that is (None: everybody's)."""
    for path, value in flat(plain_policy(policy)).items():
        if not path[-1].endswith("_prompt") or not isinstance(value, str):
            continue
        group: str | None = None
        if path[0] == "group":
            group = path[1]
        elif path[0] == "number":
            group = policy.number[path[1]].group
        elif path[0] == "campaign":
            group = policy.campaign[path[1]].group
        yield value, format_key(path), group
