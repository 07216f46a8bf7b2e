"""Opening an ONNX model with onnxruntime, and running it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from photoqueue.errors import EngineUnavailableError, ModelError
from photoqueue.settings import Device

#: Pixels; D-FINE and YOLOX models are trained at this size unless their file says otherwise.
DEFAULT_SIZE: Final = 640


@dataclass(frozen=True)
class Port:
    """One input or output; a dimension that the file leaves open is ``None``."""

    name: str
    shape: tuple[int | None, ...]
    type: str = "tensor(float)"

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name}[{sizes}]"

    def fits(self, *expected: int | None) -> bool:
        """Whether the shape has this rank and these sizes; ``None`` stands for any size."""
        return len(self.shape) == len(expected) and all(
            want is None or have is None or have == want
            for have, want in zip(self.shape, expected, strict=True)
        )


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs of a model."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @classmethod
    def of(cls, inputs: Sequence[Any], outputs: Sequence[Any]) -> Signature:
        """Read a signature from onnxruntime's lists of ``NodeArg``."""
        return cls(tuple(map(_port, inputs)), tuple(map(_port, outputs)))

    def __str__(self) -> str:
        return (
            f"inputs {', '.join(map(str, self.inputs)) or 'none'}; "
            f"outputs {', '.join(map(str, self.outputs)) or 'none'}"
        )

    def __getitem__(self, name: str) -> Port:
        """Return the input or output of this name; ``KeyError`` if there is none."""
        return {port.name: port for port in (*self.inputs, *self.outputs)}[name]

    def has(self, shapes: Mapping[str, tuple[int | None, ...]]) -> bool:
        """Whether the model has inputs or outputs of these names, with shapes that fit."""
        names = {port.name for port in (*self.inputs, *self.outputs)}
        return shapes.keys() <= names and all(self[n].fits(*shapes[n]) for n in shapes)


def _port(node: Any) -> Port:
    sizes = tuple(size if isinstance(size, int) else None for size in node.shape)
    return Port(node.name, sizes, node.type)


def picture_size(port: Port) -> tuple[int, int]:
    """Width and height in pixels of a picture input of shape [N, 3, H, W]."""
    _, _, height, width = port.shape
    return width or DEFAULT_SIZE, height or DEFAULT_SIZE


#: Where Linux keeps the CPU share of a container: "<microseconds> <period>" or "max …".
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")
_REMEDY: Final = "Set PHOTOQUEUE_MODEL to a model file, or download this one again."


#: Name of a device in ``PHOTOQUEUE_DEVICE`` → onnxruntime's name.
_CPU: Final = "CPUExecutionProvider"
_CUDA: Final = "CUDAExecutionProvider"


class ModelSession:
    """One ONNX model, loaded.

    Parameters
    ----------
    file : Path
    threads : int
        onnxruntime threads.
    remedy : str
        What to do when the file cannot be loaded.
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    EngineUnavailableError
        onnxruntime is not installed, or cannot use the device.
    ModelError
        The file is not an ONNX model that onnxruntime can run.
    """

    def __init__(
        self, file: Path, *, threads: int, remedy: str = _REMEDY, device: Device = "auto"
    ) -> None:
        # Photos of homes are private, and so is how often they are analysed. onnxruntime reads this
        # when it is imported, before it writes an id into the home directory and sends it away.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        try:
            import onnxruntime
        except ImportError as exc:
            raise EngineUnavailableError(
                "Running a model needs onnxruntime, which is not installed. "
                "Run: pip install 'photoqueue[detect]'"
            ) from exc
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
                str(file), options, providers=_providers(onnxruntime, device)
            )
        except EngineUnavailableError:
            raise
        except Exception as exc:  # onnxruntime has no common base for its errors
            raise ModelError(
                f"The file {file} is not an ONNX model that onnxruntime can load "
                f"({_first_line(exc)}). {remedy}"
            ) from exc
        if device == "cuda" and _CUDA not in self._session.get_providers():
            raise EngineUnavailableError(
                "PHOTOQUEUE_DEVICE is cuda, but onnxruntime-gpu found no CUDA device that it can "
                "use, or not the CUDA libraries of its version. Install these, or set "
                "PHOTOQUEUE_DEVICE=cpu."
            )
        self.signature = Signature.of(self._session.get_inputs(), self._session.get_outputs())
        self._outputs = [port.name for port in self.signature.outputs]

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the file, by key."""
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


def _providers(onnxruntime: Any, device: Device) -> list[str]:
    """Return onnxruntime's names of where a model runs, the preferred first."""
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise EngineUnavailableError(
            "PHOTOQUEUE_DEVICE is cuda, but the onnxruntime that is installed runs on the CPU "
            "alone. Put the package onnxruntime-gpu in its place (pip uninstall onnxruntime; pip "
            "install onnxruntime-gpu), or set PHOTOQUEUE_DEVICE=cpu."
        )
    return [_CUDA, _CPU] if has_cuda and device != "cpu" else [_CPU]


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
    """Return the first line of an onnxruntime message, which can be pages long."""
    return str(exc).strip().splitlines()[0][:200] if str(exc).strip() else type(exc).__name__
