"""GET / and /static: the page, from a list of files that is fixed when the service starts."""

from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from dyml.serve.etags import etag_of, has_etag
from dyml.serve.problems import Problem

FOLDER = Path(__file__).with_name("page")
INDEX = "index.html"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class Asset(NamedTuple):
    """A file of the page.

    Attributes:
        data: its bytes.
        kind: its media type.
        etag: of its bytes.
    """

    data: bytes
    kind: str
    etag: str


def read_assets(folder: Path = FOLDER) -> dict[str, Asset]:
    """Read the files of the page; requests choose among these names and never open a file."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in KINDS:
            data = file.read_bytes()
            found[file.relative_to(folder).as_posix()] = Asset(data, KINDS[file.suffix], etag_of(data))
    return found


def page_router(assets: dict[str, Asset]) -> APIRouter:
    """Return the routes of the page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def page(request: Request) -> Response:
        return _asset(request, assets.get(INDEX))

    @router.get("/static/{name:path}")
    async def static(request: Request, name: str) -> Response:
        return _asset(request, assets.get(name))

    return router


def _asset(request: Request, asset: Asset | None) -> Response:
    if asset is None:
        raise Problem(404, "not-found", "There is nothing here.")
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    if has_etag(request, asset.etag):
        return Response(status_code=304, headers=headers)
    return Response(asset.data, media_type=asset.kind, headers=headers)
