"""Our own declarations of packages say what the packages have."""

from __future__ import annotations
import __future__

import inspect
from collections.abc import Callable
from typing import Any

from tests.conftest import REPOSITORY


def test_what_is_declared_of_openai_is_what_it_has() -> None:
    import openai  # not by each process that collects the tests

    path = REPOSITORY / "typings/openai/__init__.pyi"
    declared: dict[str, Any] = {"__name__": "declared"}
    lazily = __future__.annotations.compiler_flag
    exec(compile(path.read_text(), path, "exec", flags=lazily), declared)
    public = [
        value
        for value in declared.values()
        if inspect.isclass(value) and value.__module__ == "declared" and value.__name__[0] != "_"
    ]
    assert declared["OpenAI"] in public
    for mine in public:
        theirs = getattr(openai, mine.__name__)
        assert names(mine.__mro__[1:]) <= names(theirs.__mro__)
        assert vars(mine).get("__annotations__", {}).items() <= theirs.__annotations__.items()
        assert {name for name in vars(mine) if name[0] != "_"} <= {*dir(theirs)}

    with openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1") as client:
        create = client.chat.completions.with_streaming_response.create
        assert takes(declared["_Streaming"].create) - {"self", "options"} <= takes(create)
    assert takes(declared["OpenAI"]) <= takes(openai.OpenAI)
    assert takes(declared["_Response"].iter_bytes) <= takes(openai.APIResponse.iter_bytes)


def names(classes: tuple[type, ...]) -> set[str]:
    return {one.__name__ for one in classes}


def takes(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)
