"""The AsyncAPI 3.0 document of what is published, made from the models.

`python -m proxy.status.asyncapi` prints it; the file `asyncapi.json` beside this module is that output, and a test
fails where it is not.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from proxy.status import models
from proxy.status.event_models import DATA, Envelope
from proxy.verbs.shapes import answers
from proxy.verbs.shapes.catalogue import at
from proxy.verbs.shapes.verb import Verb

TOPICS: Final[dict[str, tuple[str, type[models.Model]]]] = {
    "trunk/{name}": ("State of a trunk", models.PeerStatus),
    "pbx/{name}": ("State of a PBX", models.PeerStatus),
    "calls": ("Calls now and today", models.CallsStatus),
    "group/{name}": ("State of a group", models.GroupStatus),
    "agent/{extension}": ("State of an agent", models.AgentStatus),
    "alarms": ("Standing alarms", models.AlarmsStatus),
}
"""Retained topics below the node's own, with their models."""

PARAMETERS: Final = {
    "prefix": "`mqtt.prefix` of boomerang.toml, usually `boomerang`",
    "node": "`node.name` of boomerang.toml",
    "name": "Name from the configuration or the policy; what may not stand in a topic is percent-encoded",
    "extension": "Extension on the PBX",
}

REF: Final = "#/components/schemas/"


def document() -> dict[str, Any]:
    """Build the document."""
    used = {model for _, model in TOPICS.values()} | set(DATA.values()) | {Envelope}
    ordered = sorted(used, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=REF + "{model}")
    messages = {"status": _status()}
    channels = {"status": _channel("status", "status", "`online`, or `offline` by last will or clean stop; retained")}
    for topic, (title, model) in TOPICS.items():
        name = topic.partition("/")[0]
        messages[name] = _message(title, {"$ref": REF + model.__name__})
        channels[name] = _channel(topic, name, f"{title}; retained, sent on change")
    for kind, data in DATA.items():
        messages[kind] = _message((data.__doc__ or "").strip(), _event(kind, data))
        channels[kind] = _channel(f"event/{kind}", kind, "Not retained; in order, at least once")
    commands = _Commands()
    messages |= commands.messages
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Boomerang on MQTT",
            "version": "1",
            "description": "State retained on change, events in order after their commit. QoS 1, JSON in UTF-8.",
        },
        "defaultContentType": "application/json",
        "channels": channels | commands.channels,
        "operations": {
            f"publish.{name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "bindings": {"mqtt": {"qos": 1, "retain": name not in DATA, "bindingVersion": "0.2.0"}},
            }
            for name in channels
        } | commands.operations,
        "components": {"messages": messages, "schemas": definitions["$defs"] | commands.schemas},
    }


def text() -> str:
    """Render the document as the committed file holds it."""
    return json.dumps(document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _status() -> dict[str, Any]:
    message = _message("Whether the node is there", {"type": "string", "enum": ["online", "offline"]})
    return {**message, "contentType": "text/plain"}


class _Commands:
    """The commands, each with its arguments and its answer."""

    def __init__(self) -> None:
        shapes = answers.Schemas()
        self.messages: dict[str, Any] = {}
        self.channels: dict[str, Any] = {}
        self.operations: dict[str, Any] = {}
        replies = {}
        for name, verb in at("mqtt").items():
            command, reply = f"cmd.{name}", f"answer.{name}"
            self.messages[command] = _message(verb.means, _arguments(verb))
            self.messages[reply] = _message(f"The answer to {name}", _answer(shapes.of(verb.gives)))
            self.channels[command] = _channel(f"cmd/{name}", command, f"{verb.means}; a retained one is not done")
            replies[reply] = {"$ref": f"#/components/messages/{reply}"}
            self.operations[f"take.{name}"] = {
                "action": "receive", "channel": {"$ref": f"#/channels/{command}"},
                "reply": {"address": {"location": "$message.header#/responseTopic"},
                          "channel": {"$ref": "#/channels/answer"},
                          "messages": [{"$ref": f"#/channels/answer/messages/{reply}"}]}}
        self.channels["answer"] = {
            "address": None, "messages": replies,
            "description": "The Response Topic of a command, with its Correlation Data; on 3.1.1 its `reply_to`"}
        self.schemas = {f"Answer{name}": schema for name, schema in _renamed(shapes.parts).items()}


def _arguments(verb: Verb[Any, Any]) -> dict[str, Any]:
    schema = verb.takes.schema()
    return {**schema, "properties": {**schema["properties"], "reply_to": {
        "type": "string", "description": "On MQTT 3.1.1: the topic to answer to"}, **_ID_IN_THE_ANSWER,
        **{name: field for name, field in schema["properties"].items() if name == "id"}}}


_ID_IN_THE_ANSWER: Final = {"id": {"description": "On MQTT 3.1.1, beside `reply_to`: comes back in the answer"}}


def _answer(data: Mapping[str, Any]) -> dict[str, Any]:
    refusal = {"type": "object", "required": ["ok", "error", "problems"], "properties": {
        "ok": {"const": False}, "error": {"type": "string", "description": "Why it was not done"},
        "problems": {"type": "array", "description": "Each argument that cannot be, and why: `key`, `text`"}}}
    return {"oneOf": [{"type": "object", "required": ["ok", "data"],
                       "properties": {"ok": {"const": True}, "data": _pointing(data)}}, refusal]}


def _pointing(schema: Any) -> Any:
    """Return a schema whose references name the shapes of answers: they may be called as those of topics are."""
    if isinstance(schema, Mapping):
        return {key: value.replace(REF, f"{REF}Answer") if key == "$ref" else _pointing(value)
                for key, value in schema.items()}
    return [_pointing(one) for one in schema] if isinstance(schema, list) else schema


def _renamed(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _pointing(schema) for name, schema in parts.items()}


def _message(summary: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "payload": payload}


def _event(kind: str, data: type[models.Model]) -> dict[str, Any]:
    narrowed = {"properties": {"kind": {"const": kind}, "data": {"$ref": REF + data.__name__}}}
    return {"allOf": [{"$ref": REF + Envelope.__name__}, narrowed]}


def _channel(topic: str, message: str, description: str) -> dict[str, Any]:
    address = f"{{prefix}}/{{node}}/{topic}"
    return {
        "address": address,
        "description": description,
        "parameters": {name: {"description": what} for name, what in PARAMETERS.items() if f"{{{name}}}" in address},
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }


if __name__ == "__main__":
    sys.stdout.write(text())
