"""Proxies spread over processes: the same loss and gradients as in one process that holds all."""

from pathlib import Path

import pytest
import torch
import torch.multiprocessing as multiprocessing
from sharded_worker import work

from dyml.errors import InputError
from dyml.losses import ShardedCrossScaleLoss
from dyml.taxonomy import Taxonomy


@pytest.mark.parametrize("world", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_processes_together_are_as_one(world: int, tmp_path: Path) -> None:
    multiprocessing.spawn(work, (world, str(tmp_path / "meeting")), nprocs=world)


def test_without_processes_it_says_what_to_do() -> None:
    taxonomy = Taxonomy.from_labels(torch.arange(3)[:, None], ("fine",))
    with pytest.raises(InputError, match=r"torch\.distributed has not begun: call"):
        ShardedCrossScaleLoss(taxonomy, 6, margins=[0.1])
