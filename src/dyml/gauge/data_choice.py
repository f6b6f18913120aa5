"""Which pictures a gauge is fitted on, and which it is judged on: never the classes that were trained on."""

from dataclasses import dataclass

import numpy as np

from dyml.data.manifest import Manifest
from dyml.errors import RunError
from dyml.gauge.choosing import halves
from dyml.gauge.pairs import Ints
from dyml.taxonomy import Taxonomy
from dyml.training.config import Config

VALIDATION, TEST, ALL = "val", "test", "all"


@dataclass(frozen=True, eq=False)
class GaugeData:
    """The pictures of both sides.

    Attributes:
        manifest: the pictures of both, to embed.
        judged: (N,) bool, which of them judge; the gauge is fitted on the others.
        population: (M, L) labels whose pairs the prior `data` counts.
        words: what was chosen, for people.
    """

    manifest: Manifest
    judged: np.ndarray
    population: Ints
    words: str


def choose_data(
    manifest: Manifest, config: Config | None, split: str | None, own: bool = True, seed: int = 0
) -> GaugeData:
    """Choose the pictures to fit on and to judge on.

    - With a validation split, fit on it and judge on the test split.
    - Otherwise halve the fine classes of the test split (of all pictures, where there is no split): fit on
      one half, judge on the other.
    - A split that is named is halved in the same way; `all` takes every picture.

    Args:
        manifest: with all its splits.
        config: of the run, if there is one.
        split: the rows to use, or None.
        own: whether these are the pictures of the run itself, so that its training split is refused.
        seed: of the halves.

    Raises:
        RunError: there is no split, it is the one that was trained on, or its classes are too few to halve.
        ManifestError: there is no such split.
    """
    trained = None if config is None else config.data.train
    if own and split is not None and split == trained:
        raise RunError(
            f"split {split!r} was trained on: its pairs look better than any the model will meet, and a "
            f"gauge fitted on them would promise too much. Name another split, or other pictures with --data."
        )
    test = TEST if config is None else config.data.test
    if split is None and test is None:
        raise RunError(
            "the run has no test split to fit the gauge on: name a split that it was not trained on with "
            "--split, or other pictures with --data"
        )
    if split is None and test is not None:
        validation = _validation_split(manifest, config, test)
        if validation is not None:
            return _two_splits(manifest, validation, test)
        split = test if manifest.split is not None else ALL
    assert split is not None
    return _two_halves(manifest if split == ALL else manifest.only(split), split, seed)


def trained_classes(manifest: Manifest, trained: Taxonomy | None) -> int:
    """Return how many fine classes have the names (at every scale) of classes that a model was trained on."""
    if trained is None or trained.names is None or trained.scales != manifest.scales:
        return 0
    return len(_named(manifest.taxonomy) & _named(trained))


def _validation_split(manifest: Manifest, config: Config | None, test: str) -> str | None:
    named = None if config is None else config.data.validation
    for name in (named, VALIDATION):
        if name is not None and name != test and name in manifest.splits and test in manifest.splits:
            return name
    return None


def _two_splits(manifest: Manifest, validation: str, test: str) -> GaugeData:
    names = np.array(manifest.split, dtype=object)
    both = manifest.subset((names == validation) | (names == test))
    judged = np.array(both.split, dtype=object) == test
    words = (
        f"fitted on split {validation} ({_counts(both, ~judged)}), judged on split {test} "
        f"({_counts(both, judged)})"
    )
    return GaugeData(both, judged, both.labels[~judged], words)


def _two_halves(manifest: Manifest, split: str, seed: int) -> GaugeData:
    if manifest.taxonomy.num_fine < 4:
        raise RunError(
            f"a gauge is fitted on half of the {manifest.scales[0]} classes and judged on the other half; "
            f"{_where(split)} there are only {manifest.taxonomy.num_fine}. Take a larger split."
        )
    judged = halves(manifest.labels, seed)
    words = (
        f"fitted on half of the {manifest.scales[0]} classes {_where(split)} ({_counts(manifest, ~judged)}), "
        f"judged on the other half ({_counts(manifest, judged)})"
    )
    return GaugeData(manifest, judged, manifest.labels, words)


def _where(split: str) -> str:
    return "of all pictures" if split == ALL else f"of split {split}"


def _counts(manifest: Manifest, rows: np.ndarray) -> str:
    classes = len(np.unique(manifest.labels[rows, 0]))
    return f"{classes:,} classes, {int(rows.sum()):,} pictures"


def _named(taxonomy: Taxonomy) -> set[tuple[str, ...]]:
    return {
        tuple(taxonomy.name(scale, class_id) for scale, class_id in enumerate(row))
        for row in taxonomy.lineage.tolist()
    }
