"""What the service tells of itself: scales, taxonomy, map, health, counters."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from dyml.serve.access import Reading, ServiceDep
from dyml.serve.etags import has_etag
from dyml.serve.forms import JSON, json_response
from dyml.serve.metrics import CONTENT_TYPE
from dyml.serve.openapi import Responses, problems
from dyml.serve.overview import Made
from dyml.serve.schemas import HealthOut, MapOut, ScalesOut, TaxonomyOut

router = APIRouter(prefix="/v1", tags=["gallery"], dependencies=[Reading])
health = APIRouter(tags=["health"])
TEXT: Responses = {200: {"content": {"text/plain": {}}}}


@router.get("/scales", response_model=ScalesOut, responses=problems())
async def scales(request: Request, service: ServiceDep) -> Response:
    """Return the gauge: per scale a threshold, its error rate, and P(same class) over similarity."""
    return _kept(request, await service.reading(service.overview.scales))


@router.get("/taxonomy", response_model=TaxonomyOut, responses=problems())
async def taxonomy(request: Request, service: ServiceDep) -> Response:
    """Return the classes at every scale with their parents and how many items they have."""
    return _kept(request, await service.reading(service.overview.taxonomy))


@router.get("/map", response_model=MapOut, responses=problems())
async def map_(request: Request, service: ServiceDep) -> Response:
    """Return the items as points of a plane, near each other where they are similar."""
    return _kept(request, await service.reading(service.overview.map))


@health.get("/healthz", response_model=HealthOut)
async def healthz() -> Response:
    """Say that the process lives."""
    return json_response({"status": "ok"})


@health.get(
    "/readyz",
    response_model=HealthOut,
    responses={503: {"model": HealthOut, "description": "Send requests elsewhere."}},
)
async def readyz(service: ServiceDep) -> Response:
    """Say whether requests should be sent here."""
    if service.ready:
        return json_response({"status": "ready"})
    return json_response({"status": "ending" if service.draining else "not ready"}, 503)


@health.get(
    "/metrics",
    response_class=Response,
    responses=problems(text=TEXT),
    dependencies=[Reading],
)
async def metrics(service: ServiceDep) -> Response:
    """Return the counters for Prometheus."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _kept(request: Request, made: Made) -> Response:
    headers = {"ETag": made.etag, "Cache-Control": "private, no-cache", "Vary": "X-API-Key"}
    if has_etag(request, made.etag):
        return Response(status_code=304, headers=headers)
    return Response(made.body, media_type=JSON, headers=headers)
