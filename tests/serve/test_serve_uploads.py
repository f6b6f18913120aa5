"""Pictures and bodies of strangers: each is refused with the right words, at once, and nothing falls over."""

import json
import threading
import time
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from serve_parts import bomb, picture, png_of, slow_embedder, tiny_app, tiny_embedder, tiny_gallery

from dyml.serve import Limits, create_app

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"


def jpeg() -> bytes:
    return picture(0, "JPEG", (300, 200))


PICTURES = {
    "nothing": (b"", 422, "empty-picture"),
    "huge header": (png_of(100_000, 100_000, b""), 413, "too-many-pixels"),
    "over the service's own bound": (bomb(6_000), 413, "too-many-pixels"),
    "svg": (SVG, 415, "not-a-picture"),
    "html": (HTML, 415, "not-a-picture"),
    "text": (b"hello", 415, "not-a-picture"),
    "zeros": (bytes(10_000), 415, "not-a-picture"),
    "truncated": (jpeg()[:-2000], 422, "truncated-picture"),
    "header alone": (jpeg()[:30], 422, "truncated-picture"),
    "broken chunk": (picture()[:60] + b"\0\0\0\0" + picture()[64:], 422, "damaged-picture"),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("route", ["search", "embed", "compare", "items"])
def test_bad_pictures_are_refused(client: TestClient, route: str, name: str) -> None:
    data, status, code = PICTURES[name]
    files = {
        "search": {"file": ("evil.jpg", data, "image/jpeg")},
        "items": {"file": ("evil.jpg", data, "image/jpeg")},
        "embed": {"files": ("evil.jpg", data, "image/jpeg")},
        "compare": {"a": ("a.jpg", picture(), "image/png"), "b": ("evil.jpg", data, "image/jpeg")},
    }[route]
    form = {"id": "evil"} if route == "items" else {}
    answer = client.post(f"/v1/{route}", files=files, data=form)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:dyml:{code}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/items", params={"id": "evil"}).status_code == 404


@pytest.mark.parametrize("side", [6_000, 100_000])
def test_a_bomb_costs_no_memory(client: TestClient, side: int) -> None:
    data = bomb(side) if side < 10_000 else png_of(side, side, bytes(1000))
    assert len(data) < 100_000
    client.post("/v1/embed", files={"files": picture()})
    tracemalloc.start()
    start = time.perf_counter()
    assert client.post("/v1/embed", files={"files": data}).status_code == 413
    assert time.perf_counter() - start < 2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_bomb_within_the_bound_is_a_picture(client: TestClient) -> None:
    assert client.post("/v1/embed", files={"files": bomb(3_000)}).status_code == 200


def test_a_gif_s_first_frame_counts(client: TestClient) -> None:
    stream = BytesIO()
    frames = [Image.new("P", (20, 20), n) for n in range(50)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    assert client.post("/v1/embed", files={"files": stream.getvalue()}).status_code == 200


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    limits = Limits(
        upload_bytes=50_000, json_bytes=20_000, body_bytes=120_000, held_bytes=200_000, batch=3, k=50, page=5
    )
    with TestClient(tiny_app(tmp_path_factory.mktemp("small") / "gallery", limits=limits)) as made:
        yield made


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_a_body_is_refused_while_it_comes(small: TestClient, chunked: bool) -> None:
    sent = []

    def body() -> object:
        yield b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
        for _ in range(300):
            sent.append(1)
            yield b"a" * 1000

    content = body() if chunked else b"".join(body())  # type: ignore[arg-type]
    answer = small.post(
        "/v1/search", content=content, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:dyml:too-large")
    assert small.app.state.service.held.bytes == 0


@pytest.mark.parametrize(
    ("route", "files", "form", "status"),
    [
        ("embed", [("files", picture(n)) for n in range(4)], {}, 413),
        ("embed", [("files", bytes(60_000))], {}, 413),
        ("embed", [("other", picture())], {}, 422),
        ("search", [("file", picture())] * 2, {}, 422),
        ("search", [("file", picture())], {"where": json.dumps({"a": {"in": ["x" * 9000] * 3}})}, 413),
        ("search", [("file", picture())], {"k": "51"}, 422),
        ("search", [("file", picture())], {"k": "many"}, 422),
        ("search", [("file", picture())], {"where": "{"}, 400),
        ("search", [("file", picture())], {"where": '{"price": {"like": 1}}'}, 422),
        ("search", [("file", picture())], {"limit": "3"}, 422),
        ("items", [("file", picture())], {"id": "a" * 256}, 422),
        ("items", [("file", picture())], {}, 422),
        ("items", [("file", picture())], {"id": "a", "labels": "[]"}, 422),
        ("items", [("file", picture())], {"id": "a", "labels": '{"unknown": "x"}'}, 422),
        ("items", [("file", picture())], {"id": "a", "metadata": '{"fine": "x"}'}, 422),
        ("items", [("file", picture())], {"id": "a", "metadata": '{"x": [1]}'}, 422),
        ("items", [("file", picture())], {"id": "a", "metadata": '{"x": NaN}'}, 400),
    ],
)
def test_limits_of_parts(small: TestClient, route: str, files: list, form: dict, status: int) -> None:
    answer = small.post(f"/v1/{route}", files=files, data=form)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_that_is_not_multipart_is_refused(small: TestClient) -> None:
    assert small.post("/v1/embed", data={"files": "text"}).status_code == 415
    assert small.post("/v1/items", json={"id": "a"}).status_code == 415
    assert small.get("/v1/items", params={"limit": 6}).status_code == 422


def test_all_bodies_together_are_bounded(tmp_path: Path) -> None:
    limits = Limits(upload_bytes=50_000, json_bytes=20_000, body_bytes=50_000, held_bytes=50_000)
    with TestClient(tiny_app(tmp_path / "gallery", limits=limits)) as client:
        client.app.state.service.held.take(49_000)
        answer = client.post("/v1/embed", files={"files": picture()})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
        client.app.state.service.held.give_back(49_000)
        assert client.post("/v1/embed", files={"files": picture()}).status_code == 200
        assert client.app.state.service.held.bytes == 0


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        (b'{"vector": [NaN, 1]}', 400, "body"),
        (b'{"vector": [Infinity]}', 400, "body"),
        (b'{"vector": [-Infinity]}', 400, "body"),
        (b'{"vector": [1e999, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}', 422, "finite"),
        (b'{"vector": [1e39, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}', 422, "the query"),
        (b'{"vector": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}', 422, "length 0"),
        (b'{"vector": [1, 2]}', 422, "12"),
        (b'{"vector": []}', 422, "vector"),
        (b'{"vector": "abc"}', 422, "vector"),
        (b'{"vector": [[1]]}', 422, "vector"),
        (b'{"vector": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "recursion"),
        (b'{"where": ' + b'{"a":' * 20 + b"1" + b"}" * 20 + b"}", 400, "deeper"),
        (b'{"id": "p0", "limit": 3}', 422, "limit"),
        (b'{"id": "p0", "k": "3"}', 422, "k"),
        (b'{"id": "p0", "k": 0}', 422, "k"),
        (b'{"id": "p0", "k": 1001}', 422, "1,000"),
        (b'{"id": "p0", "k": 1e3}', 422, "k"),
        (b'{"id": "p0", "k": 99999999999999999999999}', 422, "k"),
        (b'{"id": "p0", "vector": [1]}', 422, "either"),
        (b"{}", 422, "either"),
        (b"[]", 422, "body"),
        (b"null", 422, "body"),
        (b"", 400, "body"),
        (b"\xff\xfe", 400, "body"),
        (b'{"id": "\\ud800"}', 400, "body"),
        (b'{"id": "p0", "scale": "fine"}', 422, "together"),
        (b'{"id": "p0", "min_probability": 0.5}', 422, "together"),
        (b'{"id": "p0", "scale": "none", "min_probability": 0.5}', 422, "no such scale"),
        (b'{"id": "p0", "scale": "fine", "min_probability": 1.5}', 422, "min_probability"),
        (b'{"id": "p0", "group_by": "none"}', 422, "no such scale"),
        (b'{"id": "p0", "per_class": 3}', 422, "group_by"),
        (b'{"id": "p0", "group_by": "fine", "k": 900, "per_class": 90}', 422, "per_class"),
        (b'{"id": "nothing"}', 404, "no item"),
    ],
)
def test_json_that_is_not_valid(client: TestClient, text: bytes, status: int, says: str) -> None:
    answer = client.post("/v1/search", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]
    assert len(answer.text) < 3000


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"{}", 415),
        ("", b"{}", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--y\r\n", 400),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--", 422),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 100 + b"\r\n\r\n--x--", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\na\r\n--x--',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc',
            400,
        ),
    ],
)
def test_bodies_that_are_no_form(client: TestClient, kind: str, body: bytes, status: int) -> None:
    answer = client.post("/v1/search", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text


def test_a_full_queue_says_when_to_come_back(tmp_path: Path) -> None:
    embedder = slow_embedder(0.2)
    gallery = tiny_gallery(tmp_path / "gallery", tiny_embedder())
    app = create_app(embedder, gallery, limits=Limits(queue=4, batch=2, forward_batch=1))
    statuses: list[int] = []

    def ask() -> None:
        answer = client.post("/v1/embed", files={"files": picture()})
        statuses.append(answer.status_code)
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["type"] == "urn:dyml:queue-full"

    with TestClient(app) as client:
        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200, 429}
    assert len(statuses) == 12


