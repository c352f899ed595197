"""From the daemon's values to topics and JSON: names of topics, shape of states."""

import json
import re
from typing import Any, Final, NamedTuple

from proxy.status import packets
from proxy.status.packets import Outgoing
from proxy.status.source import AgentState, Alarm, CallFigures, GroupState, PeerState, Snapshot
from routing.events import EventText, masked, rfc3339, write_json

UNSAFE_IN_TOPIC: Final = re.compile(rf"[/+#%{packets.UNWELCOME}]")
"""Separator and wildcards (MQTT 5 section 4.7.1), what brokers refuse, and the sign they are escaped with."""


def level(name: str) -> str:
    """`name` as one level of a topic; what may not stand there is percent-encoded."""
    return UNSAFE_IN_TOPIC.sub(
        lambda match: "".join(f"%{octet:02X}" for octet in match[0].encode("utf-8", "surrogatepass")), name)


def event_message(base: str, event: EventText, mask: bool) -> Outgoing:
    """The message that carries an event. Its text goes as it is, but where numbers are masked since it was written."""
    text = event.text
    if mask and not event.is_masked:
        told = json.loads(text)
        text = write_json({**told, "data": masked(told["data"])})
    return Outgoing(f"{base}/event/{event.kind}", encoded(text))


class Alarms(NamedTuple):
    """The standing alarms, as one value."""

    standing: tuple[Alarm, ...]


State = PeerState | GroupState | AgentState | CallFigures | Alarms
"""What a retained topic shows."""


def retained_values(snapshot: Snapshot) -> dict[str, State]:
    """Every retained topic but `status`, below the node's own, with its value."""
    values: dict[str, State] = {"calls": snapshot.calls, "alarms": Alarms(tuple(snapshot.alarms))}
    values.update((f"trunk/{level(name)}", state) for name, state in snapshot.trunks.items())
    values.update((f"pbx/{level(name)}", state) for name, state in snapshot.pbxs.items())
    values.update((f"group/{level(name)}", state) for name, state in snapshot.groups.items())
    values.update((f"agent/{level(name)}", state) for name, state in snapshot.agents.items())
    return values


def state_fields(value: State) -> dict[str, Any]:
    """The JSON object of one retained topic."""
    if isinstance(value, Alarms):
        return {"alarms": [{"name": n, "text": t, "since": rfc3339(s)} for n, t, s in value.standing]}
    fields = value._asdict()
    if isinstance(value, AgentState):
        fields["with"], fields["groups"] = fields.pop("customer"), list(value.groups)
        if value.reason is None:
            del fields["reason"]
    if fields.get("since") is not None:
        fields["since"] = rfc3339(fields["since"])
    if fields.get("latency_ms") is not None:
        fields["latency_ms"] = round(fields["latency_ms"], 1)
    return fields


def peer_event_data(name: str, peer: PeerState) -> dict[str, Any]:
    """The data of a `trunk.state` or `pbx.state` event."""
    return {"name": name, **state_fields(peer)}


def encode_state(value: State, mask: bool = False) -> bytes:
    """The payload of one retained topic."""
    fields = state_fields(value)
    return encoded(write_json(masked(fields) if mask else fields))


def encoded(text: str) -> bytes:
    """Return JSON as it goes out; half of a character that UTF-16 writes as two stands there as JSON escapes it."""
    return text.encode("utf-8", "backslashreplace")
