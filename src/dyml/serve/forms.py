"""Bodies and answers of the routes."""

from collections.abc import Collection
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.responses import Response

from dyml.serve.bodies import checked_json
from dyml.serve.multipart import MULTIPART, Form, parse_form
from dyml.serve.problems import Problem, invalid_model
from dyml.serve.service import Service

JSON = "application/json"
SMALL = 256 * 1024
Model = TypeVar("Model", bound=BaseModel)


def json_response(value: Any, status: int = 200) -> Response:
    """Return an answer in JSON."""
    return Response(to_json(value), status, media_type=JSON)


def read_json(model: type[Model], data: bytes, service: Service) -> Model:
    """Read and check a JSON body.

    Raises:
        Problem: it is not valid.
    """
    try:
        return model.model_validate_json(checked_json(data, service.limits, "body"), strict=True)
    except ValidationError as error:
        raise invalid_model(error) from error


async def read_form(
    request: Request, data: bytes, service: Service, files: Collection[str], texts: Collection[str]
) -> Form:
    """Take a form apart; a large one in a thread, since others wait meanwhile.

    Raises:
        Problem: as `parse_form`.
    """
    arguments = (request.headers.get("content-type", ""), data, service.limits, files, texts)
    if len(data) <= SMALL:
        return parse_form(*arguments)
    return await service.decoding(parse_form, *arguments)


def other_type(*kinds: str) -> Problem:
    """Return the problem of a body that is of another type."""
    return Problem(415, "media-type", f"The body must be {' or '.join(kinds or (JSON, MULTIPART))}.")
