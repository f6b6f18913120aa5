"""Bodies of requests, read while they arrive: never more than is allowed, never longer than is allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from dyml.serve.limits import Limits
from dyml.serve.problems import Problem


class ClientGone(Exception):
    """The client left before it was answered."""


class Held:
    """Counts the bytes of all bodies in memory.

    Args:
        most: bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.bytes = 0

    def take(self, count: int) -> None:
        """Count bytes in.

        Raises:
            Problem: there are too many already.
        """
        if self.bytes + count > self._most:
            raise Problem(
                429,
                "too-many-uploads",
                "Too much is being uploaded at this moment. Try again in 2 s.",
                {"Retry-After": "2"},
            )
        self.bytes += count

    def give_back(self, count: int) -> None:
        """Count bytes out."""
        self.bytes -= count


@asynccontextmanager
async def body_of(request: Request, held: Held, limits: Limits, most: int) -> AsyncIterator[bytes]:
    """Read the body of a request; while the `async with` lasts, its bytes count as held.

    Args:
        request: whose body nobody has read yet.
        held: all bytes in memory.
        limits: the seconds.
        most: bytes of this body, whether its header says how many there are or not.

    Raises:
        Problem: it is too large (413), too slow (408), or too much is held (429).
        ClientGone: the client left.
    """
    said = request.headers.get("content-length", "")
    if said.isdigit() and int(said[:20]) > most:
        raise _too_large(most)
    before = _Taken(held)
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _read(request, before, most)
    except TimeoutError as error:
        before.give_back()
        text = f"The body did not arrive within {limits.body_seconds:g} s."
        raise Problem(408, "slow-body", text, {"Connection": "close"}) from error
    except ClientDisconnect as error:
        before.give_back()
        raise ClientGone from error
    except BaseException:
        before.give_back()
        raise
    try:
        yield body
    finally:
        before.give_back()


class _Taken:
    """What one request holds."""

    def __init__(self, held: Held) -> None:
        self._held, self.bytes = held, 0

    def take(self, count: int) -> None:
        self._held.take(count)
        self.bytes += count

    def give_back(self) -> None:
        self._held.give_back(self.bytes)
        self.bytes = 0


async def _read(request: Request, taken: _Taken, most: int) -> bytes:
    parts = []
    async for chunk in request.stream():
        if taken.bytes + len(chunk) > most:
            raise _too_large(most)
        taken.take(len(chunk))
        parts.append(chunk)
    return b"".join(parts)


def media_type_of(request: Request) -> str:
    """Return the type of a body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def checked_json(text: bytes, limits: Limits, at: str) -> bytes:
    """Return JSON text as it is, once its size and nesting are known to be allowed.

    Raises:
        Problem: it is too large, too deep or no JSON; NaN and infinity are no JSON.
    """
    if len(text) > limits.json_bytes:
        raise _too_large(limits.json_bytes)
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(400, "not-json", f"{at}: {error}") from error
    if _deeper_than(value, limits.json_depth):
        raise Problem(400, "deep-json", f"{at}: is nested deeper than {limits.json_depth} levels.")
    return text


def _deeper_than(value: object, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(one, levels - 1) for one in inner if isinstance(one, (dict, list)))


def _too_large(most: int) -> Problem:
    return Problem(413, "too-large", f"The body, or a part of it, has more than {most:,} bytes.")
