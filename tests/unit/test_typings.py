"""Our own declarations of packages say what the packages have; what has types is checked."""

from __future__ import annotations
import __future__

import inspect
import re
import tomllib
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


def test_modules_whose_types_are_not_read_are_not_imported() -> None:
    mypy = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["mypy"]
    (skipped,) = [one for one in mypy["overrides"] if one.get("follow_imports") == "skip"]
    names = "|".join(re.escape(name.removesuffix(".*")) for name in skipped["module"])
    found = {
        line.strip()
        for folder in mypy["files"]
        for file in (REPOSITORY / folder).rglob("*.py")
        for line in re.findall(
            rf"^ *(?:from|import) (?:{names})\b.*", file.read_text(), re.MULTILINE
        )
    }
    assert found == {"from IPython.display import display"}
