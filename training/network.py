"""The network of the built-in engine: a small one-stage detector that also names the room.

Anchor-free, in the manner of FCOS and YOLOX: each cell of three grids (strides 8, 16, 32)
tells how likely each class is there, and how far the four sides of its box are. A second
head pools the coarsest features into the kind of room. Everything is plain 3 x 3 and 1 x 1
convolutions, which a CPU runs well.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Width and height of the picture that goes in, in pixels.
INPUT_SIZE = (320, 240)
STRIDES = (8, 16, 32)


class ConvBlock(nn.Sequential):
    """Convolution, batch normalisation, activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, momentum=0.03, eps=1e-3),
            nn.ReLU(inplace=True),
        )


class Bottleneck(nn.Module):
    """Half the channels in the middle, and a way around."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvBlock(channels, channels // 2, 1), ConvBlock(channels // 2, channels, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class PoolPyramid(nn.Module):
    """Lets each cell of the coarsest grid see the whole picture (SPPF)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = ConvBlock(channels, channels // 2, 1)
        self.outer = ConvBlock(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        steps = [self.inner(x)]
        for _ in range(3):
            steps.append(F.max_pool2d(steps[-1], 5, 1, 2))
        return self.outer(torch.cat(steps, 1))


class Network(nn.Module):
    """The detector.

    Parameters
    ----------
    classes, rooms : int
        How many things and kinds of room it tells apart.
    widths : tuple of int
        Channels at strides 2, 4, 8, 16, 32.
    neck : int
        Channels of the grids that the heads look at.
    """

    def __init__(
        self,
        classes: int,
        rooms: int,
        widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 192),
        neck: int = 64,
    ) -> None:
        super().__init__()
        a, b, c, d, e = widths
        self.stem = nn.Sequential(ConvBlock(3, a, 3, 2), ConvBlock(a, b, 3, 2), Bottleneck(b))
        self.stage3 = nn.Sequential(ConvBlock(b, c, 3, 2), Bottleneck(c), Bottleneck(c))
        self.stage4 = nn.Sequential(ConvBlock(c, d, 3, 2), Bottleneck(d), Bottleneck(d))
        self.stage5 = nn.Sequential(
            ConvBlock(d, e, 3, 2), Bottleneck(e), PoolPyramid(e), Bottleneck(e)
        )
        self.lateral = nn.ModuleList(ConvBlock(width, neck, 1) for width in (c, d, e))
        self.merge_down = nn.ModuleList(ConvBlock(neck * 2, neck, 3) for _ in range(2))
        self.shrink = nn.ModuleList(ConvBlock(neck, neck, 3, 2) for _ in range(2))
        self.merge_up = nn.ModuleList(ConvBlock(neck * 2, neck, 1) for _ in range(2))
        self.head_class = nn.ModuleList(ConvBlock(neck, neck, 3) for _ in STRIDES)
        self.head_box = nn.ModuleList(ConvBlock(neck, neck, 3) for _ in STRIDES)
        self.out_class = nn.ModuleList(nn.Conv2d(neck, classes, 1) for _ in STRIDES)
        self.out_box = nn.ModuleList(nn.Conv2d(neck, 4, 1) for _ in STRIDES)
        self.room = nn.Sequential(
            nn.Linear(e * 2, 64), nn.SiLU(), nn.Dropout(0.2), nn.Linear(64, rooms)
        )
        for layer in self.out_class:
            nn.init.constant_(layer.bias, -4.6)  # 1 % at the start: most cells are empty
        for layer in self.out_box:
            nn.init.normal_(layer.weight, std=0.01)

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Return per grid the class logits and box distances, and the room logits.

        Shapes [N, classes, h, w], [N, 4, h, w] (left, top, right, bottom in strides,
        positive) and [N, rooms].
        """
        c3 = self.stage3(self.stem(x))
        c4 = self.stage4(c3)
        c5 = self.stage5(c4)
        p3, p4, p5 = (layer(c) for layer, c in zip(self.lateral, (c3, c4, c5), strict=True))
        p4 = self.merge_down[0](torch.cat([p4, _grow(p5, p4)], 1))
        p3 = self.merge_down[1](torch.cat([p3, _grow(p4, p3)], 1))
        p4 = self.merge_up[0](torch.cat([self.shrink[0](p3), p4], 1))
        p5 = self.merge_up[1](torch.cat([self.shrink[1](p4), p5], 1))
        classes, boxes = [], []
        for i, p in enumerate((p3, p4, p5)):
            classes.append(self.out_class[i](self.head_class[i](p)))
            boxes.append(F.softplus(self.out_box[i](self.head_box[i](p)).float()))
        self.pooled = torch.cat([c5.mean((2, 3)), c5.amax((2, 3))], 1)
        return classes, boxes, self.room(self.pooled)


def _grow(small: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(small, size=like.shape[-2:], mode="nearest")


def flat_outputs(
    outputs: tuple[list[Tensor], list[Tensor], Tensor], points: Tensor, strides: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Put the three grids together: logits [n, cells, classes], boxes in pixels, rooms."""
    classes, distances, rooms = outputs
    logits = torch.cat([grid.flatten(2) for grid in classes], 2).transpose(1, 2)
    sides = torch.cat([grid.flatten(2) for grid in distances], 2).transpose(1, 2)
    sides = sides * strides[:, None]
    boxes = torch.cat([points - sides[..., :2], points + sides[..., 2:]], -1)
    return logits, boxes, rooms


def cell_centres(width: int = INPUT_SIZE[0], height: int = INPUT_SIZE[1]) -> tuple[Tensor, Tensor]:
    """Centres of all cells in pixels, [cells, 2], and their strides, [cells]."""
    points, strides = [], []
    for stride in STRIDES:
        rows, columns = -(-height // stride), -(-width // stride)
        ys, xs = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        points.append((torch.stack([xs, ys], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(points), torch.cat(strides)
