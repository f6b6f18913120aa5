"""Hierarchical average precision as a loss: the ranking of a batch, graded by how many scales are shared."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from dyml.errors import InputError
from dyml.losses._ranking import Steps, smooth_precision
from dyml.losses.checks import check_batch
from dyml.taxonomy import Taxonomy, shared_scales


def graded_relevance(levels: Tensor, num_scales: int, alpha: float, dtype: torch.dtype) -> Tensor:
    """Compute `rel(l) = (l / L)^alpha / (number of the query's items that share exactly l scales)`.

    Args:
        levels: (Q, N) integers, how many scales an item shares with the query; -1: left out.
        num_scales: L.
        alpha: larger values stress the finest scale.
        dtype: of the result.

    Returns:
        (Q, N), 0 where nothing is shared.
    """
    relevance = torch.zeros(levels.shape, dtype=dtype, device=levels.device)
    for level in range(1, num_scales + 1):
        at = levels == level
        share = (level / num_scales) ** alpha / at.sum(1, keepdim=True).clamp(min=1).to(dtype)
        relevance = torch.where(at, share, relevance)
    return relevance


def hierarchical_ap(
    similarities: Tensor,
    levels: Tensor,
    num_scales: int,
    alpha: float = 1.0,
    tau: float = 0.01,
    delta: float = 0.05,
    rho: float = 100.0,
    offset: float | None = None,
    surrogate: Literal["bound", "sigmoid"] = "bound",
) -> Tensor:
    """Compute the smooth hierarchical average precision of every query.

    With r the relevances of `graded_relevance` and t = s_j - s_k:

        rank(k)   = 1 + Σ_{j≠k} H(t)        H-rank(k) = r_k + Σ_{j≠k related} min(r_j, r_k) · step(t)
        H-AP      = Σ_{k related} H-rank(k) / rank(k)  /  Σ_k r_k

    `surrogate="bound"`: where j shares fewer scales with the query than k, H is an upper bound of the step:
    sigmoid(t/τ) for t ≤ 0, ½ + sigmoid(t/τ) for 0 < t ≤ δ, ρ(t − δ) + offset above; elsewhere H is the exact
    step, as in H-rank. `surrogate="sigmoid"`: both are sigmoid(t/τ) for every j. At one scale the first is
    ROADMAP's SupAP and the second Smooth-AP.

    Args:
        similarities: (Q, N) float32 or float64.
        levels: (Q, N) integers, how many scales an item shares with the query; -1: left out, as the query
            itself must be.
        num_scales: L.
        alpha: α of the relevances.
        tau: τ, the temperature of the sigmoid, in units of similarity.
        delta: δ, where the bound becomes a line.
        rho: ρ, the slope of the line.
        offset: the height at which the line begins; None: ½ + sigmoid(δ/τ), so that the bound is continuous.
        surrogate: see above.

    Returns:
        (Q,); 0 where nothing is related. Differentiable once, in the similarities, with O(Q · N) memory.

    Source: Ramzi et al., "Hierarchical Average Precision Training for Pertinent Image Retrieval", ECCV 2022,
    arXiv 2207.04873; for one scale "Robust and Decomposable Average Precision for Image Retrieval" (ROADMAP),
    NeurIPS 2021, and Brown et al., "Smooth-AP", ECCV 2020.
    """
    steps = checked_steps(surrogate, tau, delta, rho, offset)
    relevance = graded_relevance(levels, num_scales, alpha, similarities.dtype)
    return smooth_precision(similarities, levels, relevance, steps)


class HierarchicalAPLoss(nn.Module):
    """HAPPIER: one minus the smooth hierarchical average precision of the batch, and a clustering term.

    `L = (1 - cluster) * mean_q (1 - H-AP(q)) + cluster * mean_b CE(x_b · w / temperature, y_b)`. Every
    picture asks all others; those that share no scale with any other are left out of the first mean. The
    second is a normalised softmax over one proxy a fine class. Draw several pictures a class.

    Args:
        taxonomy: the tree of the training classes.
        dim: D, the length of the embeddings.
        alpha: α of the relevances: larger values stress the finest scale.
        tau: see `hierarchical_ap`.
        delta: see `hierarchical_ap`.
        rho: see `hierarchical_ap`.
        offset: see `hierarchical_ap`; the authors use 1.44.
        cluster: λ, the share of the clustering term, 0 to 1; the authors use 0.1, on Animal 0.5. With 0
            there are no proxies.
        temperature: of the clustering term.
        surrogate: see `hierarchical_ap`.

    Attributes:
        proxies: Parameter (F, D), or None where `cluster` is 0.

    Raises:
        InputError: a setting is out of range.

    Source: Ramzi et al., ECCV 2022, arXiv 2207.04873.
    """

    lineage: Tensor
    proxies: nn.Parameter | None

    def __init__(
        self,
        taxonomy: Taxonomy,
        dim: int,
        alpha: float = 1.0,
        tau: float = 0.01,
        delta: float = 0.05,
        rho: float = 100.0,
        offset: float | None = None,
        cluster: float = 0.1,
        temperature: float = 0.05,
        surrogate: Literal["bound", "sigmoid"] = "bound",
    ) -> None:
        super().__init__()
        if not 0 <= cluster <= 1 or not temperature > 0 or not alpha >= 0:
            raise InputError(
                "cluster must lie between 0 and 1, temperature be positive and alpha not negative; "
                f"got {cluster}, {temperature}, {alpha}"
            )
        checked_steps(surrogate, tau, delta, rho, offset)
        self.dim, self.alpha, self.cluster, self.temperature = dim, alpha, cluster, temperature
        self.tau, self.delta, self.rho, self.offset = tau, delta, rho, offset
        self.surrogate: Literal["bound", "sigmoid"] = surrogate
        proxies = nn.Parameter(torch.randn(taxonomy.num_fine, dim) * dim**-0.5) if cluster else None
        self.register_parameter("proxies", proxies)
        # Not persistent: the tree comes from the taxonomy, and loading weights must not replace it.
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: (B, D) unit rows; half precision is computed in float32, also under autocast.
            labels: (B, L) int64, rows of the taxonomy's lineage.

        Raises:
            InputError: shapes or dtypes do not fit, or a row is not in the taxonomy.
        """
        check_batch(embeddings, labels, self.lineage, self.dim)
        with torch.autocast(embeddings.device.type, enabled=False):
            x = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
            ranking = self._ranking(x, labels)
            if self.proxies is None:
                return ranking
            logits = x @ normalize(self.proxies.to(x.dtype), dim=1).T / self.temperature
            return (1 - self.cluster) * ranking + self.cluster * cross_entropy(logits, labels[:, 0])

    def _ranking(self, x: Tensor, labels: Tensor) -> Tensor:
        levels = shared_scales(labels[:, None], labels[None]).fill_diagonal_(-1)
        value = hierarchical_ap(
            x @ x.T,
            levels,
            labels.shape[1],
            self.alpha,
            self.tau,
            self.delta,
            self.rho,
            self.offset,
            self.surrogate,
        )
        return mean_loss(value, levels)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return (
            f"alpha={self.alpha}, tau={self.tau}, delta={self.delta}, rho={self.rho}, offset={self.offset}, "
            f"cluster={self.cluster}, temperature={self.temperature}, surrogate={self.surrogate!r}"
        )


def mean_loss(precision: Tensor, levels: Tensor) -> Tensor:
    """Return the mean of 1 - precision (Q,) over the queries with a related item; 0 where there are none."""
    asked = (levels > 0).any(1)
    return ((1 - precision) * asked).sum() / asked.sum().clamp(min=1)


def checked_steps(
    surrogate: Literal["bound", "sigmoid"], tau: float, delta: float, rho: float, offset: float | None
) -> Steps:
    """Return the step function of these settings.

    Raises:
        InputError: one of them is out of range.
    """
    if surrogate not in ("bound", "sigmoid"):
        raise InputError(f"surrogate must be bound or sigmoid; got {surrogate!r}")
    if not (tau > 0 and delta >= 0 and rho >= 0):
        raise InputError(f"tau must be positive, delta and rho not negative; got {tau}, {delta}, {rho}")
    if offset is None:
        offset = 0.5 + 1 / (1 + math.exp(-min(delta / tau, 700)))
    return Steps(surrogate, tau, delta, rho, offset)
