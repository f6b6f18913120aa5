"""The moving average of a network in training, for losses that compare the two (`dyml.losses.protocols`)."""

from copy import deepcopy
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dyml.losses.protocols import Auxiliary
from dyml.models import Embedder


class Teacher(nn.Module):
    """An auxiliary head on an embedder's features, and a moving average of embedder and head.

    Its state is all that a checkpoint needs to go on. The average normalises with the statistics of the batch
    where the network does so, and drops nothing out.

    Args:
        embedder: the network in training; it is copied, not kept.
        auxiliary: the length of the output, and the momentum of the average.

    Attributes:
        head: the auxiliary head, trained as a part of the network.
        momentum: the share of its old weights that the average keeps at every step.
    """

    def __init__(self, embedder: Embedder, auxiliary: Auxiliary) -> None:
        super().__init__()
        self.momentum = auxiliary.momentum
        self.head = nn.Linear(embedder.num_features, auxiliary.length)
        self.average = deepcopy(embedder).requires_grad_(False)
        self.average_head = deepcopy(self.head).requires_grad_(False)
        self.train()

    def forward(self, features: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the auxiliary outputs, (B, A), of the network and of its average.

        Args:
            features: (B, num_features), the network's, of `images`.
            images: as of the embedder.
        """
        with torch.no_grad():
            taught = self.average_head(self.average.features(images))
        return self.head(features), taught

    @torch.no_grad()
    def follow(self, embedder: Embedder) -> None:
        """Move the average a step towards the weights of the network and of the head."""
        pairs = ((self.average, embedder), (self.average_head, self.head))
        old: list[Tensor] = [p for average, _ in pairs for p in average.parameters()]
        new: list[Tensor] = [p for _, current in pairs for p in current.parameters()]
        torch._foreach_lerp_(old, new, 1 - self.momentum)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; of the average, no more than its batch norms are ever trained."""
        super().train(mode)
        for part in self.average.modules():
            part.training = part.training and isinstance(part, _BatchNorm)
        return self
