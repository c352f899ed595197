"""Whether an answer is what its shape says: the part of JSON Schema that the shapes use."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from proxy.verbs.shapes.answers import REF, Schemas
from proxy.verbs.shapes.verb import Verb

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None), "object": dict,
    "array": list,
}


def misfits(verb: Verb[Any, Any], data: Any) -> list[str]:
    """What of an answer, as a door gives it, is otherwise than the verb's shape says; nothing: it fits."""
    schemas = Schemas()
    return list(_misfits(data, schemas.of(verb.gives), schemas.parts, verb.name))


def _misfits(value: Any, schema: Mapping[str, Any], parts: Mapping[str, Any], where: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _misfits(value, parts[schema["$ref"].removeprefix(REF)], parts, where)
    elif "anyOf" in schema:
        if all(list(_misfits(value, one, parts, where)) for one in schema["anyOf"]):
            yield f"{where}: {value!r} is none of {schema['anyOf']}"
    elif "type" in schema:
        kind = _TYPES[schema["type"]]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            yield f"{where}: {value!r} is no {schema['type']}"
        elif "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is none of {schema['enum']}"
        elif schema.get("format") == "date-time" and datetime.fromisoformat(str(value)).tzinfo is None:
            yield f"{where}: {value!r} has no zone"
        elif isinstance(value, list):
            for number, item in enumerate(value):
                yield from _misfits(item, schema["items"], parts, f"{where}[{number}]")
        elif isinstance(value, dict):
            yield from _of_object(value, schema, parts, where)


def _of_object(value: dict[str, Any], schema: Mapping[str, Any], parts: Mapping[str, Any],
               where: str) -> Iterator[str]:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", {})
    yield from (f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value)
    for name, item in value.items():
        if name in known:
            yield from _misfits(item, known[name], parts, f"{where}.{name}")
        elif more is False:
            yield f"{where}: {name} is not in the shape"
        else:
            yield from _misfits(item, more, parts, f"{where}.{name}")
