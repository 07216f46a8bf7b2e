"""Submit from asynchronous code: ``await submit_photos(…)``, in a thread of its own.

The functions are those of :mod:`photoqueue`. One that is cancelled goes on in its thread: what it
was about to submit may be accepted. ``await job``, ``await batch`` and ``batch.as_completed()``
need no other functions; for everything else there is ``asyncio.to_thread``.

>>> from photoqueue.asyncio import submit_photos
>>> batch = await submit_photos("photos/move-42/", project_id="move-42")  # doctest: +SKIP
>>> frame = await batch  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import photoqueue
from photoqueue.queue import joining

__all__ = ["open_batch", "submit", "submit_inventory", "submit_photo", "submit_photos"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _threaded(verb: Callable[_P, _T]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    @functools.wraps(verb)
    async def call(*args: _P.args, **options: _P.kwargs) -> _T:
        joining.refuse("A submission in another thread")
        return await asyncio.to_thread(verb, *args, **options)

    return call


open_batch = _threaded(photoqueue.open_batch)
submit = _threaded(photoqueue.submit)
submit_inventory = _threaded(photoqueue.submit_inventory)
submit_photo = _threaded(photoqueue.submit_photo)
submit_photos = _threaded(photoqueue.submit_photos)
