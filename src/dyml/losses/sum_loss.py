"""A weighted sum of losses, written as a configuration writes it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dyml.errors import ConfigError, InputError
from dyml.losses.building import build
from dyml.losses.protocols import Auxiliary, TaughtLoss
from dyml.taxonomy import Taxonomy


class SumLoss(nn.Module):
    """Add losses up: `L = sum_i weight_i * loss_i(embeddings, labels)`.

    Args:
        taxonomy: the tree of the training classes, handed to every loss.
        dim: D, the length of the embeddings, likewise.
        terms: one mapping a loss: `type`, its class or import path; `weight`, 1 by default; and its options.

    Attributes:
        losses: the modules, in the order of `terms`.
        weights: their weights.
        auxiliary: what those terms ask for that compare the network with its moving average, or None.

    Raises:
        InputError: no terms, a weight that is not a positive number, or terms that ask for two different
            auxiliary outputs.
        ConfigError: a term has no type, cannot be imported, or has no such option.

    >>> taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], scales=("fine", "coarse"))
    >>> terms = [
    ...     {"type": "dyml.losses.CrossScaleLoss", "margins": (0.2, 0.3)},
    ...     {"type": "dyml.losses.MultiScale", "weight": 0.5, "args": {"scale": 32.0}},
    ... ]
    >>> loss = SumLoss(taxonomy, dim=8, terms=terms)
    >>> x = torch.nn.functional.normalize(torch.randn(3, 8), dim=1)
    >>> loss(x, torch.tensor([[0, 0], [1, 0], [2, 1]])).shape
    torch.Size([])
    """

    def __init__(self, taxonomy: Taxonomy, dim: int, terms: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        if isinstance(terms, str | Mapping) or not terms:
            raise InputError("terms must be a list of one mapping a loss, each with a type")
        self.losses = nn.ModuleList()
        weights = []
        for i, term in enumerate(terms):
            if not isinstance(term, Mapping) or "type" not in term:
                raise ConfigError(f"terms[{i}] must be a mapping with a type; got {term!r}")
            options = {key: value for key, value in term.items() if key not in ("type", "weight")}
            weights.append(_checked_weight(term.get("weight", 1.0), i))
            fill = {"taxonomy": taxonomy, "dim": dim}
            self.losses.append(build(term["type"], options, f"terms[{i}]", fill))
        self.weights = tuple(weights)
        self.auxiliary = _common_auxiliary(self.losses)

    def terms(self, embeddings: Tensor, labels: Tensor, *outputs: Tensor | None) -> Tensor:
        """Return the weighted value of every loss, (number of terms,); arguments are those of `forward`."""
        values = []
        for weight, loss in zip(self.weights, self.losses):
            more = outputs if isinstance(loss, TaughtLoss) and loss.auxiliary is not None else ()
            values.append(weight * loss(embeddings, labels, *more))
        return torch.stack(values)

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor,
        student: Tensor | None = None,
        teacher: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: (B, D) unit rows.
            labels: (B, L) int64.
            student: (B, A) auxiliary outputs for the terms that ask for them, or None.
            teacher: (B, A) those of the moving average; given where `student` is.
        """
        return self.terms(embeddings, labels, student, teacher).sum()

    def extra_repr(self) -> str:
        """Show the weights in the module's repr."""
        return f"weights={self.weights}"


def _common_auxiliary(losses: nn.ModuleList) -> Auxiliary | None:
    asked = {loss.auxiliary for loss in losses if isinstance(loss, TaughtLoss)} - {None}
    if len(asked) > 1:
        raise InputError(
            f"the terms ask for different auxiliary outputs, {' and '.join(map(str, asked))}: give them the "
            f"same options outputs and momentum"
        )
    return asked.pop() if asked else None


def _checked_weight(weight: Any, i: int) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise InputError(f"terms[{i}].weight must be a positive number; got {weight!r}")
    return float(weight)
