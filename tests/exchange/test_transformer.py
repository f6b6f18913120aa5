"""The transformer keeps scikit-learn's rules, as far as they are not about tables of numbers."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from dyml.errors import InputError
from dyml.exchange import PictureTransformer
from dyml.models import Embedder

# Those that need no table of numbers; scikit-learn itself runs only the first for estimators of other input.
CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)


@pytest.mark.parametrize("name", CHECKS)
def test_the_estimator_checks_that_apply_pass(name: str) -> None:
    getattr(estimator_checks, name)("PictureTransformer", PictureTransformer())


def test_scikit_learn_finds_nothing_else_to_check() -> None:
    with pytest.warns(SkipTestWarning, match="requires input"):
        results = estimator_checks.check_estimator(PictureTransformer())
    assert {one["status"] for one in results} == {"passed"}


def test_what_the_checks_on_tables_ask_holds_for_pictures(embedder: Embedder, pictures: list[Path]) -> None:
    step = PictureTransformer(embedder)
    assert step.fit(pictures) is step
    before, rows = dict(vars(step)), step.transform(pictures)
    assert vars(step) == before
    np.testing.assert_array_equal(step.fit(pictures).transform(pictures), rows)
    np.testing.assert_allclose(np.concatenate([step.transform([one]) for one in pictures]), rows, atol=1e-6)
    np.testing.assert_allclose(step.transform(pictures[::-1]), rows[::-1], atol=1e-6)
    again = pickle.loads(pickle.dumps(step))
    np.testing.assert_array_equal(again.transform(pictures), rows)


def test_it_is_a_step_of_a_pipeline(embedder: Embedder, pictures: list[Path]) -> None:
    pipeline = make_pipeline(PictureTransformer(embedder), KNeighborsClassifier(1))
    paths, kinds = [*map(str, pictures)] * 2, ["a", "b", "c", "d", "e", "f"] * 2
    assert cross_val_score(pipeline, paths, kinds, cv=2).mean() == 1.0
    assert list(pipeline.fit(paths, kinds).predict(paths[:2])) == ["a", "b"]


def test_it_is_told_by_a_folder_and_learns_nothing(
    embedder: Embedder, pictures: list[Path], tmp_path: Path
) -> None:
    embedder.save_pretrained(tmp_path)
    steps = [PictureTransformer(str(tmp_path), batch_size=size).fit(pictures[:1]) for size in (1, 6)]
    first, second = (step.transform(pictures) for step in steps)
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert first.shape == (6, 12)
    assert list(steps[0].get_feature_names_out()[:2]) == ["embedding0", "embedding1"]
    assert len(steps[0].get_feature_names_out()) == 12
    copy = clone(steps[1])
    assert copy.get_params() == {"model": str(tmp_path), "batch_size": 6}
    with pytest.raises(NotFittedError, match="call fit first"):
        copy.transform(pictures)
    np.testing.assert_allclose(copy.fit_transform(pictures), first, atol=1e-6)


def test_mistakes_are_named(embedder: Embedder, pictures: list[Path]) -> None:
    with pytest.raises(InputError, match="model is None"):
        PictureTransformer().fit(pictures)
    with pytest.raises(InputError, match="X must be several"):
        PictureTransformer(embedder).fit(str(pictures[0]))
