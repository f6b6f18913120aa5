"""Query sets that are contained in the gallery: both rules."""

from dataclasses import replace

import numpy as np
import pytest

from dyml.data.official.pairs import Pair, evaluate_pairs
from dyml.errors import InputError


def contained(scale: str, seed: int) -> Pair:
    rng = np.random.default_rng(seed)
    gallery, labels = rng.normal(size=(40, 6)), rng.integers(0, 5, 40)
    return Pair(scale, gallery[:9], labels[:9], gallery, labels, np.arange(9), np.arange(40))


def test_by_id_a_query_does_not_find_itself() -> None:
    by_id = [contained("fine", 0), contained("coarse", 1)]
    plain = [replace(pair, query_ids=None, gallery_ids=None) for pair in by_id]
    published, ours = evaluate_pairs(plain), evaluate_pairs(by_id)
    assert (published.rule, ours.rule) == ("query and gallery", "by id")
    assert published.overall["CMC@1"] == 1
    assert (ours.overall["CMC@1"] or 0) < 1
    with pytest.raises(InputError, match="give ids with every pair, or with none"):
        evaluate_pairs([by_id[0], plain[1]])
