"""POST /v1/search, /v1/compare and /v1/embed."""

import time
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response

from dyml.serve.access import Reading, ServiceDep
from dyml.serve.bodies import body_of, checked_json, media_type_of
from dyml.serve.forms import JSON, json_response, other_type, read_form, read_json
from dyml.serve.multipart import MULTIPART, Form
from dyml.serve.openapi import WITH_BODY, body, form_body, json_body, problems
from dyml.serve.problems import Problem, invalid_model
from dyml.serve.results import comparison_body, find
from dyml.serve.schemas import (
    CompareOut,
    CompareRequest,
    EmbedOut,
    SearchOptions,
    SearchOut,
    SearchRequest,
    Where,
)
from dyml.serve.service import Floats, Service
from dyml.serve.waiting import answer_in_time

OPTIONS = ("k", "scale", "min_probability", "where", "group_by", "per_class")
_where = TypeAdapter(Where)

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[Reading])


@router.post(
    "/search",
    response_model=SearchOut,
    responses=problems(404, *WITH_BODY),
    openapi_extra=body(
        json_body(SearchRequest, {"id": "latin/e/00e9-3.png", "k": 5}),
        form_body(
            {"file": "a picture"},
            {
                "k": {"type": "integer", "minimum": 1, "default": 20},
                "scale": {"type": "string"},
                "min_probability": {"type": "number", "minimum": 0, "maximum": 1},
                "where": {"type": "string", "description": "JSON"},
                "group_by": {"type": "string"},
                "per_class": {"type": "integer", "minimum": 1},
            },
            ["file"],
        ),
    ),
)
async def search(request: Request, service: ServiceDep) -> Response:
    """Find the most similar items to an uploaded picture, an item of the gallery, or a vector."""
    start, limits = time.perf_counter(), service.limits
    async with body_of(request, service.held, limits, limits.body_bytes) as data:
        kind = media_type_of(request)
        if kind == JSON:
            asked = read_json(SearchRequest, data, service)
            work = _search_known(service, asked)
        elif kind == MULTIPART:
            form = await read_form(request, data, service, ("file",), OPTIONS)
            work = _search_picture(service, form.file("file"), _options(form, service))
        else:
            raise other_type()
        answer = await answer_in_time(request, work, limits.deadline)
    answer["took_ms"] = round((time.perf_counter() - start) * 1000, 2)
    return json_response(answer)


@router.post(
    "/compare",
    response_model=CompareOut,
    responses=problems(404, *WITH_BODY),
    openapi_extra=body(
        json_body(CompareRequest, {"a": {"id": "latin/e/00e9-3.png"}, "b": {"id": "latin/e/0065-1.png"}}),
        form_body({"a": "a picture", "b": "another"}, {}, ["a", "b"]),
    ),
)
async def compare(request: Request, service: ServiceDep) -> Response:
    """Say of two pictures, at every scale, whether they are the same, and how likely that is.

    As for pairs that somebody picks: every number of shared scales is equally likely beforehand.
    """
    limits = service.limits
    async with body_of(request, service.held, limits, limits.body_bytes) as data:
        kind = media_type_of(request)
        if kind == JSON:
            asked = read_json(CompareRequest, data, service)
            work = _compare_known(service, asked.a.id, asked.b.id)
        elif kind == MULTIPART:
            form = await read_form(request, data, service, ("a", "b"), ())
            work = _compare_pictures(service, form.file("a"), form.file("b"))
        else:
            raise other_type()
        return json_response(await answer_in_time(request, work, limits.deadline))


@router.post(
    "/embed",
    response_model=EmbedOut,
    responses=problems(*WITH_BODY),
    openapi_extra=body(form_body({"files[]": "pictures"}, {}, ["files"])),
)
async def embed(request: Request, service: ServiceDep) -> Response:
    """Return the vectors of pictures."""
    limits = service.limits
    async with body_of(request, service.held, limits, limits.body_bytes) as data:
        if media_type_of(request) != MULTIPART:
            raise other_type()
        form = await read_form(request, data, service, ("files",), ())
        if not form.files:
            raise Problem(422, "invalid", "files: send one picture at least in this field.")
        pictures = [(f"files {number}", one) for number, (_, one) in enumerate(form.files)]
        vectors = await answer_in_time(request, service.embed(pictures), limits.deadline)
    return json_response({"dim": service.embedder.dim, "vectors": vectors.tolist()})


async def _search_known(service: Service, asked: SearchRequest) -> dict[str, Any]:
    _check(service, asked)
    if asked.id is None:
        with np.errstate(over="ignore"):  # what becomes infinite is refused by the gallery
            query = np.array(asked.vector, np.float32)
        return await _search(service, query, asked, None)
    item = await service.item(asked.id)
    return await _search(service, item.vector, asked, asked.id)


async def _search_picture(service: Service, data: bytes, options: SearchOptions) -> dict[str, Any]:
    _check(service, options)
    return await _search(service, (await service.embed([("file", data)]))[0], options, None)


async def _search(
    service: Service, query: Floats | None, options: SearchOptions, item_id: str | None
) -> dict[str, Any]:
    assert query is not None
    found = await service.reading(find, service.gallery, query, options, item_id)
    return {"query": {"id": item_id}, **found}


async def _compare_known(service: Service, a: str, b: str) -> dict[str, Any]:
    rows = [(await service.item(one)).vector for one in (a, b)]
    return _compared(service, np.stack([row for row in rows if row is not None]))


async def _compare_pictures(service: Service, a: bytes, b: bytes) -> dict[str, Any]:
    return _compared(service, await service.embed([("a", a), ("b", b)]))


def _compared(service: Service, rows: Floats) -> dict[str, Any]:
    return comparison_body(float(rows[0] @ rows[1]), service.even_gauge, service.overview.info.scales)


def _check(service: Service, options: SearchOptions) -> None:
    limits, scales = service.limits, service.overview.info.scales
    for name, value, most in (("k", options.k, limits.k), ("per_class", options.per_class, limits.per_class)):
        if value is not None and value > most:
            raise Problem(422, "invalid", f"{name}: at most {most:,}.")
    if options.group_by is not None and options.k * (options.per_class or 1) > limits.k:
        raise Problem(422, "invalid", f"k times per_class: at most {limits.k:,}.")
    for name, scale in (("scale", options.scale), ("group_by", options.group_by)):
        if scale is not None and scale not in scales:
            raise Problem(422, "invalid", f"{name}: there is no such scale; there are {', '.join(scales)}.")
    if options.scale is not None and service.gauge is None:
        raise Problem(422, "no-gauge", "The model has no gauge, so there are no probabilities to ask for.")


def _options(form: Form, service: Service) -> SearchOptions:
    values: dict[str, Any] = dict(form.texts)
    try:
        if "where" in values:
            text = checked_json(values["where"].encode(), service.limits, "where")
            values["where"] = _where.validate_json(text, strict=True)
        return SearchOptions.model_validate(values)
    except ValidationError as error:
        raise invalid_model(error) from error
