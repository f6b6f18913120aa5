"""Who may do what: the API key of a request, and the roles."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from dyml.serve.keys import Keys, Role
from dyml.serve.problems import Problem
from dyml.serve.service import Service

HEADER = "X-API-Key"
_scheme = APIKeyHeader(name=HEADER, auto_error=False, description="Where the service was started with keys.")


def require(role: Role) -> Callable[..., Awaitable[None]]:
    """Return a dependency that lets a role pass.

    Args:
        role: `read`, which every key has, or `write`.
    """

    async def check(request: Request, key: Annotated[str | None, Security(_scheme)]) -> None:
        keys: Keys | None = request.app.state.keys
        if keys is None:
            if role == "write" and not request.app.state.open_writing:
                raise Problem(
                    403, "read-only", "This service was started without keys, so nobody may write through it."
                )
            return
        found = keys.find(key) if key else None
        if found is None:
            said = "is not known" if key else "is missing"
            raise Problem(
                401, "key", f"The {HEADER} header {said}.", {"WWW-Authenticate": f'ApiKey header="{HEADER}"'}
            )
        request.state.key = found.name
        if role == "write" and found.role != "write":
            raise Problem(403, "role", "This key may read, not write.")

    return check


async def service_of(request: Request) -> Service:
    """Return the service behind a request (asynchronous: others would get a thread each)."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]
Reading = Depends(require("read"))
Writing = Depends(require("write"))
