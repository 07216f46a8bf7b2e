"""The front door: which names there are, and what opening it costs."""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import photoqueue

#: Libraries that take their time to load, or bring servers, widgets or models with them.
HEAVY = (
    "pandas",
    "sqlalchemy",
    "huey",
    "redis",
    "psycopg",
    "PIL",
    "numpy",
    "onnxruntime",
    "anywidget",
    "ipywidgets",
    "traitlets",
    "matplotlib",
    "IPython",
    "fastapi",
    "openai",
    "httpx2",
    "jinja2",
    "pydantic",
)


def test_public_names_are_frozen() -> None:
    assert sorted(photoqueue.__all__) == [
        "Access",
        "Analysis",
        "Batch",
        "Call",
        "Catalogue",
        "Correction",
        "Dashboard",
        "Edit",
        "Engine",
        "Estimate",
        "Hint",
        "InventoryResult",
        "Item",
        "Job",
        "JobCancelledError",
        "JobFailedError",
        "JobSnapshot",
        "JobState",
        "JobType",
        "NoWorkerError",
        "PermanentError",
        "PhotoResult",
        "PhotoqueueError",
        "Rates",
        "Report",
        "ResultTimeoutError",
        "Review",
        "Settings",
        "Stats",
        "Usage",
        "Vehicle",
        "Workbench",
        "WorkerProcess",
        "ai_calls",
        "attempts",
        "batch",
        "cancel",
        "collect",
        "compare",
        "correct",
        "corrections",
        "estimate",
        "history",
        "job",
        "join_transaction",
        "open_batch",
        "pause",
        "poll",
        "prioritise",
        "read_inventory",
        "report",
        "resume",
        "retry",
        "review",
        "start_worker",
        "stats",
        "submit",
        "submit_inventory",
        "submit_photo",
        "submit_photos",
        "undo_correction",
        "use",
    ]
    assert list(photoqueue.__all__) == sorted(photoqueue.__all__)


def test_names_of_the_modules_beside_it_are_frozen() -> None:
    from photoqueue import asyncio, testing

    verbs = ["open_batch", "submit", "submit_inventory", "submit_photo", "submit_photos"]
    assert asyncio.__all__ == verbs
    assert sorted(testing.__all__) == [
        "API_TOKEN",
        "ScriptedEngine",
        "inline",
        *("photoqueue_api", "photoqueue_inline", "photoqueue_installation"),
        *("photoqueue_servers", "photoqueue_settings"),
        "served",
    ]


@pytest.mark.parametrize("name", photoqueue.__all__)
def test_public_name_exists_and_says_what_it_is(name: str) -> None:
    value = getattr(photoqueue, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)


def public_methods() -> list[tuple[str, object]]:
    return [
        (f"{name}.{attribute}", member)
        for name in photoqueue.__all__
        if inspect.isclass(getattr(photoqueue, name))
        for attribute, member in vars(getattr(photoqueue, name)).items()
        if not attribute.startswith("_")
        and isinstance(member, property | classmethod | staticmethod | type(lambda: None))
    ]


@pytest.mark.parametrize(
    "member", [pytest.param(member, id=name) for name, member in public_methods()]
)
def test_public_method_says_what_it_does(member: object) -> None:
    assert inspect.getdoc(member)


@pytest.mark.parametrize(
    "name",
    [name for name in photoqueue.__all__ if inspect.isfunction(getattr(photoqueue, name))],
)
def test_public_function_is_typed(name: str) -> None:
    signature = inspect.signature(getattr(photoqueue, name))
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter


def test_every_public_name_is_offered_for_completion() -> None:
    assert set(photoqueue.__all__) < set(dir(photoqueue))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'submit_video'"):
        _ = photoqueue.submit_video


def test_package_is_marked_as_typed() -> None:
    assert (Path(photoqueue.__file__).parent / "py.typed").exists()


def test_import_is_light_and_starts_nothing(tmp_path: Path) -> None:
    # Given a user who never used photoqueue
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "PYTEST_", "COV_"))
    } | {"HOME": str(tmp_path)}
    # When they import it
    program = f"""
import os, sys, threading
import photoqueue
print([name for name in {HEAVY!r} if name in sys.modules])
print(threading.active_count())
children = "/proc/self/task/{{}}/children".format(os.getpid())
print(open(children).read() if os.path.exists(children) else "")
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    # Then no heavy library is loaded, no thread or process runs, no folder is made
    assert result.stdout.split("\n")[:3] == ["[]", "1", ""]
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_verbs_commands_and_workers_load_no_widget_model_web_or_tracing_library() -> None:
    names = ["onnxruntime", "ipywidgets", "IPython", "openai", "fastapi", "starlette", "uvicorn"]
    names += ["weasyprint", "openpyxl"]
    assert importlib.util.find_spec("opentelemetry"), "else this shows nothing"
    program = (
        # redis-py itself imports OpenTelemetry's API where it is installed
        "import sys, redis\nbefore = set(sys.modules)\nimport photoqueue\n"
        "for name in photoqueue.__all__: getattr(photoqueue, name)\n"
        "import photoqueue.faces.cli.app, photoqueue.client.observe, photoqueue.worker.supervisor\n"
        f"names = {{*{names!r}, 'opentelemetry'}}\n"
        "print(names & {name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"
