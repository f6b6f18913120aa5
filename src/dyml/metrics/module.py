"""The evaluation as a torchmetrics `Metric`: it gathers embeddings over batches and ranks, then measures."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from dyml.errors import InputError
from dyml.metrics.evaluation import evaluate
from dyml.metrics.inputs import checked_scales
from dyml.metrics.result import COUNTS, Result


class ScaleRetrieval(Metric):
    """Leave-one-out retrieval at every scale, over all batches and, in distributed runs, all ranks.

    A sampler that pads the last batch gives some pictures twice: each position counts once. So the result is
    that of one process over the whole set, whatever the number of ranks and the order of batches.

    Args:
        scales: L names, fine to coarse.
        options: of `dyml.metrics.evaluate`, such as ks, similarity, measures or keep.
        **torchmetrics_options: of `torchmetrics.Metric`, such as sync_on_compute.

    >>> metric = ScaleRetrieval(("fine",))
    >>> metric.update(torch.eye(3), torch.tensor([[0], [0], [1]]), torch.arange(3))
    >>> metric.compute()["fine/CMC@1"].item(), metric.result.by_scale["fine"]["queries"]
    (1.0, 2)
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True

    embeddings: list[Tensor]
    labels: list[Tensor]
    positions: list[Tensor]

    def __init__(
        self,
        scales: Sequence[str],
        options: dict[str, Any] | None = None,
        **torchmetrics_options: Any,
    ) -> None:
        super().__init__(**torchmetrics_options)
        self.scales = checked_scales(scales)
        self.options = dict(options or {})
        self.result: Result | None = None
        # Flat, so that a rank without data has states of the same form as the others.
        for name in ("embeddings", "labels", "positions"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, labels: Tensor, positions: Tensor) -> None:
        """Take in a batch.

        Args:
            embeddings: (B, D) floating; kept in float32.
            labels: (B, L) integers, finest scale first.
            positions: (B,) integers, where each picture stands in the whole set; ties rank in that order.

        Raises:
            InputError: shapes or dtypes that do not fit.
        """
        if embeddings.ndim != 2 or labels.shape != (len(embeddings), len(self.scales)):
            raise InputError(
                f"embeddings must be (B, D) and labels (B, {len(self.scales)}); got "
                f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
            )
        if positions.shape != (len(embeddings),):
            raise InputError(
                f"positions must be (B,), ({len(embeddings)},) here; got {tuple(positions.shape)}"
            )
        if labels.is_floating_point() or positions.is_floating_point():
            raise InputError("labels and positions must be integers: keep labels as int64")
        self.embeddings.append(embeddings.detach().float().flatten())
        self.labels.append(labels.to(torch.int64).flatten())
        self.positions.append(positions.to(torch.int64))

    def compute(self) -> dict[str, Tensor]:
        """Measure all that was taken in; the whole `Result` is in `result`.

        Returns:
            Scalars by "SCALE/MEASURE", "overall/MEASURE" and "multi/MEASURE", for `log_dict`; measures
            without a value are left out.

        Raises:
            InputError: nothing was taken in, or `evaluate` refuses it.
        """
        positions = _joined(self.positions)
        if len(positions) == 0:
            raise InputError("nothing to measure: call update with embeddings, labels and positions first")
        order = _first_of_each(positions)
        embeddings = _joined(self.embeddings).reshape(len(positions), -1)[order]
        labels = _joined(self.labels).reshape(len(positions), -1)[order]
        self.result = evaluate(embeddings, labels, scales=self.scales, **self.options)
        rows = {**self.result.by_scale, "overall": self.result.overall, "multi": self.result.multi}
        return {
            f"{part}/{name}": torch.tensor(value, device=embeddings.device)
            for part, row in rows.items()
            for name, value in row.items()
            if value is not None and name not in COUNTS
        }

    def _sync_dist(self, *arguments: Any, **options: Any) -> None:
        """Gather from all ranks; one that has no data takes part with nothing of the right dtype."""
        for name, dtype in (
            ("embeddings", torch.float32),
            ("labels", torch.int64),
            ("positions", torch.int64),
        ):
            if not getattr(self, name):
                setattr(self, name, [torch.empty(0, dtype=dtype, device=self.device)])
        super()._sync_dist(*arguments, **options)


def _joined(state: list[Tensor] | Tensor) -> Tensor:
    """Join the batches; after a synchronisation they are one tensor already."""
    if isinstance(state, Tensor):
        return state
    return torch.cat(state) if state else torch.empty(0)


def _first_of_each(positions: Tensor) -> Tensor:
    """Return where each distinct position occurs first, in ascending order of the positions."""
    ordered, order = positions.sort(stable=True)
    fresh = torch.ones_like(ordered, dtype=torch.bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    return order[fresh]
