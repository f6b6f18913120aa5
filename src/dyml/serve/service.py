"""The service without HTTP: pictures to vectors, vectors to results, and what is kept between requests."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from dyml.errors import InputError
from dyml.index import Gallery, Item
from dyml.models.embedding import EmbedsPictures, embed_batches
from dyml.serve.batcher import Batcher, Closed, QueueFull
from dyml.serve.bodies import Held
from dyml.serve.limits import Limits
from dyml.serve.logs import log
from dyml.serve.metrics import Metrics
from dyml.serve.overview import Overview
from dyml.serve.pictures import Reader
from dyml.serve.problems import Problem
from dyml.serve.results import even_gauge

T = TypeVar("T")
Floats = NDArray[np.float32]


class Service:
    """An embedder and a gallery, shared by all requests.

    Args:
        embedder: on the device where it is to run; in evaluation mode.
        gallery: made with the same model; its gauge gives the probabilities.
        limits: all bounds.

    Attributes:
        draining: whether the end has been asked for.
        overview: what is kept of the gallery as a whole, until it changes.
    """

    def __init__(self, embedder: EmbedsPictures, gallery: Gallery, limits: Limits) -> None:
        info = gallery.info
        if info.dim != embedder.dim:
            raise InputError(
                f"the model gives vectors of {embedder.dim} numbers, the gallery holds {info.dim}: "
                f"it was made with another model"
            )
        self.embedder, self.gallery, self.limits = embedder, gallery, limits
        self.gauge, self.even_gauge = gallery.gauge, even_gauge(gallery.gauge)
        self.reader = Reader.of(embedder, limits.pixels)
        self.held = Held(limits.held_bytes)
        self.overview = Overview(gallery, limits)
        self.metrics = Metrics(
            lambda: self.batcher.depth, lambda: self.overview.info.count, lambda: self.held.bytes
        )
        self.batcher = Batcher(
            self._forward, limits.forward_batch, limits.forward_wait, limits.queue, self.metrics.batch
        )
        self._decoders = ThreadPoolExecutor(limits.decoders or os.cpu_count() or 1, "decode")
        self._readers = ThreadPoolExecutor(limits.readers, "read")
        self._writer = ThreadPoolExecutor(1, "write")
        self._refresher: asyncio.Task[None] | None = None
        self.draining = False

    async def start(self) -> None:
        """Warm the model up and begin to take pictures."""
        size, channels = self.embedder.image_size, self.embedder.channels
        self.batcher.start()
        await self.batcher.embed([torch.zeros(channels, size, size, dtype=torch.uint8)])
        self._refresher = asyncio.create_task(self._refresh_always(), name="refresher")

    async def stop(self) -> None:
        """Finish what was taken and let go of everything but the gallery."""
        self.draining = True
        if self._refresher is not None:
            self._refresher.cancel()
            with suppress(asyncio.CancelledError):
                await self._refresher
        await self.batcher.close()
        for pool in (self._decoders, self._readers, self._writer):
            await asyncio.to_thread(pool.shutdown)

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.batcher.alive and not self.draining

    async def embed(self, pictures: Sequence[tuple[str, bytes]]) -> Floats:
        """Decode pictures and embed them together with those of other clients.

        Args:
            pictures: for each the name of its field, and its bytes.

        Returns:
            (N, D) unit rows.

        Raises:
            Problem: a picture is refused, or there is no room.
        """
        if self.batcher.depth >= self.limits.queue:
            raise _queue_full(self.batcher.retry_after)
        jobs = [self.decoding(self.reader.tensor, data, field) for field, data in pictures]
        tensors = await _all_or_none(jobs)
        try:
            return await self.batcher.embed(tensors)
        except QueueFull as error:
            raise _queue_full(error.retry_after) from error
        except Closed as error:
            raise Problem(503, "ending", "The service is ending.", {"Retry-After": "5"}) from error

    async def decoding(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function among the decoding threads."""
        return await self._run(self._decoders, function, *args)

    async def reading(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function that reads the gallery."""
        return await self._run(self._readers, function, *args)

    async def writing(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function that writes to the gallery, one at a time, to its end, whoever leaves meanwhile."""
        result = await asyncio.shield(self._run(self._writer, function, *args))
        await self.reading(self.overview.look)
        return result

    async def item(self, item_id: str, payload: bool = False) -> Item:
        """Return an item of the gallery, with its pictures if `payload`.

        Raises:
            Problem: there is none of this id.
        """
        found = await self.reading(self.gallery.get, item_id, payload)
        if found is None:
            raise Problem(404, "no-item", "The gallery has no item of this id.")
        return found

    async def _run(self, pool: Executor, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, function, *args)

    def _forward(self, pictures: torch.Tensor) -> Floats:
        return embed_batches(self.embedder, [pictures])

    async def _refresh_always(self) -> None:
        while True:
            await asyncio.sleep(self.limits.refresh_seconds)
            try:
                await self.reading(self.overview.look)
            except Exception as error:  # a gallery that cannot be read now may be readable later
                log("gallery cannot be refreshed", level=40, error=error)


async def _all_or_none(jobs: Sequence[Any]) -> list[Any]:
    """Await all jobs; when one fails, those that have not begun do not begin."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _queue_full(retry_after: int) -> Problem:
    return Problem(
        429,
        "queue-full",
        f"Too many pictures wait. Try again in {retry_after} s.",
        {"Retry-After": str(retry_after)},
    )
