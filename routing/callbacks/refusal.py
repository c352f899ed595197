"""Why a task is not tried now, or a number is not called at all."""

from typing import Any, Literal, NamedTuple

from routing.events import rfc3339


class Refusal(NamedTuple):
    """A no, with its reason."""

    reason: str
    """The guard's word (`stop`, `own_number`, `do_not_call`, `country`, `number_type`, `number_cap`, `all_cap`,
    `quiet_hours`, `trunk_legs`, `trunk_channels`, `open_tasks`, `flood`), or `not_open`, `window`, `campaign`,
    `closed`, `engaged`, `lease`."""
    text: str
    """In words, for journal and event."""
    until: float | None
    """From when on it may be asked again; None: the answer stays the same while the policy does."""
    scope: Literal["customer", "trunk", "all"] = "customer"
    """Whom else it concerns at the moment: nobody, everybody by this trunk, or everybody."""

    def data(self) -> dict[str, Any]:
        """Return what an event says of it."""
        until = None if self.until is None else rfc3339(self.until)
        return {"refused": self.reason, "text": self.text, "until": until}
