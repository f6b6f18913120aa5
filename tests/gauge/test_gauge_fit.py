"""The gauge as a whole: fitted, read, saved, loaded, spoiled."""

import json
from pathlib import Path

import numpy as np
import pytest
from gauge_data import all_pairs, error_rates, tree_data
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.errors import InputError, RunError, TaxonomyError
from dyml.gauge import Gauge, fit_gauge, judged_on
from dyml.gauge.dynamic_range import decibels
from dyml.gauge.pairs import pair_totals
from dyml.gauge.storage import weights_digest

NAMES = ("fine", "middle", "coarse", "realm", "all")


def fitted(scales: int = 3, replicates: int = 20, **options: object) -> Gauge:
    embeddings, labels = tree_data(scales, branches=2 if scales > 3 else 3, seed=1)
    return fit_gauge(embeddings, labels, NAMES[:scales], replicates=replicates, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def gauge() -> Gauge:
    return fitted()


def check_order(gauge: Gauge) -> None:
    chances = gauge.probability(np.linspace(-1, 1, 501))
    assert chances.shape == (501, len(gauge.scales))
    assert (np.diff(chances, axis=0) >= 0).all()
    assert (np.diff(chances, axis=1) >= 0).all()
    assert ((chances >= 0) & (chances <= 1)).all()


@pytest.mark.parametrize("scales", [1, 2, 5])
def test_any_number_of_scales(scales: int) -> None:
    made = fitted(scales)
    check_order(made)
    assert [mark.scale for mark in made.marks if mark.criterion == "eer"] == list(NAMES[:scales])
    assert (made.range.decibels is None) == (scales == 1)
    assert made.read(0.5).model_dump()["similarity"] == 0.5
    check_order(made.with_prior("even"))


@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0.1, 5), st.sampled_from(["data", "even"]))
@settings(max_examples=12, deadline=None)
def test_probabilities_rise_and_nest_whatever_the_data(
    seed: int, scales: int, noise: float, prior: str
) -> None:
    embeddings, labels = tree_data(scales, branches=2, pictures=2, dim=3, noise=noise, seed=seed)
    keep = np.random.default_rng(seed).random(len(labels)) < 0.8
    keep[:4] = keep[-2:] = True  # so that there are same and different pairs
    made = fit_gauge(embeddings[keep], labels[keep], NAMES[:scales], prior=prior, replicates=0, seed=seed)
    check_order(made)
    check_order(made.with_prior("even" if prior == "data" else "data"))


def test_thresholds_have_the_rates_that_they_claim(gauge: Gauge) -> None:
    embeddings, labels = tree_data(3, seed=1)
    pairs = all_pairs(embeddings, labels)
    for mark in gauge.marks:
        if mark.criterion.startswith("p="):
            continue
        expected = error_rates(pairs, 3, NAMES.index(mark.scale), mark.similarity.value)
        assert (mark.false_accept.value, mark.false_reject.value) == pytest.approx(expected, abs=1e-12)
        assert mark.distance.value == pytest.approx(np.sqrt(2 - 2 * mark.similarity.value))
        for figure in (mark.similarity, mark.false_accept, mark.false_reject, mark.precision, mark.f1):
            assert figure.low is not None
            assert figure.high is not None
            assert figure.low <= figure.high


def test_read_and_threshold_and_probability_agree(gauge: Gauge) -> None:
    for gauge_ in (gauge, gauge.with_prior("even")):
        for similarity in np.linspace(-1, 1, 41):
            reading = gauge_.read(float(similarity))
            chances = gauge_.probability(similarity)
            for m, row in enumerate(reading.scales):
                assert row.probability == chances[m]
                assert row.same == (chances[m] >= 0.5)
                if row.threshold is not None and abs(similarity - row.threshold) > 1e-9:
                    assert row.same == (similarity >= row.threshold)
            eer = gauge_.read(float(similarity), "eer")
            assert [row.same for row in eer.scales] == [
                similarity >= gauge_.threshold(scale) for scale in gauge_.scales
            ]


def test_thresholds_by_name_place_and_criterion(gauge: Gauge) -> None:
    assert gauge.threshold("middle") == gauge.threshold(1) == gauge.threshold("middle", "eer")
    assert gauge.threshold("coarse", "far=0.05") < gauge.threshold("coarse", "far=0.005")
    made, known = gauge.mark("fine", "far=0.02"), gauge.mark("fine", "far=0.01")
    assert made is not None
    assert known is not None
    assert made.false_accept.value <= 0.02
    assert made.similarity.low is None
    assert known.similarity.low is not None
    with pytest.raises(InputError, match=r"no scale 'midle'.*Did you mean 'middle'"):
        gauge.threshold("midle")
    with pytest.raises(InputError, match="no scale 3"):
        gauge.threshold(3)


