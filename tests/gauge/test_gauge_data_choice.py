from pathlib import Path

import numpy as np
import pytest

from dyml.data.manifest import Manifest, tree_of
from dyml.errors import ManifestError, RunError
from dyml.gauge.data_choice import choose_data, trained_classes
from dyml.training.settings import load_config


def manifest(splits: tuple[str, ...] | None = ("train", "val", "test"), fine: int = 24) -> Manifest:
    """Classes f0 … with two pictures each, dealt out to the splits in turn."""
    labels = np.repeat(np.stack([np.arange(fine), np.arange(fine) // 6], axis=1), 2, axis=0)
    names = [[f"f{i:02d}" for i in range(fine)], [f"c{i}" for i in range((fine - 1) // 6 + 1)]]
    split = None if splits is None else [splits[row[0] % len(splits)] for row in labels.tolist()]
    paths = [f"{i}.png" for i in range(len(labels))]
    return Manifest(Path("x"), paths, labels, split, tree_of(labels, ("fine", "coarse"), names))


def names(data: Manifest, rows: np.ndarray) -> set[str]:
    return {data.taxonomy.name(0, int(row)) for row in data.labels[rows, 0]}


def test_validation_fits_and_test_judges() -> None:
    whole = manifest()
    for config in (None, load_config(None, {}), load_config(None, {"data.validation": "val"})):
        data = choose_data(whole, config, None)
        assert names(data.manifest, ~data.judged) == {f"f{i:02d}" for i in range(1, 24, 3)}
        assert names(data.manifest, data.judged) == {f"f{i:02d}" for i in range(2, 24, 3)}
        assert len(data.population) == 16
        assert "fitted on split val" in data.words


def test_the_runs_own_names_of_splits_count() -> None:
    whole = manifest(("a", "b", "c"))
    config = load_config(None, {"data.train": "a", "data.validation": "b", "data.test": "c"})
    assert "fitted on split b" in choose_data(whole, config, None).words
    with pytest.raises(RunError, match="split 'a' was trained on"):
        choose_data(whole, config, "a")


@pytest.mark.parametrize("split", [None, "test"])
def test_without_validation_the_test_classes_are_halved(split: str | None) -> None:
    data = choose_data(manifest(("train", "test")), load_config(None, {}), split)
    fit, judged = names(data.manifest, ~data.judged), names(data.manifest, data.judged)
    assert not fit & judged
    assert len(fit) == len(judged) == 6
    assert {int(name[1:]) % 2 for name in fit | judged} == {1}  # of the test split alone
    assert len(data.population) == 24  # the prior is that of all test pictures
    other = choose_data(manifest(("train", "test")), load_config(None, {}), split, seed=1)
    assert names(other.manifest, other.judged) != judged


def test_without_splits_all_pictures_are_halved() -> None:
    data = choose_data(manifest(None), None, None)
    assert len(data.manifest) == 48
    assert "of all pictures" in data.words


def test_too_few_classes_and_unknown_splits() -> None:
    with pytest.raises(RunError, match="there are only 3"):
        choose_data(manifest(None, fine=3), None, None)
    with pytest.raises(ManifestError, match="no rows of split 'tset'"):
        choose_data(manifest(), None, "tset")


def test_trained_classes_are_known_by_their_names() -> None:
    whole = manifest()
    train, test = whole.only("train"), whole.only("test")
    assert trained_classes(whole, train.taxonomy) == 8
    assert trained_classes(test, train.taxonomy) == 0
    assert trained_classes(test, None) == 0
