"""Who may ask: keys and roles, other sites, other names, ids and paths that try to be something else."""

import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from serve_parts import DIM, SCALES, picture, tiny_app, tiny_embedder

from dyml.errors import ConfigError, RunError
from dyml.index import Gallery, Item
from dyml.serve import Keys, create_app, new_key, read_keys
from dyml.serve.words import without_paths

READ, READ_LINE = new_key("read", "reader")
WRITE, WRITE_LINE = new_key("write", "writer")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys.txt").write_text(f"# role key name\n{READ_LINE}\n\n{WRITE_LINE}  # the importer\n")
    keys = read_keys(folder / "keys.txt")
    with TestClient(tiny_app(folder / "gallery", keys=keys, cors=("https://shop.example",))) as made:
        yield made


ROUTES = [
    ("GET", "/v1/scales", "read"),
    ("GET", "/v1/taxonomy", "read"),
    ("GET", "/v1/map", "read"),
    ("GET", "/v1/items?id=p0", "read"),
    ("GET", "/v1/pictures?id=p0", "read"),
    ("GET", "/v1/thumbnails?id=p0", "read"),
    ("GET", "/metrics", "read"),
    ("POST", "/v1/search", "read"),
    ("POST", "/v1/compare", "read"),
    ("POST", "/v1/embed", "read"),
    ("POST", "/v1/items", "write"),
    ("DELETE", "/v1/items?id=nothing", "write"),
]


@pytest.mark.parametrize(("method", "path", "role"), ROUTES)
def test_every_route_wants_its_key(guarded: TestClient, method: str, path: str, role: str) -> None:
    missing = guarded.request(method, path)
    assert (missing.status_code, missing.json()["type"]) == (401, "urn:dyml:key")
    assert "X-API-Key" in missing.headers["www-authenticate"]
    for wrong in ("", "wrong", READ[:-1], READ + "a", READ.upper(), "x" * 10_000):
        assert guarded.request(method, path, headers={"X-API-Key": wrong}).status_code == 401
    reader = guarded.request(method, path, headers={"X-API-Key": READ})
    writer = guarded.request(method, path, headers={"X-API-Key": WRITE})
    assert (reader.status_code == 403) == (role == "write")
    assert writer.status_code not in (401, 403)


