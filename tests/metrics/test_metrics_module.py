"""The torchmetrics Metric: batches, repeats, and two ranks give what one evaluation gives."""

import pickle

import numpy as np
import pytest
import torch
import torch.multiprocessing

from dyml.errors import InputError
from dyml.metrics import evaluate
from dyml.metrics.module import ScaleRetrieval

SCALES = ("fine", "coarse")


def made():
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 9, 50)
    # Small whole numbers: many ties, whose order hangs on the positions.
    return torch.from_numpy(rng.integers(-2, 3, (50, 3))).float(), torch.from_numpy(
        np.stack([fine, fine // 3], 1)
    )


def expected():
    return evaluate(*made(), scales=SCALES, ks=(1, 3))


def update(metric, rows):
    embeddings, labels = made()
    for part in torch.tensor(list(rows), dtype=torch.int64).split(8):
        metric.update(embeddings[part], labels[part], part)


def test_batches_in_any_order_and_repeats():
    metric = ScaleRetrieval(SCALES, {"ks": (1, 3)})
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    update(metric, torch.cat([order, order[:7]]))
    values = metric.compute()
    assert metric.result == expected()
    assert values["coarse/mAP"].item() == pytest.approx(expected().by_scale["coarse"]["mAP"])
    assert values["multi/H-AP"].item() == pytest.approx(expected().multi["H-AP"])
    assert not any("queries" in name for name in values)
    metric.reset()
    with pytest.warns(UserWarning, match="before the"), pytest.raises(InputError, match="nothing to measure"):
        metric.compute()


def test_it_can_be_copied():
    metric = ScaleRetrieval(SCALES, {"ks": (1, 3)})
    update(metric, range(50))
    again = pickle.loads(pickle.dumps(metric))
    again.compute()
    assert again.result == expected()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((torch.ones(3), torch.ones(3, 2, dtype=int), torch.arange(3)), r"embeddings must be \(B, D\)"),
        ((torch.ones(3, 2), torch.ones(3, 1, dtype=int), torch.arange(3)), r"labels \(B, 2\)"),
        ((torch.ones(3, 2), torch.ones(3, 2, dtype=int), torch.arange(2)), "positions must be"),
        ((torch.ones(3, 2), torch.ones(3, 2), torch.arange(3)), "must be integers"),
    ],
)
def test_batches_that_do_not_fit(arguments, text):
    with pytest.raises(InputError, match=text):
        ScaleRetrieval(SCALES).update(*arguments)


def _work(rank, rendezvous, parts):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{rendezvous}", rank=rank, world_size=2)
    metric = ScaleRetrieval(SCALES, {"ks": (1, 3)})
    update(metric, parts[rank])
    metric.compute()
    assert metric.result == expected()
    # What a rank holds itself is left as it was.
    assert sum(map(len, metric.positions)) == len(parts[rank])
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("case", ["padded halves", "one rank without data"])
def test_two_ranks_equal_one_process(tmp_path, case):
    parts = (
        [[*range(0, 50, 2), 0], [*range(1, 50, 2), 0]] if case == "padded halves" else [list(range(50)), []]
    )
    torch.multiprocessing.spawn(_work, (tmp_path / "rendezvous", parts), nprocs=2)
