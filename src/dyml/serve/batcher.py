"""Pictures of many clients in one forward pass.

    clients ──> queue (bounded) ──> up to `most` pictures ──> one thread ──> every client its own vectors

While the thread computes, the next batch gathers by itself; only an idle service waits for company, for
`wait` seconds. A client that leaves takes its pictures out of the queue. A queue without room refuses at
once, so that nobody waits for an answer that would come too late.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Vectors = NDArray[np.float32]
LONGEST_RETRY = 60


class QueueFull(Exception):
    """There is no room; `retry_after` seconds from now there may be."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the queue is full; try again in {retry_after} s")
        self.retry_after = retry_after


class Closed(Exception):
    """The batcher takes no more pictures."""


@dataclass
class _Entry:
    picture: Tensor
    arrived: float


class Batcher:
    """Gathers pictures into batches for one worker thread.

    Args:
        forward: from (B, C, H, W) to (B, D); called in the thread, never twice at one time.
        most: pictures in one batch.
        wait: seconds that the oldest picture waits for others.
        capacity: pictures that may wait.
        observe: called with the size of every batch and the seconds that it took.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Vectors],
        most: int,
        wait: float,
        capacity: int,
        observe: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._forward, self._most, self._wait, self._capacity = forward, most, wait, capacity
        self._observe = observe
        self._waiting: dict[asyncio.Future[NDArray[np.float32]], _Entry] = {}
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "forward")
        self._loop_task: asyncio.Task[None] | None = None
        self._closing = False
        self._seconds_each = 0.01  # of a picture; follows what is measured

    @property
    def depth(self) -> int:
        """How many pictures wait."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether pictures are taken."""
        return self._loop_task is not None and not self._loop_task.done() and not self._closing

    def start(self) -> None:
        """Begin, inside a running event loop."""
        self._loop_task = asyncio.create_task(self._run(), name="batcher")

    async def close(self) -> None:
        """Finish what was taken, refuse the rest, and end the thread."""
        self._closing = True
        self._changed.set()
        if self._loop_task is not None:
            await self._loop_task
        self._thread.shutdown()

    async def embed(self, pictures: Sequence[Tensor]) -> Vectors:
        """Embed pictures, together with those of others.

        Args:
            pictures: N tensors (C, H, W) of one shape and dtype.

        Returns:
            (N, D).

        Raises:
            QueueFull: fewer than N places are free.
            Closed: the service is ending.
        """
        if not self.alive:
            raise Closed
        if len(self._waiting) + len(pictures) > self._capacity:
            raise QueueFull(self.retry_after)
        loop, now = asyncio.get_running_loop(), time.monotonic()
        futures = [loop.create_future() for _ in pictures]
        for future, picture in zip(futures, pictures):
            self._waiting[future] = _Entry(picture, now)
        self._changed.set()
        try:
            return np.stack(await asyncio.gather(*futures))
        finally:  # those that were not embedded, because the client left or a part failed, leave the queue
            for future in futures:
                self._waiting.pop(future, None)

    @property
    def retry_after(self) -> int:
        """Whole seconds after which half of the queue should be done."""
        seconds = self._seconds_each * len(self._waiting) / 2
        return min(max(math.ceil(seconds), 1), LONGEST_RETRY)

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            if not self._waiting:
                self._changed.clear()
                await self._changed.wait()
                continue
            await self._gather()
            batch = self._take()
            if batch:
                await self._compute(batch)

    async def _gather(self) -> None:
        """Wait until a batch is full, or its oldest picture has waited long enough."""
        until = next(iter(self._waiting.values())).arrived + self._wait
        while 0 < len(self._waiting) < self._most and not self._closing:
            left = until - time.monotonic()
            if left <= 0:
                return
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    def _take(self) -> dict[asyncio.Future[NDArray[np.float32]], Tensor]:
        batch = {}
        for future in list(self._waiting)[: self._most]:
            entry = self._waiting.pop(future)
            if not future.done():
                batch[future] = entry.picture
        return batch

    async def _compute(self, batch: dict[asyncio.Future[NDArray[np.float32]], Tensor]) -> None:
        loop, start = asyncio.get_running_loop(), time.monotonic()
        pictures = list(batch.values())
        try:
            rows = await loop.run_in_executor(self._thread, lambda: self._forward(torch.stack(pictures)))
        except Exception as error:
            for future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        seconds = time.monotonic() - start
        self._seconds_each = 0.8 * self._seconds_each + 0.2 * seconds / len(batch)
        self._observe(len(batch), seconds)
        for future, row in zip(batch, rows):
            if not future.done():
                future.set_result(row)
