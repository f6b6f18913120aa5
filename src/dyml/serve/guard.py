"""The outermost layer: request ids, the log, counters, security headers, and who may ask at all."""

import asyncio
import itertools
import logging
import re
import secrets
import time
from collections.abc import Collection
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dyml.serve.bodies import ClientGone
from dyml.serve.logs import log
from dyml.serve.metrics import Metrics
from dyml.serve.problems import Problem, problem_response

CSP = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
SAFE = ("GET", "HEAD", "OPTIONS")
ALWAYS = ("/healthz", "/readyz", "/metrics")
LEFT = 499  # what the log says where the client left; nothing is sent
_PREFIX, _numbers = secrets.token_hex(4), itertools.count()
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Guard:
    """Wraps the application.

    Args:
        app: what is wrapped.
        metrics: where requests are counted.
        most: requests at one time.
        hosts: names that the service goes by; None: any. A page of a stranger that lets its own name point
            to this machine is thereby refused (DNS rebinding).
        origins: other sites that may send requests from browsers.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        most: int,
        hosts: Collection[str] | None,
        origins: Collection[str],
    ) -> None:
        self.app, self._metrics, self._most = app, metrics, most
        self._hosts, self._origins = hosts, frozenset(origins)
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _Request(scope, send)
        self._running += 1
        self._metrics.running.set(self._running)
        try:
            problem = self._refusal(scope, Headers(scope=scope))
            if problem is not None:
                await problem_response(problem, request.id)(scope, receive, request.send)
            else:
                await self.app(scope, receive, request.send)
        except ClientGone:
            request.status = LEFT
        except asyncio.CancelledError:
            request.status = request.status or LEFT
            raise
        except Exception as error:
            log("error", logging.ERROR, error, request_id=request.id, route=request.route)
            if request.status:
                raise  # the answer has begun; the server cuts it off
            sorry = Problem(500, "internal", "Something went wrong here. The log knows it by the request id.")
            await problem_response(sorry, request.id)(scope, receive, request.send)
        finally:
            self._running -= 1
            self._metrics.running.set(self._running)
            self._done(request)

    def _refusal(self, scope: Scope, headers: Headers) -> Problem | None:
        host = headers.get("host", "")
        if self._hosts is not None and host_name(host) not in self._hosts:
            return Problem(421, "unknown-host", "This service does not go by that name (see --allow-host).")
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in SAFE and not self._known(origin, host):
            return Problem(403, "other-origin", "Other sites may not send this (see --cors).")
        if self._running > self._most and scope["path"] not in ALWAYS:
            return Problem(
                429, "too-many-requests", "Too many requests at once. Try again in 1 s.", {"Retry-After": "1"}
            )
        return None

    def _known(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may send more than it may read: its own, or one that was named."""
        return origin in self._origins or origin.partition("://")[2].lower() == host.lower()

    def _done(self, request: "_Request") -> None:
        seconds = time.perf_counter() - request.start
        self._metrics.answered(request.method, request.route, request.status, seconds)
        log(
            "request",
            logging.DEBUG if request.route in ALWAYS else logging.INFO,
            request_id=request.id,
            method=request.method,
            route=request.route,
            status=request.status,
            ms=round(seconds * 1000, 1),
            client=(request.scope.get("client") or [None])[0],
            key=request.scope["state"].get("key"),
        )


class _Request:
    """What is remembered of a request, and the way of its answer to the client."""

    def __init__(self, scope: Scope, send: Send) -> None:
        given = Headers(scope=scope).get("x-request-id", "")
        self.id = given if _GOOD_ID.fullmatch(given) else f"{_PREFIX}-{next(_numbers):06x}"
        self.scope, self._send = scope, send
        self.start, self.status = time.perf_counter(), 0
        scope.setdefault("state", {})["request_id"] = self.id

    @property
    def method(self) -> str:
        """The method, or OTHER: strangers must not fill the counters with names of their own."""
        method = str(self.scope["method"])
        return method if method in (*SAFE, "POST", "DELETE") else "OTHER"

    @property
    def route(self) -> str:
        """The route's pattern, never the path that was asked for."""
        route: Any = self.scope.get("route")
        return getattr(route, "path", "unknown")

    async def send(self, message: Message) -> None:
        """Add the headers that every answer has, and send."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers["X-Request-ID"] = self.id
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def host_name(host: str) -> str:
    """Return the name in a Host header, without the port.

    >>> host_name("Localhost:8000"), host_name("[::1]:8000")
    ('localhost', '[::1]')
    """
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()
