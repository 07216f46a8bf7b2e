"""How many threads numpy's matrix products take in the processes of a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Read by OpenBLAS when numpy is loaded.
_VARIABLE: Final = "OPENBLAS_NUM_THREADS"


@contextmanager
def one_numpy_thread() -> Iterator[None]:
    """Start processes whose matrix products take one thread, unless the operator said more.

    OpenBLAS takes as many threads as there are cores, and after each product they spin for a
    while in wait of another. In two processes on two cores that cost 12 ms of processor time
    a photo, for products that take a tenth of one.
    """
    if _VARIABLE in os.environ:
        yield
        return
    os.environ[_VARIABLE] = "1"
    try:
        yield
    finally:
        os.environ.pop(_VARIABLE, None)
