"""Tiny ONNX models of each layout, whose outputs are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str]

#: Cells of YOLOX for an input of 64 × 64: 8×8 + 4×4 + 2×2.
YOLOX_CELLS_64 = 84


def save_model(
    file: Path,
    *,
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray[Any, Any]],
    inputs: dict[str, tuple[int, Shape]],
    outputs: dict[str, tuple[int, Shape]],
) -> Path:
    """Write a model; inputs and outputs are name → (element type, shape)."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info(name, kind, shape)
            for name, (kind, shape) in inputs.items()
        ],
        [
            helper.make_tensor_value_info(name, kind, shape)
            for name, (kind, shape) in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString())
    return file


def authors_model(
    file: Path,
    *,
    boxes: Sequence[Sequence[float]],
    scores: Sequence[float] | None,
    labels: Sequence[int],
    size: tuple[int, int] = (64, 32),
) -> Path:
    """DEIMv2/D-FINE export: relative corner boxes, times ``orig_target_sizes``.

    With ``scores=None`` the three scores are the means of the input's three channels.
    """
    count = len(labels)
    constants = {
        "relative": np.array([boxes], dtype=np.float32),
        "axis1": np.array([1], dtype=np.int64),
        "the_labels": np.array([labels], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["orig_target_sizes"], ["sizes"], to=TensorProto.FLOAT),
        helper.make_node("Concat", ["sizes", "sizes"], ["scale"], axis=1),
        helper.make_node("Unsqueeze", ["scale", "axis1"], ["scale3"]),
        helper.make_node("Mul", ["relative", "scale3"], ["boxes"]),
        helper.make_node("Identity", ["the_labels"], ["labels"]),
    ]
    if scores is None:
        nodes.append(
            helper.make_node("ReduceMean", ["images"], ["scores"], axes=[2, 3], keepdims=0)
        )
    else:
        constants["the_scores"] = np.array([scores], dtype=np.float32)
        nodes.append(helper.make_node("Identity", ["the_scores"], ["scores"]))
    return save_model(
        file,
        nodes=nodes,
        constants=constants,
        inputs={
            "images": (TensorProto.FLOAT, [1, 3, size[1], size[0]]),
            "orig_target_sizes": (TensorProto.INT64, [1, 2]),
        },
        outputs={
            "labels": (TensorProto.INT64, [1, count]),
            "boxes": (TensorProto.FLOAT, [1, count, 4]),
            "scores": (TensorProto.FLOAT, [1, count]),
        },
    )


def transformers_model(
    file: Path,
    *,
    logits: np.ndarray[Any, Any],
    boxes: Sequence[Sequence[float]],
    add_channel_means: bool = False,
    fixed_size: bool = False,
    names: tuple[str, str, str] = ("pixel_values", "logits", "pred_boxes"),
) -> Path:
    """onnx-community D-FINE: logits [Q, C] and centre boxes; the input size is left open.

    ``names`` are those of the input, the logits and the boxes.

    With ``add_channel_means`` the logits of query *i* are raised by the mean of channel *i*
    of the input; there must be three queries then.
    """
    constants = {
        "the_logits": np.asarray(logits, dtype=np.float32)[None],
        "the_boxes": np.array([boxes], dtype=np.float32),
        "axis2": np.array([2], dtype=np.int64),
    }
    nodes = [helper.make_node("Identity", ["the_boxes"], [names[2]])]
    if add_channel_means:
        nodes += [
            helper.make_node("ReduceMean", [names[0]], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("Unsqueeze", ["means", "axis2"], ["means3"]),
            helper.make_node("Add", ["the_logits", "means3"], [names[1]]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["the_logits"], [names[1]]))
    shape: Shape = [1, 3, 32, 64] if fixed_size else ["batch", "channels", "height", "width"]
    return save_model(
        file,
        nodes=nodes,
        constants=constants,
        inputs={names[0]: (TensorProto.FLOAT, shape)},
        outputs={
            names[1]: (TensorProto.FLOAT, ["batch", *np.shape(logits)]),
            names[2]: (TensorProto.FLOAT, ["batch", len(boxes), 4]),
        },
    )


def yolox_model(
    file: Path,
    raw: np.ndarray[Any, Any],
    *,
    size: tuple[int, int] = (64, 64),
    add_channel_means: bool = False,
) -> Path:
    """YOLOX: one raw output [1, cells, 5 + classes].

    With ``add_channel_means`` the objectness of cells 0, 1 and 2 is raised by the mean of
    channel 0, 1 and 2 of the input, divided by 255.
    """
    cells, values = raw.shape
    constants: dict[str, np.ndarray[Any, Any]] = {"raw": np.asarray(raw, dtype=np.float32)[None]}
    if add_channel_means:
        constants |= {
            "full": np.array(255, dtype=np.float32),
            "axis2": np.array([2], dtype=np.int64),
            # before and after, in each dimension: column 4 of the first three cells
            "pads": np.array([0, 0, 4, 0, cells - 3, values - 5], dtype=np.int64),
        }
        nodes = [
            helper.make_node("ReduceMean", ["images"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("Div", ["means", "full"], ["share"]),
            helper.make_node("Unsqueeze", ["share", "axis2"], ["column"]),
            helper.make_node("Pad", ["column", "pads"], ["raise"]),
            helper.make_node("Add", ["raw", "raise"], ["output"]),
        ]
    else:
        nodes = [helper.make_node("Identity", ["raw"], ["output"])]
    return save_model(
        file,
        nodes=nodes,
        constants=constants,
        inputs={"images": (TensorProto.FLOAT, [1, 3, size[1], size[0]])},
        outputs={"output": (TensorProto.FLOAT, [1, cells, values])},
    )


def classifier_model(file: Path) -> Path:
    """A model that is no detector: one picture in, ten numbers out."""
    return save_model(
        file,
        nodes=[helper.make_node("Identity", ["numbers"], ["probabilities"])],
        constants={"numbers": np.zeros((1, 10), dtype=np.float32)},
        inputs={"picture": (TensorProto.FLOAT, [1, 3, 32, 32])},
        outputs={"probabilities": (TensorProto.FLOAT, [1, 10])},
    )
