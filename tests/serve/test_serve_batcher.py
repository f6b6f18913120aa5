"""The batcher alone: whose vectors are whose, what a full queue says, who leaves, how it ends."""

import asyncio
import threading
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.serve.batcher import Batcher, Closed, QueueFull

Sizes = list[int]


def numbered(number: int) -> torch.Tensor:
    return torch.full((1, 2, 2), float(number))


def made(
    sizes: Sizes,
    most: int = 4,
    wait: float = 0.01,
    capacity: int = 1000,
    gate: threading.Event | None = None,
) -> Batcher:
    def forward(pictures: torch.Tensor) -> np.ndarray:
        sizes.append(len(pictures))
        if gate is not None:
            gate.wait(30)
        return np.stack([pictures[:, 0, 0, 0].numpy(), pictures[:, 0, 0, 0].numpy() ** 2], axis=1)

    batcher = Batcher(forward, most, wait, capacity)
    batcher.start()
    return batcher


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=25), st.integers(1, 9))
@settings(deadline=None, max_examples=25)
def test_everyone_gets_its_own_vectors(counts: list[int], most: int) -> None:
    async def everyone() -> None:
        sizes: Sizes = []
        batcher = made(sizes, most)
        starts = np.cumsum([0, *counts])
        asked = [[numbered(n) for n in range(a, b)] for a, b in pairwise(starts)]
        answers = await asyncio.gather(*(batcher.embed(one) for one in asked))
        for answer, a, b in zip(answers, starts, starts[1:]):
            assert answer[:, 0].tolist() == list(range(a, b))
        assert max(sizes) <= most
        assert sum(sizes) == sum(counts)
        assert len(sizes) == -(-sum(counts) // most)  # full batches, since all came at once
        await batcher.close()

    asyncio.run(everyone())


def test_clients_share_a_pass_that_waits_for_company() -> None:
    async def two() -> Sizes:
        sizes: Sizes = []
        batcher = made(sizes, most=8, wait=0.3)

        async def later() -> None:
            await asyncio.sleep(0.05)
            await batcher.embed([numbered(2)])

        await asyncio.gather(batcher.embed([numbered(1)]), later())
        await batcher.close()
        return sizes

    assert asyncio.run(two()) == [2]


def test_a_full_queue_refuses_whole_requests() -> None:
    async def crowd() -> None:
        sizes: Sizes = []
        gate = threading.Event()
        batcher = made(sizes, most=1, capacity=3, gate=gate)
        first = asyncio.ensure_future(batcher.embed([numbered(0)]))
        await until(lambda: sizes == [1])  # taken: the queue is empty again
        waiting = [asyncio.ensure_future(batcher.embed([numbered(n), numbered(n)])) for n in (1, 2)]
        await until(lambda: waiting[1].done())
        gate.set()
        results = await asyncio.gather(first, *waiting, return_exceptions=True)
        assert [type(one) for one in results] == [np.ndarray, np.ndarray, QueueFull]
        assert results[2].retry_after >= 1
        assert sum(sizes) == 3
        await batcher.close()

    asyncio.run(crowd())


def test_who_leaves_is_not_computed_for() -> None:
    async def leaving() -> None:
        sizes: Sizes = []
        gate = threading.Event()
        batcher = made(sizes, most=1, gate=gate)
        tasks = [asyncio.ensure_future(batcher.embed([numbered(n)])) for n in range(5)]
        await until(lambda: sizes == [1])
        for task in tasks[1:4]:
            task.cancel()
        await until(lambda: batcher.depth == 1)
        gate.set()
        assert (await tasks[4])[0, 0] == 4
        assert len(sizes) == 2
        await batcher.close()

    asyncio.run(leaving())


def test_a_fault_hits_its_own_batch_and_the_next_goes_on() -> None:
    async def faulty() -> None:
        turns = iter([ValueError("broken"), None])

        def forward(pictures: torch.Tensor) -> np.ndarray:
            fault = next(turns)
            if fault is not None:
                raise fault
            return np.zeros((len(pictures), 1))

        batcher = Batcher(forward, 2, 0.001, 10)
        batcher.start()
        first = await asyncio.gather(
            *(batcher.embed([numbered(n)]) for n in range(2)), return_exceptions=True
        )
        assert [str(one) for one in first] == ["broken", "broken"]
        assert (await batcher.embed([numbered(3)])).shape == (1, 1)
        assert batcher.alive
        await batcher.close()

    asyncio.run(faulty())


def test_the_end_finishes_what_was_taken() -> None:
    async def ending() -> None:
        sizes: Sizes = []
        batcher = made(sizes, most=2)
        tasks = [asyncio.ensure_future(batcher.embed([numbered(n)])) for n in range(6)]
        await asyncio.sleep(0)
        await batcher.close()
        assert [(await task)[0, 0] for task in tasks] == list(range(6))
        with pytest.raises(Closed):
            await batcher.embed([numbered(9)])
        assert not batcher.alive

    asyncio.run(ending())
