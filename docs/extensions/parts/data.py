"""Job data and results, from the models that read and write them."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic.alias_generators import to_camel

from parts.comments import of_fields, table
from parts.tables import sentences
from photoqueue.jobs.inventory_sync import InventoryPayload
from photoqueue.jobs.photo_analyze import PhotoPayload
from photoqueue.records import results

#: Model → what its JSON is.
MODELS: Final = {
    PhotoPayload: "Job data of `photo-analyze`",
    results.PhotoResult: "Result of `photo-analyze`",
    results.FoundItem: "One of `items`",
    InventoryPayload: "Job data of `inventory-sync`",
    results.InventoryResult: "Result of `inventory-sync`",
    results.InventoryLine: "One of `lines` and `seenLines`",
}


def meaning(model: type[Any], field: str) -> str:
    """Return what is said of a field: in the code, or beside the columns."""
    fields = sentences()["fields"]
    said = fields.get(f"{model.__name__}.{field}")
    said = said or of_fields(model.__module__, model.__name__).get(field)
    return said or fields.get(field, "")


def markdown() -> str:
    """Write a section for each model."""
    return "\n\n".join(_section(model, title) for model, title in MODELS.items())


def _section(model: type[Any], title: str) -> str:
    rows: list[tuple[object, ...]] = [
        (
            f"`{to_camel(name)}`",
            _type(field.annotation),
            "yes" if field.is_required() else "",
            meaning(model, name).replace("`None`", "absent"),
        )
        for name, field in model.model_fields.items()
    ]
    return f"## {title}\n\n" + table("Key", "Type", "Always", "Meaning", rows=rows)


def _type(annotation: Any) -> str:
    text = str(annotation) if not isinstance(annotation, type) else annotation.__name__
    text = re.sub(r"typing\.|photoqueue\.[a-z.]+\.| \| None|Annotated\[(\w+).*\]", r"\1", text)
    if text.startswith("Literal["):
        values = re.findall(r"'([^']+)'", text)
        return ", ".join(f"`{value}`" for value in values)
    named = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    text = text.removeprefix("Optional[").removesuffix("]") if "Optional" in text else text
    if text in named:
        return named[text]
    if "tuple[float, float, float, float]" in text:
        return "four numbers"
    if text.startswith("tuple["):
        inside = text.removeprefix("tuple[").partition(",")[0]
        return "list of texts" if inside == "str" else f"list of `{inside}`"
    if text.startswith("dict["):
        return "object"
    return f"`{text}`"
