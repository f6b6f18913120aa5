"""Errors as `application/problem+json` (RFC 9457), with a request id and without internals."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from dyml.errors import InputError
from dyml.index import LockedError
from dyml.serve.logs import log
from dyml.serve.words import without_paths

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 10


class Problem(Exception):
    """An answer that says what is wrong.

    Args:
        status: of HTTP.
        code: a short name that programs can tell problems apart by.
        detail: what is wrong and how to mend it.
        headers: further headers of the answer.
        faults: single fields that are wrong, if it was fields.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        faults: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.faults = dict(headers or {}), list(faults)


class Fault(BaseModel):
    """A field that is wrong."""

    where: str = Field(description="the field", examples=["body.k"])
    what: str = Field(description="what is wrong with it", examples=["must be 1 or more"])


class ProblemBody(BaseModel):
    """What an error says."""

    type: str = Field(description="a name for programs", examples=["urn:dyml:queue-full"])
    title: str = Field(examples=["Too Many Requests"])
    status: int = Field(examples=[429])
    detail: str = Field(examples=["The queue is full. Try again in 1 s."])
    request_id: str = Field(description="also in the log and in the X-Request-ID header")
    faults: list[Fault] | None = Field(None, description="the fields that are wrong, if it was fields")


def problem_response(problem: Problem, request_id: str) -> Response:
    """Return the answer that a problem is."""
    body: dict[str, Any] = {
        "type": f"urn:dyml:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request_id,
    }
    if problem.faults:
        body["faults"] = problem.faults
    return Response(to_json(body), problem.status, problem.headers, MEDIA_TYPE)


def request_id(request: Request) -> str:
    """Return the id that the outermost layer gave to a request."""
    return str(request.scope.get("state", {}).get("request_id", "none"))


async def answer_problem(request: Request, error: Exception) -> Response:
    """Answer a `Problem`."""
    assert isinstance(error, Problem)
    return problem_response(error, request_id(request))


async def answer_http(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: no such route, a method that it does not take."""
    assert isinstance(error, HTTPException)
    known = {404: "There is nothing here.", 405: "This method is not offered here."}
    detail = known.get(error.status_code, HTTPStatus(error.status_code).description or "Refused.")
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return problem_response(Problem(error.status_code, code, detail, error.headers), request_id(request))


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer parameters that are not valid."""
    assert isinstance(error, RequestValidationError)
    return problem_response(invalid(error.errors()), request_id(request))


async def answer_user_error(request: Request, error: Exception) -> Response:
    """Answer an error of the library: the caller's own, a gallery that is locked, or one out of reach."""
    if isinstance(error, InputError):
        return problem_response(Problem(422, "invalid", without_paths(str(error))), request_id(request))
    if isinstance(error, LockedError):
        text = "Another process writes to the gallery. Try again in 5 s."
        return problem_response(Problem(409, "locked", text, {"Retry-After": "5"}), request_id(request))
    log("gallery out of reach", logging.ERROR, error, request_id=request_id(request))
    text = "The gallery cannot be read or written at this moment. The log knows why by the request id."
    return problem_response(Problem(503, "gallery", text, {"Retry-After": "30"}), request_id(request))


def invalid(errors: Sequence[Any], at: str = "") -> Problem:
    """Return the problem for pydantic's list of errors, without the values that were sent."""
    faults = [
        {"where": ".".join(filter(None, [at, *map(str, one["loc"])])), "what": str(one["msg"])}
        for one in errors[:MOST_FAULTS]
    ]
    first = faults[0] if faults else {"where": at, "what": "not valid"}
    return Problem(422, "invalid", f"{first['where']}: {first['what']}", faults=faults)


def invalid_model(error: ValidationError, at: str = "body") -> Problem:
    """Return the problem for a body that does not fit its model; JSON that is none is a 400."""
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    if any(one["type"] == "json_invalid" for one in errors):
        return Problem(400, "not-json", f"{at}: {errors[0]['msg']}")
    return invalid(errors, at)
