"""Work that stops when its time is over or its client has left."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from dyml.serve.bodies import ClientGone
from dyml.serve.problems import Problem

T = TypeVar("T")


async def answer_in_time(request: Request, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Await work for a client.

    Args:
        request: whose body was read.
        work: what its answer needs; cancelled where nobody waits for it any more.
        seconds: the deadline.

    Raises:
        Problem: the deadline has passed (504).
        ClientGone: the client has left.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        done, _ = await asyncio.wait({task, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            return task.result()
        if gone in done:
            raise ClientGone
        raise Problem(
            504, "deadline", f"There was no answer within {seconds:g} s. Try again.", {"Retry-After": "5"}
        )
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
