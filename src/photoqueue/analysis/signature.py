"""What an ONNX model says about itself: the names, shapes and types of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

#: Pixels; D-FINE and YOLOX models are trained at this size unless their file says otherwise.
DEFAULT_SIZE: Final = 640


class _Node(Protocol):
    """The part of onnxruntime's ``NodeArg`` that is read here."""

    name: str
    shape: list[int | str | None]
    type: str


@dataclass(frozen=True)
class Port:
    """One input or output; a dimension that the file leaves open is ``None``."""

    name: str
    shape: tuple[int | None, ...]
    type: str = "tensor(float)"

    @classmethod
    def of(cls, node: _Node) -> Port:
        """Read a port from onnxruntime."""
        dimensions = (size if isinstance(size, int) else None for size in node.shape)
        return cls(node.name, tuple(dimensions), node.type)

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
    def of(cls, inputs: Sequence[_Node], outputs: Sequence[_Node]) -> Signature:
        """Read a signature from onnxruntime's node lists."""
        return cls(tuple(map(Port.of, inputs)), tuple(map(Port.of, outputs)))

    def __str__(self) -> str:
        return (
            f"inputs {', '.join(map(str, self.inputs)) or 'none'}; "
            f"outputs {', '.join(map(str, self.outputs)) or 'none'}"
        )

    def input(self, name: str) -> Port | None:
        """Return the input of this name, or ``None``."""
        return next((port for port in self.inputs if port.name == name), None)

    def output(self, name: str) -> Port | None:
        """Return the output of this name, or ``None``."""
        return next((port for port in self.outputs if port.name == name), None)


def picture_size(port: Port) -> tuple[int, int]:
    """Width and height in pixels of a picture input of shape [N, 3, H, W]."""
    _, _, height, width = port.shape
    return width or DEFAULT_SIZE, height or DEFAULT_SIZE
