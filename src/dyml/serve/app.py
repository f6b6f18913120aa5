"""The application: routes, errors and layers, put together."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, Response

from dyml import __version__
from dyml.errors import DymlError
from dyml.index import Gallery
from dyml.models.embedding import EmbedsPictures
from dyml.serve import items, searching, showing, telling
from dyml.serve.access import HEADER
from dyml.serve.docs_page import STYLE, docs_page
from dyml.serve.guard import Guard
from dyml.serve.keys import Keys
from dyml.serve.limits import Limits
from dyml.serve.openapi import add_models, without_keys
from dyml.serve.pages import page_router, read_assets
from dyml.serve.problems import (
    Problem,
    ProblemBody,
    answer_http,
    answer_invalid,
    answer_problem,
    answer_user_error,
)
from dyml.serve.schemas import CompareRequest, SearchRequest
from dyml.serve.service import Service

ABOUT = (
    "Pictures are compared once and read at every scale: the same item, the same kind, the same family. "
    "Errors are application/problem+json."
)


def create_app(
    embedder: EmbedsPictures,
    gallery: Gallery,
    *,
    limits: Limits | None = None,
    keys: Keys | None = None,
    open_writing: bool = True,
    cors: Sequence[str] = (),
    hosts: Collection[str] | None = None,
) -> FastAPI:
    """Return the service as an ASGI application.

    Args:
        embedder: in evaluation mode, on the device where it is to run.
        gallery: made with the same model; its gauge gives the probabilities.
        limits: of requests; None: the usual ones.
        keys: who may come in; None: everybody.
        open_writing: whether, without keys, everybody may write, too.
        cors: origins such as `https://shop.example` whose pages may use the service from browsers.
        hosts: names that the service goes by; None: any.

    Raises:
        InputError: the gallery's vectors are of another length than the embedder's.
    """
    limits = limits or Limits()
    service = Service(embedder, gallery, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="dyml", version=__version__, description=ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.service, app.state.keys, app.state.open_writing = service, keys, open_writing
    for kind, answer in (
        (Problem, answer_problem),
        (HTTPException, answer_http),
        (RequestValidationError, answer_invalid),
        (DymlError, answer_user_error),
    ):
        app.add_exception_handler(kind, answer)
    for router in (searching.router, items.router, showing.router, telling.router, telling.health):
        app.include_router(router)
    app.include_router(page_router(read_assets()))
    _add_docs(app)
    if cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[HEADER, "Content-Type"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    app.add_middleware(Guard, metrics=service.metrics, most=limits.requests, hosts=hosts, origins=cors)
    return app


def _add_docs(app: FastAPI) -> None:
    """Serve /docs, and put into the document what the framework cannot know."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            add_models(made(), SearchRequest, CompareRequest, ProblemBody)
            if app.state.keys is None:
                without_keys(made())
        document: dict[str, Any] = app.openapi_schema or {}
        return document

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(docs_page(app.openapi()))

    @app.get("/docs.css", include_in_schema=False)
    async def docs_style() -> Response:
        return Response(STYLE, media_type="text/css")
