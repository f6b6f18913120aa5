"""Any loss of pytorch-metric-learning as a single-scale loss, with its miners, reducers and distances."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from dyml.imports import import_name
from dyml.losses.building import build, build_part, option_names


class MinedLoss(nn.Module):
    """A loss that is given the pairs or triplets that a miner finds in the batch.

    Args:
        loss: called as `loss(embeddings, labels, indices)`.
        miner: called as `miner(embeddings, labels)`; its choice is not differentiated.
    """

    def __init__(self, loss: nn.Module, miner: nn.Module) -> None:
        super().__init__()
        self.loss, self.miner = loss, miner

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch: embeddings (B, D), class ids (B,) int64."""
        return self.loss(embeddings, labels, self.miner(embeddings, labels))


def metric_learning(
    num_classes: int,
    dim: int,
    loss: str | Callable[..., nn.Module],
    args: Mapping[str, Any] | None = None,
    miner: Any = None,
) -> nn.Module:
    """Make a loss of pytorch-metric-learning, or one of your own that is made like them.

    Args:
        num_classes: the number of classes at the scale; handed to losses that ask for `num_classes`.
        dim: D, the length of the embeddings; handed to losses that ask for `embedding_size` or `dim`.
        loss: the class or its import path, such as `pytorch_metric_learning.losses.SupConLoss`.
        args: its keyword arguments. `reducer`, `distance` and the like may be objects, or mappings with a
            `type`, such as `{"type": "pytorch_metric_learning.reducers.ThresholdReducer", "low": 0.1}`.
        miner: likewise an object or a mapping, or None. A loss that has a miner of its own is given it.

    Returns:
        The loss itself, or with a miner a `MinedLoss`.

    Raises:
        ConfigError: a part cannot be imported, or has no such option.

    Source: Musgrave et al., "PyTorch Metric Learning", arXiv 2008.09164.

    >>> loss = metric_learning(5, 8, "pytorch_metric_learning.losses.SupConLoss", {"temperature": 0.2})
    >>> loss.temperature
    0.2
    """
    fill = {"num_classes": num_classes, "embedding_size": dim, "dim": dim}
    loss = import_name(loss) if isinstance(loss, str) else loss
    args = dict(args or {})
    if miner is not None and "miner" in option_names(loss):
        args["miner"], miner = miner, None  # such as CrossBatchMemory, which mines in its memory
    made = build(loss, args, "loss", fill)
    return made if miner is None else MinedLoss(made, build_part(miner, "miner", fill))


def is_metric_learning(maker: object) -> bool:
    """Say whether something is a class of pytorch-metric-learning, or derived from one."""
    if not isinstance(maker, type):
        return False
    from pytorch_metric_learning.utils.module_with_records import ModuleWithRecords

    return issubclass(maker, ModuleWithRecords)
