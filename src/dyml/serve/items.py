"""/v1/items: look, add, delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field, TypeAdapter, ValidationError
from starlette.responses import Response

from dyml.index import Item
from dyml.serve.access import Reading, ServiceDep, Writing
from dyml.serve.bodies import body_of, checked_json, media_type_of
from dyml.serve.forms import json_response, other_type, read_form
from dyml.serve.multipart import MULTIPART
from dyml.serve.openapi import WITH_BODY, Responses, body, form_body, problems
from dyml.serve.pictures import media_type
from dyml.serve.problems import Problem, invalid_model
from dyml.serve.results import item_body
from dyml.serve.schemas import AddedOut, ItemId, ItemOut, ItemsOut, Name, Scalar, Strict
from dyml.serve.service import Service
from dyml.serve.waiting import answer_in_time

router = APIRouter(prefix="/v1", tags=["items"])
THERE: Responses = {200: {"model": AddedOut, "description": "An item of this id was there."}}
_id = TypeAdapter(ItemId)
_labels = TypeAdapter(Annotated[dict[Name, Name], Field(max_length=64)])
_metadata = TypeAdapter(Annotated[dict[Name, Scalar], Field(max_length=256)])


class Listing(Strict):
    """Which items."""

    id: ItemId | None = Field(None, description="one item, instead of a listing")
    scale: Name | None = Field(None, description="with `class`: only items of this class")
    class_: Name | None = Field(None, alias="class")
    after: ItemId | None = Field(None, description="`next` of the page before")
    limit: int = Field(100, ge=1)


class One(Strict):
    """One item."""

    id: ItemId


@router.get("/items", response_model=ItemOut | ItemsOut, responses=problems(404), dependencies=[Reading])
async def look(request: Request, service: ServiceDep, asked: Annotated[Listing, Query()]) -> Response:
    """Return one item (`id`), or a page of them by id, of one class if wanted."""
    if asked.id is not None:
        if asked.model_fields_set != {"id"}:
            raise Problem(422, "invalid", "id: goes alone.")
        return json_response(item_body(await service.item(asked.id)))
    if (asked.scale is None) != (asked.class_ is None):
        raise Problem(422, "invalid", "scale and class are said together or not at all.")
    if asked.limit > service.limits.page:
        raise Problem(422, "invalid", f"limit: at most {service.limits.page:,}.")
    scales = service.overview.info.scales
    if asked.scale is not None and asked.scale not in scales:
        raise Problem(422, "invalid", f"scale: there is no such scale; there are {', '.join(scales)}.")
    found = service.reading(_page, service, asked)
    return json_response(await answer_in_time(request, found, service.limits.deadline))


@router.post(
    "/items",
    status_code=201,
    response_model=AddedOut,
    responses=problems(409, *WITH_BODY, there=THERE),
    dependencies=[Writing],
    openapi_extra=body(
        form_body(
            {"file": "a picture"},
            {
                "id": {"type": "string", "minLength": 1, "maxLength": 255},
                "labels": {
                    "type": "string",
                    "description": "JSON: scale -> class",
                    "examples": ['{"fine": "é"}'],
                },
                "metadata": {"type": "string", "description": "JSON: name -> text, number, true or false"},
            },
            ["file", "id"],
        )
    ),
)
async def add(request: Request, service: ServiceDep) -> Response:
    """Put a picture into the gallery, or replace the one of this id."""
    limits = service.limits
    async with body_of(request, service.held, limits, limits.body_bytes) as data:
        if media_type_of(request) != MULTIPART:
            raise other_type(MULTIPART)
        form = await read_form(request, data, service, ("file",), ("id", "labels", "metadata"))
        picture = form.file("file")
        try:
            item_id = _id.validate_python(form.texts.get("id", ""))
        except ValidationError as error:
            raise invalid_model(error, "id") from error
        labels = _field(service, form.texts, "labels", _labels)
        metadata = _field(service, form.texts, "metadata", _metadata)
        work = _added(service, item_id, picture, labels, metadata)
        added = await answer_in_time(request, work, limits.deadline)
    return json_response({"id": item_id, "added": added}, 201 if added else 200)


@router.delete("/items", status_code=204, responses=problems(404, 409), dependencies=[Writing])
async def delete(service: ServiceDep, asked: Annotated[One, Query()]) -> Response:
    """Take an item out of the gallery."""
    if not await service.writing(service.gallery.delete, [asked.id]):
        raise Problem(404, "no-item", "The gallery has no item of this id.")
    return Response(status_code=204)


def _page(service: Service, asked: Listing) -> dict[str, Any]:
    where = None if asked.scale is None else {asked.scale: asked.class_}
    # One more than asked for says whether there is a next page.
    found = list(service.gallery.items(after=asked.after, limit=asked.limit + 1, where=where))
    page = found[: asked.limit]
    return {
        "items": [item_body(item) for item in page],
        "next": page[-1].id if len(found) > len(page) else None,
    }


async def _added(
    service: Service, item_id: str, picture: bytes, labels: dict[str, str], metadata: dict[str, Any]
) -> bool:
    vector = (await service.embed([("file", picture)]))[0]
    thumbnail = await service.decoding(service.reader.thumbnail, picture, "file")
    if media_type(picture) is None:  # browsers would not show it
        picture = await service.decoding(service.reader.whole, picture, "file")
    item = Item(item_id, vector, labels, metadata, thumbnail=thumbnail, bytes=picture)
    report = await service.writing(service.gallery.add, [item])
    return report.added > 0


def _field(service: Service, texts: dict[str, str], name: str, kind: TypeAdapter[Any]) -> dict[str, Any]:
    if name not in texts:
        return {}
    try:
        value: dict[str, Any] = kind.validate_json(
            checked_json(texts[name].encode(), service.limits, name), strict=True
        )
    except ValidationError as error:
        raise invalid_model(error, name) from error
    return value
