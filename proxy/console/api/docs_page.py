"""The API's description as one plain page: nothing is loaded from anywhere, no script runs."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any


def render(openapi: Mapping[str, Any], style: str, role: str) -> str:
    """Render an OpenAPI document as HTML. `style`: address of the style sheet; `role`: of who reads it."""
    info = openapi["info"]
    title = f"{escape(info['title'])} API {escape(info['version'])}"
    return "\n".join([
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">',
        f'<link rel="stylesheet" href="{escape(style)}"></head><body class="bare"><main id="main">',
        f'<h1>{title}</h1><p>{escape(info.get("description", ""))}</p>',
        f'<p>You are {escape(role)}. The same for machines: <a href="v1/openapi.json">openapi.json</a>. '
        '<a href="/">Back to the console</a></p>',
        *_paths(openapi.get("paths", {})),
        *_schemas(openapi.get("components", {}).get("schemas", {})),
        "</main></body></html>",
    ])


def _paths(paths: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
            yield f"<p>{escape(operation.get('summary', ''))}. {escape(operation.get('description', ''))}</p>"
            yield from _arguments(operation)
            yield "<table>"
            for status, answer in operation.get("responses", {}).items():
                yield f"<tr><th>{escape(status)}</th><td>{escape(answer.get('description', ''))}</td>"
                yield f"<td>{_content(answer.get('content', {}))}</td></tr>"
            yield "</table>"


def _arguments(operation: Mapping[str, Any]) -> Iterator[str]:
    """Write what a path takes: in itself, in its query, in its body."""
    rows = [(one["name"], one["in"], one["schema"]) for one in operation.get("parameters", ())]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    rows += [(name, "body", schema) for name, schema in body.get("properties", {}).items()]
    if not rows:
        return
    yield "<table>"
    for name, place, schema in rows:
        yield f"<tr><td><code>{escape(name)}</code></td><td>{escape(place)}</td><td>{_type(schema)}</td>"
        yield f"<td>{escape(schema.get('description', ''))}</td></tr>"
    yield "</table>"


def _content(content: Mapping[str, Any]) -> str:
    return ", ".join(f"<code>{escape(kind)}</code> {_type(part.get('schema', {}))}" for kind, part in content.items())


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{escape(schema.get("description", ""))}</p><table>'
        for field, part in schema.get("properties", {}).items():
            yield f"<tr><td><code>{escape(field)}</code></td><td>{_type(part)}</td>"
            yield f"<td>{escape(part.get('description', ''))}</td></tr>"
        yield "</table>"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(_type(part) for part in schema[key])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"name to {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("format") or schema.get("type") or "anything"))