def test_what_no_threshold_fulfils_is_said() -> None:
    rng = np.random.default_rng(0)
    _, labels = tree_data(2)
    noise = fit_gauge(rng.normal(size=(len(labels), 4)), labels, NAMES[:2], replicates=0)
    assert noise.mark("fine", "precision=0.99") is None
    with pytest.raises(
        InputError, match=r"no threshold for 'precision=0.99' at scale 'fine': P\(same\) reaches"
    ):
        noise.threshold("fine", "precision=0.99")
    assert not noise.read(1.0, "precision=0.99").scales[0].same
    assert noise.range.resolved == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1.5, [0.1, float("nan")]])
def test_what_is_no_cosine_is_refused(gauge: Gauge, bad: object) -> None:
    with pytest.raises(InputError, match="similarities are cosines"):
        gauge.probability(bad)  # type: ignore[arg-type]


def test_shapes_of_probabilities(gauge: Gauge) -> None:
    assert gauge.probability(0.5).shape == (3,)
    assert gauge.probability(np.zeros((4, 2), np.float32)).shape == (4, 2, 3)
    assert gauge.probability([]).shape == (0, 3)


def test_the_same_seed_gives_the_same_gauge(gauge: Gauge) -> None:
    assert fitted() == gauge
    assert fitted(seed=5) != gauge
    assert fitted(unit="picture").marks != gauge.marks


def test_the_prior_is_that_of_the_population() -> None:
    embeddings, labels = tree_data(3)
    half = labels[:, 0] % 2 == 0
    made = fit_gauge(embeddings[half], labels[half], NAMES[:3], population=labels, replicates=0)
    totals = pair_totals(labels)
    assert made.prior == pytest.approx((totals / totals.sum()).tolist())
    assert made.scale_prior == tuple(np.cumsum(made.prior[:0:-1]).tolist())
    alone = fit_gauge(embeddings[half], labels[half], NAMES[:3], replicates=0)
    assert alone.scale_prior[0] > made.scale_prior[0]


def test_another_prior_shifts_probabilities_as_a_fit_under_it_would() -> None:
    embeddings, labels = tree_data(2, branches=6, pictures=6, noise=1.5)
    made = fit_gauge(embeddings, labels, NAMES[:2], replicates=0)
    shifted = made.with_prior([0.3, 0.6])
    direct = fit_gauge(embeddings, labels, NAMES[:2], replicates=0, prior=[0.3, 0.6])
    assert shifted.scale_prior == pytest.approx((0.3, 0.6))
    where = np.linspace(-0.5, 0.95, 30)
    np.testing.assert_allclose(shifted.probability(where), direct.probability(where), atol=0.12)
    for scale in shifted.scales:
        assert shifted.threshold(scale) == pytest.approx(direct.threshold(scale), abs=0.03)
    assert made.with_prior("data") == made
    assert shifted.with_prior("data").prior == made.prior


def test_the_dynamic_range() -> None:
    embeddings, labels = tree_data(3, noise=0.05, seed=3)
    made = fit_gauge(embeddings, labels, NAMES[:3], replicates=20, bound=0.2)
    distances = [one.value for one in made.range.distance if one is not None]
    assert distances == [made.mark(m).distance.value for m in range(3)]  # type: ignore[union-attr]
    assert made.range.decibels is not None
    assert made.range.decibels.value == pytest.approx(20 * np.log10(distances[2] / distances[0]))
    cosine = [1 - made.threshold(m) for m in range(3)]
    assert made.range.decibels.value == pytest.approx(10 * np.log10(cosine[2] / cosine[0]))
    assert made.range.decibels.low is not None
    assert made.range.decibels.low <= made.range.decibels.value <= made.range.decibels.high  # type: ignore[operator]
    eer = [one.value for one in made.range.eer if one is not None]
    assert made.range.resolved == sum(value < 0.2 for value in eer) > 0
    assert decibels(1.0, 0.0) is None


def test_a_scale_without_same_pairs() -> None:
    embeddings, labels = tree_data(2, branches=4, pictures=1)
    made = fit_gauge(embeddings, labels, ("fine", "coarse"), replicates=5)
    assert made.mark("fine") is None
    with pytest.raises(InputError, match="without same or without different pairs"):
        made.threshold("fine")
    assert made.range.distance[0] is None
    assert made.range.decibels is None
    assert made.choices[0].method == "constant"
    assert made.probability(1.0)[0] < 0.05
    assert made.accepted[2] == ()
    check_order(made)
    check_order(made.with_prior("even"))
    assert Gauge.model_validate_json(made.model_dump_json()) == made


def test_a_scale_without_different_pairs() -> None:
    embeddings, labels = tree_data(2, branches=4)
    labels[:, 1] = 0
    made = fit_gauge(embeddings, labels, ("fine", "coarse"), replicates=5)
    assert made.mark("coarse") is None
    assert made.choices[1].method == "constant"
    assert made.probability(-1.0)[1] > 0.95
    check_order(made)


def test_all_similarities_equal() -> None:
    _, labels = tree_data(2)
    made = fit_gauge(np.tile([1.0, 0.0], (len(labels), 1)), labels, ("fine", "coarse"), replicates=5)
    check_order(made)
    eer = made.range.eer[0]
    assert eer is not None
    assert eer.value == 0.5
    assert made.range.decibels is None
    np.testing.assert_allclose(made.probability(1.0), made.scale_prior, atol=0.02)


