"""Entity tags: what a client has already is not sent again."""

from hashlib import sha256

from fastapi import Request


def etag_of(data: bytes) -> str:
    """Return the tag of an answer's bytes."""
    return f'"{sha256(data).hexdigest()[:32]}"'


def has_etag(request: Request, etag: str) -> bool:
    """Whether the client has what it asks for."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in known.split(",")]
