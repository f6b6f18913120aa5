"""Parts of the OpenAPI document that the framework cannot find out by itself: bodies in two forms, errors."""

from typing import Any

from pydantic import BaseModel

from dyml.serve.multipart import MULTIPART
from dyml.serve.problems import MEDIA_TYPE, ProblemBody

Responses = dict[int | str, dict[str, Any]]
REF = "#/components/schemas/"
WHAT = {
    400: "The body is no JSON, no form, or no UTF-8.",
    401: "The API key is missing or wrong.",
    403: "The API key's role does not reach, or another site has sent the request.",
    404: "There is no such item.",
    408: "The body came too slowly.",
    409: "Another process writes at this moment.",
    413: "The body, a picture or a list is too large.",
    415: "This type of body is not taken, or this is no picture.",
    421: "The service does not go by that name.",
    422: "A value is not valid, or a picture is damaged.",
    429: "Too much at once; `Retry-After` says when to come back.",
    500: "A fault of the service; the log knows it by the request id.",
    503: "The service is ending, or the gallery is not at hand.",
    504: "There was no answer in time.",
}
ALWAYS = (401, 403, 421, 422, 429, 500, 503)
WITH_BODY = (400, 408, 413, 415, 504)


def problems(*statuses: int, **others: Responses) -> Responses:
    """Return the errors of a route for its `responses`.

    Args:
        statuses: beyond those that every route may answer.
        others: answers that are no errors, under any name.
    """
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{REF}{ProblemBody.__name__}"}}}
    found: Responses = {status: answer for part in others.values() for status, answer in part.items()}
    for status in sorted({*ALWAYS, *statuses}):
        found[status] = {"description": WHAT[status], "content": content}
    return found


def json_body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON form of a body."""
    return {"application/json": {"schema": {"$ref": f"{REF}{model.__name__}"}, "example": example}}


def form_body(files: dict[str, str], texts: dict[str, dict[str, Any]], required: list[str]) -> dict[str, Any]:
    """Return the multipart form of a body.

    Args:
        files: field and description; a name that ends in `[]` stands for several files.
        texts: field and schema.
        required: fields that must be there.
    """
    properties: dict[str, Any] = {}
    for name, text in files.items():
        one = {"type": "string", "format": "binary", "description": text}
        properties[name.removesuffix("[]")] = (
            {"type": "array", "items": one, "minItems": 1, "description": text}
            if name.endswith("[]")
            else one
        )
    schema = {
        "type": "object",
        "properties": {**properties, **texts},
        "required": required,
        "additionalProperties": False,
    }
    return {MULTIPART: {"schema": schema}}


def body(*forms: dict[str, Any]) -> dict[str, Any]:
    """Return `openapi_extra` for a route whose body comes in one of some forms."""
    content = {kind: value for form in forms for kind, value in form.items()}
    return {"requestBody": {"required": True, "content": content}}


def add_models(document: dict[str, Any], *models: type[BaseModel]) -> None:
    """Put the models that bodies refer to among the document's components."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for model in models:
        made = model.model_json_schema(ref_template=REF + "{model}", mode="validation")
        for name, inner in made.pop("$defs", {}).items():
            schemas.setdefault(name, inner)
        schemas.setdefault(model.__name__, made)


def without_keys(document: dict[str, Any]) -> None:
    """Take out of the document that an API key is wanted."""
    document.get("components", {}).pop("securitySchemes", None)
    for methods in document["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