@pytest.mark.parametrize(
    ("embeddings", "labels", "text"),
    [
        (np.eye(2), [[0, 0], [1, 0]], "no scale has both"),
        (np.eye(1), [[0, 0]], "pairs of pictures; got 1"),
        (np.full((3, 2), np.nan), [[0, 0], [0, 0], [1, 0]], "row 0 and 2 more"),
        (np.zeros((3, 2)), [[0, 0], [0, 0], [1, 0]], "all zero"),
        (np.eye(4), [[0, 0], [0, 0], [1, 0]], r"embeddings must be \(3, D\)"),
        (np.eye(3), [0, 1, 2], r"\(N, L\) table"),
        (np.eye(3), [[0.0, 0.0]] * 3, r"\(N, L\) table of integers"),
        (np.eye(3), [[0], [0], [1]], "scales must be 1 distinct names"),
    ],
)
def test_what_cannot_be_fitted_is_refused(embeddings: np.ndarray, labels: list, text: str) -> None:
    with pytest.raises(InputError, match=text):
        fit_gauge(embeddings, labels, ("fine", "coarse"))


def test_labels_that_do_not_nest_are_refused() -> None:
    with pytest.raises(TaxonomyError, match="fine"):
        fit_gauge(np.eye(3), [[0, 0], [0, 1], [1, 0]], ("fine", "coarse"))


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"bound": 1.5}, "bound of the EER"),
        ({"score": "bier"}, "Did you mean 'brier'"),
        ({"unit": "pair"}, "class or picture"),
        ({"criteria": ("far",)}, "no number behind"),
        ({"most": 0}, "most must be 1 or more"),
        ({"population": [[0, 1]]}, r"population must be \(M, 3\)"),
    ],
)
def test_options_that_are_not_understood(option: dict, text: str) -> None:
    with pytest.raises(InputError, match=text):
        fitted(**option)


def test_judging_on_other_classes(gauge: Gauge) -> None:
    embeddings, labels = tree_data(3, seed=1)
    judged = judged_on(gauge, embeddings, labels)
    for row, mark in zip(judged.judged, [gauge.mark(m) for m in range(3)]):
        assert mark is not None
        assert row.false_accept == pytest.approx(mark.false_accept.value, abs=1e-9)  # here the same pictures
        assert row.false_reject == pytest.approx(mark.false_reject.value, abs=1e-9)
        assert row.data.ece < 0.05
    strangers, _ = tree_data(3, noise=30.0, seed=2)
    worse = judged_on(gauge, strangers, labels)
    assert worse.judged[0].even.ece > judged.judged[0].even.ece


def test_round_trip_through_a_model_folder(gauge: Gauge, tmp_path: Path) -> None:
    weights = tmp_path / "model" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    made = gauge.changed(weights=weights_digest(weights), about={"source": "äß", "n": [1, None]})
    file = made.save(tmp_path)
    assert file == tmp_path / "model" / "gauge.json"
    for source in (file, tmp_path, tmp_path / "model", str(tmp_path)):
        assert Gauge.load(source) == made
    json.loads(file.read_text(encoding="utf-8"))
    weights.write_bytes(b"other weights")
    with pytest.raises(RunError, match="fitted with other weights"):
        Gauge.load(tmp_path)


def test_a_gauge_is_frozen(gauge: Gauge) -> None:
    with pytest.raises(ValueError, match="frozen"):
        gauge.prior = (1.0,)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("chances", [[0.9, 0.1]] * 3, "as every row of chances"),
        ("prior", [0.5, 0.5], "prior must be 4 shares"),
        ("prior", "half", "field prior"),
        ("cuts", [0.1, 0.2], "cuts must fall"),
        ("scales", ["fine"], "one entry a scale"),
        ("marks", [{"scale": "fine"}], "field marks.0"),
        ("format", 2, "field format"),
        ("extra", 1, "field extra"),
    ],
)
def test_a_spoiled_file_is_named(gauge: Gauge, tmp_path: Path, field: str, value: object, text: str) -> None:
    file = gauge.save(tmp_path / "gauge.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    content[field] = value
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RunError, match=text) as caught:
        Gauge.load(file)
    assert str(file) in str(caught.value)
    assert "dyml gauge" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": NaN}'])
def test_what_is_no_gauge_at_all(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "gauge.json"
    file.write_bytes(content)
    with pytest.raises(RunError, match="is not a gauge"):
        Gauge.load(file)


def test_chances_that_contradict_each_other_are_refused(gauge: Gauge) -> None:
    with pytest.raises(ValueError, match="finer scale to a coarser"):
        gauge.changed(chances=gauge.chances[::-1])
    with pytest.raises(ValueError, match="not fall with similarity"):
        gauge.changed(chances=tuple(row[::-1] for row in gauge.chances))


def test_no_gauge(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no gauge in .*dyml gauge"):
        Gauge.load(tmp_path)
