"""GET /v1/pictures and /v1/thumbnails: what items look like."""

import os
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from dyml.index import Item
from dyml.serve.access import Reading, ServiceDep
from dyml.serve.etags import etag_of, has_etag
from dyml.serve.items import One
from dyml.serve.openapi import Responses, problems
from dyml.serve.pictures import media_type
from dyml.serve.problems import Problem
from dyml.serve.service import Service
from dyml.serve.waiting import answer_in_time

router = APIRouter(prefix="/v1", tags=["pictures"], dependencies=[Reading])
KEPT = "private, max-age=300"
# A picture is never a page, whatever its bytes try to be.
ALONE = {"Content-Security-Policy": "default-src 'none'; sandbox", "Content-Disposition": "inline"}
CONTENT: Responses = {
    200: {"content": {kind: {} for kind in ("image/jpeg", "image/png", "image/webp", "image/gif")}},
    304: {"description": "The picture is the one that the client has."},
}


@router.get("/pictures", response_class=Response, responses=problems(404, 504, pictures=CONTENT))
async def picture(request: Request, service: ServiceDep, asked: Annotated[One, Query()]) -> Response:
    """Return the whole picture of an item."""
    work = service.decoding(whole_picture, service, await service.item(asked.id, True))
    return image_response(request, await answer_in_time(request, work, service.limits.deadline))


@router.get("/thumbnails", response_class=Response, responses=problems(404, 504, pictures=CONTENT))
async def thumbnail(request: Request, service: ServiceDep, asked: Annotated[One, Query()]) -> Response:
    """Return an item's picture, at most 256 pixels a side."""
    item = await service.item(asked.id, True)
    if item.thumbnail is not None and media_type(item.thumbnail) is not None:
        return image_response(request, item.thumbnail)
    work = service.decoding(small_picture, service, item)
    return image_response(request, await answer_in_time(request, work, service.limits.deadline))


def image_response(request: Request, data: bytes) -> Response:
    """Return a picture, or 304 where the client has it."""
    etag = etag_of(data)
    headers = {"ETag": etag, "Cache-Control": KEPT, "Vary": "X-API-Key", **ALONE}
    if has_etag(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type(data) or "application/octet-stream", headers=headers)


def whole_picture(service: Service, item: Item) -> bytes:
    """Return the bytes of an item's picture, in a form that browsers show.

    Raises:
        Problem: it has none.
    """
    data = picture_bytes(item, service.overview.info.root, service.limits.upload_bytes)
    return data if media_type(data) is not None else service.reader.whole(data, "picture")


def small_picture(service: Service, item: Item) -> bytes:
    """Return a small JPEG of an item's picture.

    Raises:
        Problem: it has none.
    """
    data = picture_bytes(item, service.overview.info.root, service.limits.upload_bytes)
    return service.reader.thumbnail(data, "picture")


def picture_bytes(item: Item, root: str | None, most: int) -> bytes:
    """Return the bytes of an item's picture as it lies in the gallery or in its folder.

    The reference comes from the gallery, never from a request. It is held to the gallery's root all the
    same, links followed, so that a gallery from elsewhere cannot show other files of this machine.

    Args:
        item: with `bytes` or a reference.
        root: the folder that references lie in.
        most: bytes.

    Raises:
        Problem: there is no such picture.
    """
    if item.bytes is not None:
        return item.bytes
    missing = Problem(404, "no-picture", "The picture of this item is not at hand.")
    if item.picture is None or root is None:
        raise missing
    folder = Path(os.path.realpath(root))
    file = Path(os.path.realpath(folder / item.picture))
    if not file.is_relative_to(folder) or not file.is_file() or file.stat().st_size > most:
        raise missing
    try:
        return file.read_bytes()
    except OSError as error:
        raise missing from error
