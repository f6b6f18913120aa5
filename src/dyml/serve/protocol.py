"""The connection: clients that send nothing, or read nothing, are let go.

uvicorn waits without end for a header that never comes and for a client that never reads. Three timers
close such connections; none of them holds a thread or memory meanwhile.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from dyml.serve.limits import Limits

LINGER = 2.0  # seconds that an answered client may go on sending the rest of its body


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with bounds on the header, the unread answer, and the body that nobody wants any more."""

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._answered: Any = None  # the request whose body still comes though its answer is out

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a header, but not for ever."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._set("header", self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        super().connection_lost(exc)
        for name in list(self._timers):
            self._stop(name)

    def data_received(self, data: bytes) -> None:
        """Take data; the first byte of a further request starts the header's clock again."""
        if "header" not in self._timers and self._between_requests:
            self._set("header", self.limits.header_seconds)
        super().data_received(data)

    def handle_events(self) -> None:
        """Take whole headers and parts of bodies."""
        super().handle_events()
        if not self._between_requests:
            self._stop("header")

    def on_response_complete(self) -> None:
        """Let a client that was answered early, as with too large a body, send for a little longer."""
        if self.conn.their_state is h11.SEND_BODY:
            self._answered = self.cycle
            self._set("linger", LINGER)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for a client to read, but not for ever."""
        super().pause_writing()
        self._set("write", self.limits.write_seconds)

    def resume_writing(self) -> None:
        """Go on: the client reads."""
        super().resume_writing()
        self._stop("write")

    @property
    def _between_requests(self) -> bool:
        return self.conn.their_state is h11.IDLE

    def _set(self, name: str, seconds: float) -> None:
        self._stop(name)
        self._timers[name] = self.loop.call_later(seconds, self._give_up, name)

    def _stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _give_up(self, name: str) -> None:
        self._timers.pop(name, None)
        over = self.cycle is not self._answered or self.conn.their_state is not h11.SEND_BODY
        if name == "linger" and over:  # the body has ended meanwhile
            return
        self.transport.abort()


def protocol_with(limits: Limits) -> type[PatientProtocol]:
    """Return the protocol class with these bounds."""
    return type("Protocol", (PatientProtocol,), {"limits": limits})
