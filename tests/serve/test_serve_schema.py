"""Whatever the OpenAPI document allows, and much that it does not: no answer is a fault of the service."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from serve_parts import live, tiny_app, tiny_gauge

from dyml.serve import Limits

CHECKS = [
    negative_data_rejection,
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
COMMON = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.generate],
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    app = tiny_app(tmp_path_factory.mktemp("api") / "gallery", tiny_gauge(), limits=Limits(k=100))
    with live(app) as (url, _):
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")


OPERATIONS = [
    ("GET", "/v1/scales"),
    ("GET", "/v1/taxonomy"),
    ("GET", "/v1/map"),
    ("GET", "/v1/items"),
    ("GET", "/v1/pictures"),
    ("GET", "/v1/thumbnails"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/v1/search"),
    ("POST", "/v1/compare"),
    ("POST", "/v1/embed"),
    ("POST", "/v1/items"),
    ("DELETE", "/v1/items"),
]


def ask(api: Any, method: str, path: str, mode: GenerationMode, count: int) -> None:
    operation = api[path][method]

    @settings(max_examples=count, **COMMON)
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    try:
        asked()
    except Unsatisfiable:  # a route without parameters takes whatever is sent
        assert mode is GenerationMode.NEGATIVE


def test_every_operation_is_asked(api: Any) -> None:
    told = {(one.ok().method.upper(), one.ok().path) for one in api.get_all_operations()}
    assert told == set(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_document_is_kept(api: Any, method: str, path: str, mode: GenerationMode) -> None:
    ask(api, method, path, mode, 8)


@pytest.mark.soak
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_document_is_kept_at_length(api: Any, method: str, path: str, mode: GenerationMode) -> None:
    ask(api, method, path, mode, 400)
