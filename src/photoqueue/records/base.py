"""Base class of job data and results: immutable values with the contract's JSON names."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

#: How things in several photos of a room are counted; :mod:`photoqueue.inventory.counting` does it.
Strategy = Literal["max", "sum", "match", "llm"]
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
#: Descriptions of the strategies for display.
STRATEGY_TEXTS: Final[dict[Strategy, str]] = {
    "max": "max: the most seen in one photo",
    "sum": "sum: all photos added up",
    "match": "match: things recognised across photos",
    "llm": "llm: listed by a vision model",
}
#: Strategy of an inventory if none is given.
DEFAULT_STRATEGY: Final[Strategy] = "max"

#: Relative corner coordinates x0, y0, x1, y1 in 0…1 of the upright picture.
Box = tuple[float, float, float, float]
Identifier = Annotated[str, Field(min_length=1, max_length=200)]


class Record(BaseModel):
    """An immutable value with camelCase JSON."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,  # JSON has neither
    )

    def to_json(self) -> str:
        """Return JSON with the contract's names; keys without a value are left out."""
        # The same as model_dump_json(), in half the time.
        written = self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)
        return written.decode()

    def __str__(self) -> str:
        return repr(self)


_Model = TypeVar("_Model", bound=BaseModel)


def from_json(model: type[_Model], value: Any) -> _Model:
    """Validate a JSON object, in which dates are texts and bytes may be base64.

    Raises
    ------
    pydantic.ValidationError
        It is not valid.
    """
    if issubclass(model, Record):  # which takes the same either way, and this is quicker
        return model.model_validate(value)
    return model.model_validate_json(json.dumps(value))
