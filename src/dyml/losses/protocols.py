"""What a loss may ask of the training beside `loss(embeddings, labels)`: three protocols, each optional.

A loss asks by having what a protocol names; nothing is registered. The training looks for them in the loss
and in the losses that it is made of.
"""

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn


class Auxiliary(NamedTuple):
    """An auxiliary output: a linear layer on the embedder's features, that is of use in training alone.

    Attributes:
        length: A, the length of the output.
        momentum: the share of its old weights that the moving average keeps at every step, 0 to 1.
    """

    length: int
    momentum: float


@runtime_checkable
class TaughtLoss(Protocol):
    """A loss that compares an auxiliary output of the network with that of its moving average.

    It is called as `loss(embeddings, labels, student, teacher)` with both outputs, (B, A).

    Attributes:
        auxiliary: what it asks for; None: nothing, and it is called as any other.
    """

    auxiliary: Auxiliary | None


@runtime_checkable
class SparseLoss(Protocol):
    """A loss that gives some of its parameters sparse gradients, of the rows that a step has used."""

    def sparse_parameters(self) -> list[nn.Parameter]:
        """Return those parameters; they are stepped by torch.optim.SparseAdam, the others as ever."""


@runtime_checkable
class ShardedLoss(Protocol):
    """A loss whose parameters are, in every process of torch.distributed, other rows of larger tables."""

    def spread(self) -> None:
        """Make this process' rows, once torch.distributed has begun; do nothing the second time."""

    def sharded_parameters(self) -> list[str]:
        """Return the names of the parameters that are rows of a larger table."""

    def gather(self, rows: Tensor) -> Tensor:
        """Return the whole table of which every process gives its rows; all must take part."""

    def share(self, table: Tensor) -> Tensor:
        """Return this process' rows of a whole table."""


def sparse_parameters(loss: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a loss, and of all that it is made of, that get sparse gradients."""
    return [p for part in loss.modules() if isinstance(part, SparseLoss) for p in part.sparse_parameters()]


def sharded_parts(loss: nn.Module) -> dict[str, ShardedLoss]:
    """Return the parts of a loss, itself among them, that are spread over processes, by their names.

    The name of a part is what its parameters' names begin with: empty, or with a full stop at the end.
    """
    parts = loss.named_modules()
    return {f"{name}." if name else "": part for name, part in parts if isinstance(part, ShardedLoss)}
