"""Fit a gauge to the labelled embeddings of pictures that the embedder was not trained on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dyml.errors import InputError, suggest
from dyml.gauge.bootstrap import UNITS, bootstrap_rates
from dyml.gauge.calibration import SCORES
from dyml.gauge.choosing import Sample, choose
from dyml.gauge.consistency import joined
from dyml.gauge.criteria import DEFAULT, parse_criterion
from dyml.gauge.dynamic_range import dynamic_range
from dyml.gauge.gauge import Gauge
from dyml.gauge.judged import judge_gauge
from dyml.gauge.marks import make_marks
from dyml.gauge.pairs import Ints, checked, pair_totals
from dyml.gauge.priors import DATA, EVEN, Prior, level_prior
from dyml.gauge.rates import Rates, all_rates, thinned


def fit_gauge(
    embeddings: ArrayLike,
    labels: ArrayLike,
    scales: Sequence[str],
    *,
    prior: Prior = DATA,
    population: ArrayLike | None = None,
    criteria: Sequence[str] = DEFAULT,
    score: str = "log_loss",
    most: int = 100_000,
    replicates: int = 200,
    unit: str = "class",
    bound: float = 0.1,
    seed: int = 0,
    about: dict[str, Any] | None = None,
) -> Gauge:
    """Fit thresholds and probabilities to labelled embeddings.

    Args:
        embeddings: (N, D) of pictures whose classes were not trained on; normalised here.
        labels: (N, L) integers, finest scale first, nested.
        scales: L names, fine to coarse.
        prior: `data`, `even`, or L chances of the same class, fine to coarse; see `priors.level_prior`.
        population: (M, L) labels of the pictures whose pairs the prior `data` counts; None: `labels`. Half of
            the classes of a set have twice its share of same pairs, so a gauge fitted on half says so here.
        criteria: the marks to make, with intervals; see `criteria`.
        score: what chooses between isotonic and logistic, `log_loss` or `brier`.
        most: pairs looked at for every number of shared scales.
        replicates: of the bootstrap.
        unit: what the bootstrap draws again: `class` (fine) or `picture`.
        bound: EER below which a scale counts as resolved.
        seed: of samples, split and bootstrap; the same seed gives the same gauge.
        about: kept with the gauge, such as what it was fitted on; plain JSON values.

    Raises:
        InputError: arrays do not fit, hold NaN, or no scale has both same and different pairs.
        TaxonomyError: labels do not nest.
    """
    vectors, table = checked(embeddings, labels, scales)
    wished = check_options(criteria, score, most, replicates, unit, bound)
    totals = pair_totals(table if population is None else _checked_population(population, len(scales)))
    data, wanted = level_prior(DATA, totals, scales), level_prior(prior, totals, scales)
    sample = Sample(vectors, table, wanted, most, seed)
    if not any(sample.has_both(m) for m in range(len(scales))):
        raise InputError(
            "no scale has both pairs of the same class and pairs of different classes among these pictures; "
            "a gauge needs both. Take pictures of more classes, and several of each."
        )
    rates = all_rates(sample.similarity, sample.pairs.shared, len(scales))
    again = bootstrap_rates(sample.similarity, sample.pairs, table, replicates, unit, seed)
    marks = make_marks(rates, wanted, scales, wished, again)
    choices = choose(vectors, table, scales, wanted, score, max(most // 2, 1), seed)
    knots, chances = joined([sample.fit(m, choice.method) for m, choice in enumerate(choices)])
    few = thinned(rates)
    facts = {
        "pictures": len(table),
        "classes": [len(np.unique(column)) for column in table.T],
        "pairs": pair_totals(table).tolist(),
        "pairs looked at": np.bincount(sample.pairs.shared, minlength=len(scales) + 1).tolist(),
        "bootstrap": {"replicates": replicates, "drawn": unit},
        "seed": seed,
    }
    gauge = Gauge(
        scales=tuple(map(str, scales)),
        prior=tuple(wanted.tolist()),
        data_prior=tuple(data.tolist()),
        similarity=tuple(knots.tolist()),
        chances=tuple(map(tuple, chances.T.tolist())),
        cuts=tuple(few.cuts.tolist()),
        accepted=_plain_rows(few),
        marks=marks,
        range=dynamic_range(marks, scales, wanted, again, bound),
        choices=choices,
        about={**facts, **(about or {})},
    )
    found = [gauge.mark(m, text) for m in range(len(scales)) for text in wished if text.startswith("p=")]
    return gauge.changed(marks=(*marks, *(mark for mark in found if mark is not None)))


def check_options(
    criteria: Sequence[str], score: str, most: int, replicates: int, unit: str, bound: float
) -> tuple[str, ...]:
    """Refuse options of `fit_gauge` that are not understood, and return the criteria in their usual form.

    Raises:
        InputError: names the option and what it can be.
    """
    for what, value, known in (("score", score, SCORES), ("unit", unit, UNITS)):
        if value not in known:
            raise InputError(f"{what} must be {' or '.join(known)}; got {value!r}.{suggest(value, known)}")
    if not 0 < bound < 1:
        raise InputError(f"the bound of the EER lies between 0 and 1; got {bound}")
    if most < 1 or replicates < 0:
        raise InputError(f"most must be 1 or more, replicates 0 or more; got {most} and {replicates}")
    return tuple(dict.fromkeys(str(parse_criterion(criterion)) for criterion in criteria))


def judged_on(gauge: Gauge, embeddings: ArrayLike, labels: ArrayLike, most: int = 100_000) -> Gauge:
    """Return the gauge with what it achieves on pictures of other classes.

    Args:
        gauge: as it was fitted.
        embeddings: (N, D) of pictures of classes that it was not fitted on.
        labels: (N, L) integers.
        most: pairs looked at for every number of shared scales.
    """
    vectors, table = checked(embeddings, labels, gauge.scales)
    even = gauge.with_prior(EVEN)
    samples = [Sample(vectors, table, np.array(one.prior), most, seed=0) for one in (gauge, even)]
    return gauge.changed(judged=judge_gauge(gauge, samples[0], even, samples[1]))


def sample_for(gauge: Gauge, embeddings: ArrayLike, labels: ArrayLike, most: int = 100_000) -> Sample:
    """Return the pairs that `judged_on` looks at, weighted to the gauge's prior."""
    vectors, table = checked(embeddings, labels, gauge.scales)
    return Sample(vectors, table, np.array(gauge.prior), most, seed=0)


def _plain_rows(rates: Rates) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row.tolist()) if np.isfinite(row[-1]) else () for row in rates.accepted)


def _checked_population(population: ArrayLike, scales: int) -> Ints:
    table = np.asarray(population)
    if table.ndim != 2 or table.shape[1] != scales or not np.issubdtype(table.dtype, np.integer):
        raise InputError(f"population must be (M, {scales}) integer labels; got shape {table.shape}")
    return table.astype(np.int64)