def test_no_route_was_forgotten(guarded: TestClient) -> None:
    paths = guarded.get("/openapi.json").json()["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    tried = {(method, path.partition("?")[0]) for method, path, _ in ROUTES}
    assert told - tried == {("GET", "/healthz"), ("GET", "/readyz")}


def test_what_is_open_shows_nothing_of_the_gallery(guarded: TestClient) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/docs"):
        answer = guarded.get(path)
        assert answer.status_code == 200
        assert "p0" not in answer.text


def test_keys_are_compared_by_all_their_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def count(a: str, b: str) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("dyml.serve.keys.hmac.compare_digest", count)
    keys = Keys(read.find(key) for read, key in ((_keys(READ_LINE), READ), (_keys(WRITE_LINE), WRITE)))
    compared.clear()
    for given_key in (READ, WRITE, "wrong", "ü\ud800"):
        keys.find(given_key)
    assert len(compared) == 8
    assert all(len(a) == len(b) == 64 for a, b in compared)


def _keys(line: str) -> Keys:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "keys"
        file.write_text(line)
        return read_keys(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no keys"),
        ("# nothing\n", "has no keys"),
        ("read short", "can be guessed"),
        ("raed " + "k" * 40, "Did you mean 'read'"),
        ("read sha256:abc", "64 hex digits"),
        ("read", "role key name"),
        ("read a b c d", "role key name"),
    ],
)
def test_keys_files_that_are_not_understood(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        _keys(text)


def test_a_keys_file_may_hold_plain_keys_and_keeps_digests_alone(tmp_path: Path) -> None:
    keys = _keys(f"write {WRITE} plain")
    found = keys.find(WRITE)
    assert found is not None
    assert (found.role, found.name, found.digest) == ("write", "plain", sha256(WRITE.encode()).hexdigest())
    assert WRITE not in repr(vars(keys))
    with pytest.raises(RunError, match="cannot read"):
        read_keys(tmp_path / "nothing")


def test_other_sites_may_not_use_a_browser_s_reach(guarded: TestClient, client: TestClient) -> None:
    for origin in ("https://evil.example", "null", "http://testserver.evil.example"):
        answer = client.post("/v1/search", json={"id": "p0"}, headers={"Origin": origin})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:dyml:other-origin")
        assert client.delete("/v1/items", params={"id": "p0"}, headers={"Origin": origin}).status_code == 403
        assert (
            "access-control-allow-origin" not in client.get("/v1/scales", headers={"Origin": origin}).headers
        )
    own = {"Origin": "http://testserver"}
    assert client.post("/v1/search", json={"id": "p0"}, headers=own).status_code == 200
    known = {"Origin": "https://shop.example", "X-API-Key": READ}
    answer = guarded.post("/v1/search", json={"id": "p0"}, headers=known)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-API-Key"}
    assert (
        guarded.options("/v1/search", headers={"Origin": "https://shop.example", **asked}).status_code == 200
    )
    refused = guarded.options("/v1/search", headers={"Origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in refused.headers


def test_a_name_that_points_here_is_not_enough(tmp_path: Path) -> None:
    app = tiny_app(tmp_path / "gallery", hosts=("localhost", "127.0.0.1", "[::1]"))
    with TestClient(app) as client:
        for host, status in (
            ("localhost:8000", 200),
            ("127.0.0.1", 200),
            ("[::1]:80", 200),
            ("evil.example", 421),
            ("localhost.evil.example", 421),
            ("", 421),
        ):
            assert client.get("/v1/scales", headers={"Host": host}).status_code == status


def test_without_keys_writing_can_be_closed(tmp_path: Path) -> None:
    with TestClient(tiny_app(tmp_path / "gallery", open_writing=False)) as client:
        assert client.get("/v1/items", params={"id": "p0"}).status_code == 200
        answer = client.delete("/v1/items", params={"id": "p0"})
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:dyml:read-only")
        assert client.post("/v1/items", files={"file": picture()}, data={"id": "a"}).status_code == 403
        assert client.get("/v1/scales").json()["count"] == 24


STRANGE = [
    "../../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "file:///etc/passwd",
    "%2e%2e%2fetc%2fpasswd",
    "p0' OR '1'='1",
    "p0'; DROP TABLE rows; --",
    'p0" OR ""="',
    "id = 'p0' OR true",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "\u202ep0",
    "p0 ",
    "P0",
]


@pytest.mark.parametrize("text", STRANGE)
def test_strange_ids_are_ids_that_are_not_there(client: TestClient, text: str) -> None:
    for path in ("/v1/items", "/v1/pictures", "/v1/thumbnails"):
        answer = client.get(path, params={"id": text})
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:dyml:no-item")
        assert "root:" not in answer.text
    assert client.post("/v1/search", json={"id": text}).status_code == 404
    assert client.delete("/v1/items", params={"id": text}).status_code == 404
    for where in ({"fine": text}, {"colour": {"eq": text}}, {"colour": {"in": [text]}}, {"id": text}):
        answer = client.post("/v1/search", json={"id": "p0", "where": where})
        assert (answer.status_code, answer.json()["results"]) == (200, [])
    answer = client.post("/v1/search", json={"id": "p0", "where": {text: 1}})
    assert answer.status_code == 422
    assert client.post("/v1/search", json={"id": "p0", "where": {"price": {text: 1}}}).status_code == 422
    assert client.get("/v1/items", params={"scale": text, "class": "x"}).status_code == 422
    assert client.get("/v1/scales").json()["count"] == 24


@pytest.mark.parametrize("text", ["", "a\nb", "a\0b", "\x7f", "\x85", "a" * 256])
def test_ids_that_are_none(client: TestClient, text: str) -> None:
    assert client.get("/v1/items", params={"id": text}).status_code == 422
    assert client.post("/v1/search", json={"id": text}).status_code == 422
    answer = client.post("/v1/items", files={"file": picture()}, data={"id": text})
    assert answer.status_code == 422


def test_strange_ids_can_be_kept(own_client: TestClient) -> None:
    for text in STRANGE:
        assert own_client.post("/v1/items", files={"file": picture(50)}, data={"id": text}).status_code == 201
        assert own_client.get("/v1/pictures", params={"id": text}).content == picture(50)
    found = own_client.post("/v1/search", files={"file": picture(50)}, data={"k": "100"}).json()["results"]
    assert set(STRANGE) < {one["id"] for one in found}
    for text in STRANGE:
        assert own_client.delete("/v1/items", params={"id": text}).status_code == 204
    assert own_client.get("/v1/scales").json()["count"] == 24


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/",
        "/static/__init__.py",
        "/v1/../v1/nothing",
    ],
)
def test_static_files_are_a_fixed_list(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_references_of_a_gallery_stay_in_its_root(tmp_path: Path) -> None:
    (tmp_path / "root" / "in").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(picture(1))
    (tmp_path / "root" / "in" / "good.png").write_bytes(picture(2))
    (tmp_path / "root" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "root" / "notes.txt").write_text("not a picture")
    references = {
        "up": "../secret.png",
        "absolute": str(tmp_path / "secret.png"),
        "link": "link.png",
        "folder": "in",
        "gone": "nothing.png",
        "text": "notes.txt",
        "good": "in/good.png",
    }
    gallery = Gallery.create(tmp_path / "gallery", DIM, SCALES, root=tmp_path / "root")
    vector = np.ones(DIM, np.float32)
    gallery.add([Item(name, vector, picture=reference) for name, reference in references.items()])
    with TestClient(create_app(tiny_embedder(), gallery)) as client:
        for name in references:
            whole = client.get("/v1/pictures", params={"id": name})
            small = client.get("/v1/thumbnails", params={"id": name})
            if name == "good":
                assert (whole.status_code, whole.content, small.status_code) == (200, picture(2), 200)
            else:
                assert whole.status_code == small.status_code == (415 if name == "text" else 404)
                assert "not a picture" not in whole.text


@given(st.text())
def test_texts_without_paths(text: str) -> None:
    assert "/srv/data" not in without_paths(f"{text.replace('/', '')} (/srv/data/x.json)")


def test_a_wrong_model_is_refused(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "gallery", DIM + 1, SCALES)
    with pytest.raises(ValueError, match="another model"):
        create_app(tiny_embedder(), gallery)
