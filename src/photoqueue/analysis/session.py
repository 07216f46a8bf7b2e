"""Opening an ONNX model with onnxruntime, and running it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from photoqueue.analysis.signature import Signature
from photoqueue.errors import EngineUnavailableError, ModelError

#: Where Linux keeps the CPU share of a container: "<microseconds> <period>" or "max …".
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")
_REMEDY: Final = "Set PHOTOQUEUE_MODEL to a model file, or download this one again."


class ModelSession:
    """One ONNX model, loaded; runs on the CPU.

    Parameters
    ----------
    file : Path
    threads : int
        onnxruntime threads.
    remedy : str
        What to do when the file cannot be loaded.

    Raises
    ------
    EngineUnavailableError
        onnxruntime is not installed.
    ModelError
        The file is not an ONNX model that onnxruntime can run.
    """

    def __init__(self, file: Path, *, threads: int, remedy: str = _REMEDY) -> None:
        try:
            import onnxruntime
        except ImportError as exc:
            raise EngineUnavailableError(
                "Running a model needs onnxruntime, which is not installed. "
                "Run: pip install 'photoqueue[detect]'"
            ) from exc
        # Photos of homes are private, and so is how often they are looked at.
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that spin while they wait take the cores from the other worker processes:
        # two processes of two threads on two cores do 37 photos/s without, 24 with it
        # (DEIMv2 femto). One process alone on the machine would gain a quarter by spinning.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors only; they are raised as well
        self.file = file
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as exc:  # onnxruntime has no common base for its errors
            raise ModelError(
                f"The file {file} is not an ONNX model that onnxruntime can load "
                f"({_first_line(exc)}). {remedy}"
            ) from exc
        self.signature = Signature.of(self._session.get_inputs(), self._session.get_outputs())
        self._outputs = [port.name for port in self.signature.outputs]

    @property
    def metadata(self) -> dict[str, str]:
        """What the file says of itself, by key."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run the model once and return its outputs by name."""
        try:
            values = self._session.run(self._outputs, dict(feeds))
        except Exception as exc:  # as above
            raise ModelError(
                f"The model {self.file} failed to run ({_first_line(exc)}). "
                f"It has {self.signature}. Use another model."
            ) from exc
        return dict(zip(self._outputs, values, strict=True))


def share_of_cores(processes: int) -> int:
    """Threads for each of ``processes`` workers on this machine; at least 1."""
    return max(1, usable_cores() // max(1, processes))


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and its container's CPU limit.

    A container that is given 2 of 64 cores still sees 64, and 64 threads on 2 cores are
    slower than 2.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:  # not on macOS
        cores = os.cpu_count() or 1
    try:
        quota, period = _CGROUP_LIMIT.read_text(encoding="ascii").split()[:2]
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return cores


def _first_line(exc: Exception) -> str:
    """Return the telling part of an onnxruntime message, which can be pages long."""
    return str(exc).strip().splitlines()[0][:200] if str(exc).strip() else type(exc).__name__
