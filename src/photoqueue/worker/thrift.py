"""Where the processes of a worker would waste processor time, were they not told otherwise.

Libraries read these variables when a process starts, or when it loads them; so they are set
before it starts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_MIB: Final = 2**20
_VARIABLES: Final = {
    # OpenBLAS, under numpy, takes as many threads as there are cores, and after each product
    # they spin for a while in wait of another. In two processes on two cores that cost 12 ms a
    # photo, for products that take a tenth of one.
    "OPENBLAS_NUM_THREADS": "1",
    # glibc gives the memory of each large picture back to the system and gets it anew for the
    # next, zeroed, with a fault for each page: 1,100 to 3,400 of them for a photo of 1280 ×
    # 960, 4 to 13 ms. Kept instead: at most so many bytes in a process. (Pillow's own cache of
    # blocks did not help: it cuts the large ones to the size of the small.)
    "MALLOC_MMAP_THRESHOLD_": str(32 * _MIB),
    "MALLOC_TRIM_THRESHOLD_": str(64 * _MIB),
}


@contextmanager
def thrifty() -> Iterator[None]:
    """Start processes that do not waste the cores; what the operator has set stays."""
    missing = {name: value for name, value in _VARIABLES.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)
