"""Several processes that train one network together, each on its own core.

On a CPU this beats the threads of one process: they wait for each other at every layer,
processes only once a step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Team:
    """This process among the others.

    Attributes
    ----------
    rank, size : int
        Which one it is, and how many there are.
    """

    rank: int = 0
    size: int = 1

    def join(self) -> None:
        """Meet the others; they find each other on this machine."""
        if self.size > 1:
            os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
            os.environ.setdefault("MASTER_PORT", "29517")
            torch.set_num_threads(1)
            dist.init_process_group("gloo", rank=self.rank, world_size=self.size)

    @property
    def leads(self) -> bool:
        """Whether this one writes the files and reports."""
        return self.rank == 0

    def share_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Let all go on with the mean of their gradients."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def agree(self, number: int) -> int:
        """Return the smallest of everybody's numbers; also where they wait for each other."""
        if self.size == 1:
            return number
        smallest = torch.tensor(number)
        dist.all_reduce(smallest, op=dist.ReduceOp.MIN)
        return int(smallest)