def test_a_deadline_is_kept(tmp_path: Path) -> None:
    gallery = tiny_gallery(tmp_path / "gallery", tiny_embedder())
    app = create_app(slow_embedder(0.5), gallery, limits=Limits(deadline=0.1))
    with TestClient(app) as client:
        start = time.perf_counter()
        answer = client.post("/v1/embed", files={"files": picture()})
        assert time.perf_counter() - start < 0.4
        assert (answer.status_code, answer.json()["type"]) == (504, "urn:dyml:deadline")


def test_a_fault_shows_nothing_of_the_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = tiny_app(tmp_path / "gallery")

    def fail(*_: object) -> None:
        raise ValueError("secret at /srv/secret/place")

    with TestClient(app) as client:
        monkeypatch.setattr(app.state.service.gallery, "get", fail)
        answer = client.get("/v1/items", params={"id": "p0"})
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        monkeypatch.undo()
        assert client.get("/v1/items", params={"id": "p0"}).status_code == 200


def test_a_fault_of_the_model_reaches_its_own_clients_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tiny_app(tmp_path / "gallery")
    with TestClient(app) as client:
        with monkeypatch.context() as patch:
            patch.setattr(app.state.service.batcher, "_forward", lambda _: 1 / 0)
            assert client.post("/v1/embed", files={"files": picture()}).status_code == 500
        assert client.post("/v1/embed", files={"files": picture()}).status_code == 200
        assert client.get("/readyz").status_code == 200
