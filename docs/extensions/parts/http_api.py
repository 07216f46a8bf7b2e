"""The HTTP API, from its OpenAPI description."""

from __future__ import annotations

from typing import Any

from parts.comments import table
from photoqueue.faces.http.server import create_app
from photoqueue.settings import Settings


def description() -> dict[str, Any]:
    """Return the OpenAPI description; opens no server."""
    return create_app(Settings()).openapi()


def markdown() -> str:
    """Write a section for each address."""
    parts = []
    schemas = description()["components"]["schemas"]
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            parts.append(_section(method.upper(), path, operation, schemas))
    return "\n\n".join(parts)


def _section(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    parts = [f"## {method} {path}", operation.get("description", operation["summary"])]
    rows: list[tuple[object, ...]] = [
        (f"`{one['name']}`", one["in"], "yes" if one["required"] else "", _said(one))
        for one in operation.get("parameters", ())
    ]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(content["schema"], schemas)
        rows += [
            (
                f"`{name}`",
                f"`{kind}`",
                "yes" if name in schema.get("required", ()) else "",
                field.get("description", ""),
            )
            for name, field in schema.get("properties", {}).items()
        ]
    if rows:
        parts.append(table("Parameter", "In", "Required", "Meaning", rows=rows))
    good = {code: answer for code, answer in operation["responses"].items() if code < "300"}
    parts += [f"Answers {code}: {_answer(answer, schemas)}" for code, answer in good.items()]
    return "\n\n".join(parts)


def _answer(answer: dict[str, Any], schemas: dict[str, Any]) -> str:
    for content in answer.get("content", {}).values():
        keys = _resolved(content.get("schema", {}), schemas).get("properties", {})
        if keys:
            return ", ".join(f"`{key}`" for key in keys) + "."
    return str(answer["description"])


def _said(parameter: dict[str, Any]) -> str:
    return str(parameter.get("description") or parameter.get("schema", {}).get("description", ""))


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return schemas[reference.rpartition("/")[2]] if reference else schema
