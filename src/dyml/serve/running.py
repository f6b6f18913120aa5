"""Run the application until a signal ends it, and let it finish what it took."""

import logging
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from types import FrameType

import uvicorn
from fastapi import FastAPI

from dyml.errors import ConfigError
from dyml.serve.limits import Limits
from dyml.serve.logs import log
from dyml.serve.protocol import protocol_with
from dyml.serve.service import Service

BACKLOG = 2048
SWITCH = 0.001  # seconds after which threads that decode let the one that answers go on
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Server(uvicorn.Server):
    """uvicorn's server with a way to its end.

    SIGTERM: /readyz says 503 at once, new requests are still taken for a moment so that a load balancer can
    look; then the door closes, what was taken is finished, and the process ends with 0. SIGINT (Ctrl-C)
    leaves the moment out. A second signal ends at once.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._end_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        if self._end_at is not None:
            log("ended by a second signal", logging.WARNING, signal=sig)
            os._exit(128 + sig)  # threads that compute would be waited for otherwise
        self._service.draining = True
        wait = self._service.limits.drain_seconds if sig == signal.SIGTERM else 0.0
        self._end_at = time.monotonic() + wait

    async def on_tick(self, counter: int) -> bool:
        """Say whether the door is to be closed now."""
        if self._end_at is not None and time.monotonic() >= self._end_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door and say where it is."""
        await super().startup(sockets)
        for one in sockets or []:
            log("ready", url=url_of(one))


def server_for(app: FastAPI, limits: Limits) -> Server:
    """Return a server for an application of `create_app`."""
    config = uvicorn.Config(
        app,
        http=protocol_with(limits),
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=max(int(limits.idle_seconds), 1),
        timeout_graceful_shutdown=int(limits.body_seconds + limits.deadline) + 1,
    )
    return Server(config, app.state.service)


def open_door(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        host: a name or address of this machine.
        port: 0 takes any that is free.

    Raises:
        ConfigError: it is taken, not allowed, or not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        door = socket.socket(family, kind, protocol)
        if sys.platform != "win32":
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}. "
            f"Choose another --port or --host."
        ) from error
    return door


def url_of(door: socket.socket) -> str:
    """Return where a browser finds a listening socket."""
    host, port = door.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def run(app: FastAPI, limits: Limits, door: socket.socket) -> None:
    """Serve until a signal comes."""
    sys.setswitchinterval(SWITCH)
    server_for(app, limits).run(sockets=[door])


def host_names(host: str, more: Iterable[str] = ()) -> tuple[str, ...] | None:
    """Return the names that a service may be called by, or None for any.

    One that listens to this machine alone goes by the machine's own names, so that no page elsewhere can
    reach it by a name of its own that points here.
    """
    if host in LOOPBACK:
        return (*LOOPBACK[::2], "[::1]", *(name.lower() for name in more))
    return tuple(name.lower() for name in more) or None


def check_origins(origins: Sequence[str]) -> tuple[str, ...]:
    """Return origins as browsers write them.

    Raises:
        ConfigError: one is none; `*` is not taken, since it would open the gallery to every site.
    """
    for origin in origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+", origin):
            raise ConfigError(
                f"--cors {origin}: an origin is written like https://shop.example, without a path"
            )
    return tuple(origin.lower() for origin in origins)
