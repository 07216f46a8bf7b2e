"""Whether a process that cannot begin its work is worth another try."""

from __future__ import annotations

import errno

import pytest

from photoqueue.errors import (
    ConfigurationError,
    EngineUnavailableError,
    ModelError,
    RateLimitedError,
    may_pass,
)
from photoqueue.worker.runner import describe


def caused(error: Exception, cause: Exception, *, openly: bool = True) -> Exception:
    """Return an error as if it had been raised because of another, or while that was handled."""
    try:
        try:
            raise cause
        except Exception as exc:
            raise error from (exc if openly else None)
    except Exception as exc:
        return exc


@pytest.mark.parametrize(
    ("seconds", "wait_ms"),
    [(2.5, 2500), (-1.0, 0), (float("nan"), 0), (float("inf"), 86_400_000), (10**400, 86_400_000)],
)
def test_pause_that_a_server_asks_for_is_a_finite_number(seconds: float, wait_ms: int) -> None:
    assert describe(RateLimitedError("busy", seconds=seconds)).not_before_ms == wait_ms


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (caused(ConfigurationError("handler"), OSError(errno.EIO, "Input/output error")), True),
        (caused(ConfigurationError("handler"), OSError(errno.EMFILE, "Too many files")), True),
        (caused(EngineUnavailableError("factory"), MemoryError()), True),
        (caused(EngineUnavailableError("factory"), ConnectionRefusedError("license")), True),
        (caused(ModelError("file"), caused(ImportError("so"), OSError(errno.ESTALE, "NFS"))), True),
        (caused(ConfigurationError("handler"), FileNotFoundError("plans.onnx")), False),
        (caused(ModelError("file"), PermissionError(errno.EACCES, "denied")), False),
        (caused(ConfigurationError("handler"), IsADirectoryError("plans")), False),
        (caused(ConfigurationError("home"), FileExistsError(errno.EEXIST, "a file")), False),
        (caused(ConfigurationError("home"), OSError(errno.EROFS, "read-only")), False),
        (caused(ConfigurationError("port"), OSError(errno.EADDRINUSE, "in use")), False),
        (caused(ConfigurationError("handler"), ValueError("a bug")), False),
        (caused(ConfigurationError("told all"), OSError("hidden"), openly=False), False),
        (ConfigurationError("no such engine"), False),
    ],
)
def test_faults_of_the_machine_may_pass_and_what_is_configured_does_not(
    error: Exception, passes: bool
) -> None:
    assert may_pass(error) is passes
