"""What the service answers when everything is in order."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from serve_parts import DIM, SCALES, embedded, picture, tiny_app, tiny_embedder

from dyml.gauge import Gauge
from dyml.serve import Limits


def test_an_uploaded_picture_finds_itself_first(client: TestClient) -> None:
    found = client.post("/v1/search", files={"file": ("anything.png", picture(5))}, data={"k": "3"}).json()
    assert [found["results"][0]["id"], len(found["results"])] == ["p5", 3]
    assert found["results"][0]["similarity"] == pytest.approx(1, abs=1e-5)
    assert found["results"][0]["labels"] == {"fine": "f2", "middle": "m0", "coarse": "c0"}
    assert found["results"][0]["metadata"] == {"price": 5, "colour": "blue"}
    assert found["query"] == {"id": None}
    assert found["groups"] is None
    assert found["took_ms"] > 0


def test_an_item_is_left_out_of_its_own_results(client: TestClient) -> None:
    found = client.post("/v1/search", json={"id": "p5", "k": 1000}).json()
    assert len(found["results"]) == 23
    assert "p5" not in [one["id"] for one in found["results"]]
    similarities = [one["similarity"] for one in found["results"]]
    assert similarities == sorted(similarities, reverse=True)


def test_a_vector_and_its_picture_find_the_same(client: TestClient) -> None:
    vector = client.post("/v1/embed", files=[("files", picture(7))]).json()["vectors"][0]
    by_vector = client.post("/v1/search", json={"vector": vector, "k": 5}).json()["results"]
    by_picture = client.post("/v1/search", files={"file": picture(7)}, data={"k": "5"}).json()["results"]
    assert [one["id"] for one in by_vector] == [one["id"] for one in by_picture]


def test_probabilities_are_the_gauge_s(client: TestClient, gauge: Gauge) -> None:
    for one in client.post("/v1/search", json={"id": "p0", "k": 5}).json()["results"]:
        expected = dict(zip(SCALES, gauge.probability(one["similarity"]).tolist()))
        assert one["probabilities"] == pytest.approx(expected, abs=1e-5)


def test_a_least_probability_cuts(client: TestClient) -> None:
    every = client.post("/v1/search", json={"id": "p0", "k": 1000}).json()["results"]
    wanted = sorted(one["probabilities"]["coarse"] for one in every)[len(every) // 2]
    cut = client.post(
        "/v1/search", json={"id": "p0", "k": 1000, "scale": "coarse", "min_probability": wanted - 1e-6}
    ).json()["results"]
    assert 0 < len(cut) < len(every)
    assert all(one["probabilities"]["coarse"] >= wanted - 1e-4 for one in cut)


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"middle": "m1"}, {"p6", "p7", "p8", "p9", "p10", "p11"}),
        ({"price": {"lt": 3}}, {"p0", "p1", "p2"}),
        ({"colour": {"in": ["red"]}, "price": {"ge": 20}}, {"p20", "p22"}),
        ({"colour": {"not_in": ["red"]}, "price": {"le": 1}}, {"p1"}),
    ],
)
def test_filters_hold_in_both_forms(client: TestClient, where: dict, ids: set[str]) -> None:
    vector = embedded(tiny_embedder(), picture(0)).tolist()
    asked = client.post("/v1/search", json={"vector": vector, "k": 100, "where": where})
    form = {"k": "100", "where": json.dumps(where)}
    uploaded = client.post("/v1/search", files={"file": picture(0)}, data=form)
    for answer in (asked, uploaded):
        assert {one["id"] for one in answer.json()["results"]} == ids


def test_groups_hold_the_best_of_every_class(client: TestClient) -> None:
    found = client.post("/v1/search", json={"id": "p0", "k": 3, "group_by": "middle", "per_class": 2}).json()
    assert len(found["groups"]) == 3
    for group in found["groups"]:
        assert {one["labels"]["middle"] for one in group["results"]} == {group["name"]}
        assert len(group["results"]) == 2
    best = [group["results"][0]["similarity"] for group in found["groups"]]
    assert best == sorted(best, reverse=True)
    assert len(found["results"]) == 6


def test_compare_reads_every_scale(client: TestClient) -> None:
    same = client.post("/v1/compare", files={"a": picture(1), "b": picture(1)}).json()
    assert same["similarity"] == pytest.approx(1, abs=1e-5)
    assert [one["name"] for one in same["scales"]] == list(SCALES)
    assert [one["same"] for one in same["scales"]] == [True, True, True]
    known = client.post("/v1/compare", json={"a": {"id": "p1"}, "b": {"id": "p2"}}).json()
    mixed = client.post("/v1/compare", files={"a": picture(1), "b": picture(2)}).json()
    assert known["similarity"] == pytest.approx(mixed["similarity"], abs=1e-5)
    chances = [one["probability"] for one in known["scales"]]
    assert chances == sorted(chances)


def test_embedding_keeps_the_order(client: TestClient) -> None:
    answer = client.post("/v1/embed", files=[("files", picture(n)) for n in (3, 1, 2)]).json()
    assert answer["dim"] == DIM
    expected = [embedded(tiny_embedder(), picture(n)) for n in (3, 1, 2)]
    assert np.allclose(answer["vectors"], expected, atol=1e-5)


def test_scales_tell_the_gauge(client: TestClient, gauge: Gauge) -> None:
    told = client.get("/v1/scales").json()
    assert [one["name"] for one in told["scales"]] == list(SCALES)
    assert told["scales"][0]["threshold"] == gauge.threshold("fine", "p=0.5")
    curve = told["scales"][1]["curve"]
    assert len(curve["similarity"]) == len(curve["probability"]) == 401
    assert curve["probability"][400] == pytest.approx(float(gauge.probability(1.0)[1]), abs=1e-5)
    assert (told["resolved"], told["count"]) == (gauge.range.resolved, 24)


def test_the_taxonomy_counts_and_names_parents(client: TestClient) -> None:
    told = client.get("/v1/taxonomy").json()
    assert told["scales"] == list(SCALES)
    assert {"name": "f4", "parent": "m1", "count": 2} in told["classes"]["fine"]
    assert told["classes"]["coarse"] == [
        {"name": "c0", "parent": None, "count": 12},
        {"name": "c1", "parent": None, "count": 12},
    ]


def test_items_come_in_pages(client: TestClient) -> None:
    ids, after = [], None
    while True:
        params = {"scale": "coarse", "class": "c0", "limit": 5} | ({"after": after} if after else {})
        page = client.get("/v1/items", params=params).json()
        ids += [one["id"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert ids == sorted(f"p{number}" for number in range(12))
    one = client.get("/v1/items", params={"id": "p3"}).json()
    assert one == {
        "id": "p3",
        "labels": {"fine": "f1", "middle": "m0", "coarse": "c0"},
        "metadata": {"price": 3, "colour": "blue"},
    }


def test_an_item_is_added_replaced_found_and_deleted(own_client: TestClient) -> None:
    form = {"id": "new/é 1", "labels": '{"fine": "f0"}', "metadata": '{"price": 2.5, "sold": true}'}
    before = own_client.get("/v1/scales").headers["etag"]
    added = own_client.post("/v1/items", files={"file": picture(99)}, data=form)
    assert (added.status_code, added.json()) == (201, {"id": "new/é 1", "added": True})
    assert own_client.get("/v1/scales").json()["count"] == 25
    assert own_client.get("/v1/scales").headers["etag"] != before
    found = own_client.post("/v1/search", files={"file": picture(99)}, data={"k": "1"}).json()["results"][0]
    assert (found["id"], found["metadata"]) == ("new/é 1", {"price": 2.5, "sold": True})
    assert own_client.post("/v1/items", files={"file": picture(99)}, data=form).status_code == 200
    assert own_client.get("/v1/pictures", params={"id": "new/é 1"}).content == picture(99)
    assert own_client.delete("/v1/items", params={"id": "new/é 1"}).status_code == 204
    assert own_client.delete("/v1/items", params={"id": "new/é 1"}).status_code == 404
    assert own_client.get("/v1/items", params={"id": "new/é 1"}).status_code == 404


def test_pictures_and_thumbnails_are_kept_by_browsers(client: TestClient) -> None:
    whole = client.get("/v1/pictures", params={"id": "p4"})
    assert (whole.content, whole.headers["content-type"]) == (picture(4), "image/png")
    small = client.get("/v1/thumbnails", params={"id": "p4"})
    assert Image.open(io.BytesIO(small.content)).format == "JPEG"
    for answer in (whole, small):
        assert "sandbox" in answer.headers["content-security-policy"]
        again = client.get(
            answer.request.url.path, params={"id": "p4"}, headers={"If-None-Match": answer.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b"")


def test_uploads_that_browsers_do_not_show_are_kept_as_jpeg(own_client: TestClient) -> None:
    tiff = picture(3, "TIFF", (500, 300))
    assert own_client.post("/v1/items", files={"file": tiff}, data={"id": "t"}).status_code == 201
    whole = own_client.get("/v1/pictures", params={"id": "t"})
    assert whole.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(whole.content)).size == (500, 300)
    small = own_client.get("/v1/thumbnails", params={"id": "t"})
    assert Image.open(io.BytesIO(small.content)).size == (256, 154)


def test_health_counters_and_documents(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    client.get("/v1/scales")
    text = client.get("/metrics").text
    assert 'dyml_requests_total{method="GET",route="/v1/scales",status="200"}' in text
    assert "dyml_gallery_items 24.0" in text
    assert "dyml_queue_pictures 0.0" in text
    document = client.get("/openapi.json").json()
    search = document["paths"]["/v1/search"]["post"]
    assert set(search["requestBody"]["content"]) == {"application/json", "multipart/form-data"}
    assert "429" in search["responses"]
    page = client.get("/docs").text
    assert "<script" not in page
    assert "/v1/compare" in page


def test_every_answer_has_its_id_and_headers(client: TestClient) -> None:
    for path in ("/healthz", "/v1/scales", "/nothing", "/v1/items?id=nothing"):
        answer = client.get(path, headers={"X-Request-ID": "mine-1"})
        assert answer.headers["x-request-id"] == "mine-1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers
    odd = client.get("/healthz", headers={"X-Request-ID": 'a"b c'})
    assert odd.headers["x-request-id"] not in ('a"b c', "")


def test_another_process_s_changes_are_seen(own_client: TestClient) -> None:
    from dyml.index import Gallery

    service = own_client.app.state.service
    with Gallery.open(service.gallery.path) as other:
        other.delete([f"p{number}" for number in range(10)])
    own_client.portal.call(service.reading, service.overview.look)
    assert own_client.get("/v1/scales").json()["count"] == 14
    assert own_client.get("/v1/taxonomy").json()["classes"]["coarse"][0]["count"] == 2


def test_the_map_shows_every_item_with_its_classes(own_client: TestClient) -> None:
    told = own_client.get("/v1/map").json()
    assert len(told["ids"]) == len(told["x"]) == len(told["y"]) == 24
    assert len(set(zip(told["x"], told["y"]))) > 20
    for place, item_id in enumerate(told["ids"]):
        labels = own_client.get("/v1/items", params={"id": item_id}).json()["labels"]
        assert {scale: told["names"][scale][told["labels"][scale][place]] for scale in SCALES} == labels
    own_client.delete("/v1/items", params={"id": told["ids"][0]})
    assert told["ids"][0] not in own_client.get("/v1/map").json()["ids"]


def test_a_map_drawn_anew_is_shown(own_client: TestClient) -> None:
    before = own_client.get("/v1/map")
    own_client.app.state.service.gallery.build_map()
    after = own_client.get("/v1/map")
    assert before.headers["etag"] != after.headers["etag"]
    assert sorted(before.json()["ids"]) == sorted(after.json()["ids"])


def test_a_large_map_is_thinned(tmp_path: Path) -> None:
    with TestClient(tiny_app(tmp_path / "gallery", limits=Limits(map_points=10))) as client:
        told = client.get("/v1/map").json()
        assert len(told["ids"]) == len(told["labels"]["fine"]) == 8
