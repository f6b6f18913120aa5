"""Multi-scale similarity aggregation (MSA): one part of the embedding for every scale, tied by constraints.

The embedding is L equal parts, fine to coarse; `dyml.models.heads.ScaleHead` makes such embeddings. The
similarity of two pictures is the mean of the cosines of their parts: a pair that is of one class at every
scale is near in all parts, a pair that shares the coarse class alone is near in the coarse part alone.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, normalize

from dyml.errors import InputError
from dyml.losses._margin import margin_softmax
from dyml.losses.checks import check_batch
from dyml.losses.protocols import Auxiliary
from dyml.taxonomy import Taxonomy


def class_similarities(x: Tensor, proxies: Tensor, sharpness: float = 10.0) -> Tensor:
    """Compute the similarity to classes of several proxies: `sum_k softmax_k(sharpness * s_k) * s_k`.

    Args:
        x: (B, d) float, unit rows.
        proxies: (C, K, d) float, normalised here.
        sharpness: how much the nearest proxy of a class counts more than its others.

    Returns:
        (B, C).
    """
    s = torch.einsum("bd,ckd->bck", x, normalize(proxies, dim=2))
    return ((sharpness * s).softmax(2) * s).sum(2)


def cross_scale_constraint(parts: Tensor, labels: Tensor) -> Tensor:
    """Pull and push the parts of all pairs so that similarities grow with the scale.

    For a pair with cosine s_m in part m, let c_m be (1 - s_m)² where both are of one class at scale m, else
    (1 + s_m)². A pair of one class at scale m is of one at every coarser n, and should be no less similar
    there: where s_n < s_m, c_n stands in for c_m. A pair of two classes at scale m is of two at every finer
    n, and should be no more similar there: where s_n > s_m, likewise. The value is the mean over scales and
    over all B² pairs, of each with itself, too (it adds nothing).

    Args:
        parts: (B, L, d) float, unit vectors, fine to coarse.
        labels: (B, L) int64.

    Returns:
        A scalar.

    Source: Zhang et al., "Multi-Scale Similarity Aggregation for Dynamic Metric Learning", ACM MM 2023.
    """
    s = torch.einsum("amd,bmd->mab", parts, parts)
    same = (labels[:, None] == labels).permute(2, 0, 1)
    cost = torch.where(same, (1 - s) ** 2, (1 + s) ** 2)
    total = s.new_zeros(())
    for m in range(len(s)):
        wrong = torch.zeros_like(same)
        wrong[m + 1 :] = same[m] & (s[m + 1 :] < s[m])
        wrong[:m] = ~same[m] & (s[:m] > s[m])
        total = total + (cost[m] * ~wrong.any(0)).mean() + (cost * wrong).sum(0).mean()
    return total / len(s)


def alignment_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Compute the cross-entropy of the student's softmax under the teacher's, both over unit vectors.

    Args:
        student: (B, A) float, the auxiliary output of the network in training; normalised here.
        teacher: (B, A) float, that of its moving average for the same pictures; not differentiated.

    Returns:
        A scalar, the mean over the batch.

    Source: Zhang et al., ACM MM 2023.
    """
    aim = normalize(teacher.detach(), dim=1).softmax(1)
    return -(aim * log_softmax(normalize(student, dim=1), dim=1)).sum(1).mean()


class ScaleAggregationLoss(nn.Module):
    """MSA: a margin softmax with several proxies a class on each part, the constraint, and the alignment.

    `L = mean_m CE(scale * (S_m - margin at the own class)) + constraint * C + alignment * A`, with S_m the
    `class_similarities` of part m, C the `cross_scale_constraint` and A the `alignment_loss`. The alignment
    needs the outputs of an auxiliary head, of the network and of its moving average: `auxiliary` asks the
    training for them (see `dyml.losses.protocols`). Where `forward` is not given them, it is left out.

    Args:
        taxonomy: the tree of the training classes.
        dim: D, the length of the embeddings; a multiple of the number of scales.
        proxies: proxies of a class, one number for all scales or one a scale, fine to coarse. The authors use
            (2, 20, 4) on Vehicle, (28, 4, 2) on Animal and (22, 3, 2) on Product.
        scale: the inverse temperature.
        margin: taken from the own class' similarity; the authors use 0.1 on Vehicle, else 0.
        sharpness: see `class_similarities`.
        constraint: the weight of the constraint.
        alignment: the weight of the alignment; the authors use 0.1 on Product. With 0 there is no moving
            average and no auxiliary head.
        outputs: the length of the auxiliary output; None: as long as the embedding.
        momentum: the share of its old weights that the moving average keeps at every step.

    Attributes:
        auxiliary: what the alignment asks for, or None where its weight is 0.
        proxies: ParameterList, for each scale (C, K, D / L).

    Raises:
        InputError: a setting does not fit the taxonomy or is out of range.

    Source: Zhang et al., "Multi-Scale Similarity Aggregation for Dynamic Metric Learning", ACM MM 2023.
    """

    lineage: Tensor
    codes: Tensor

    def __init__(
        self,
        taxonomy: Taxonomy,
        dim: int,
        proxies: int | Sequence[int] = 4,
        scale: float = 20.0,
        margin: float = 0.0,
        sharpness: float = 10.0,
        constraint: float = 0.25,
        alignment: float = 0.75,
        outputs: int | None = None,
        momentum: float = 0.9999,
    ) -> None:
        super().__init__()
        scales = taxonomy.num_scales
        if dim < scales or dim % scales:
            raise InputError(f"dim must be a multiple of the number of scales, {scales}; got {dim}")
        if not (
            scale > 0 and sharpness >= 0 and constraint >= 0 and alignment >= 0 and math.isfinite(margin)
        ):
            raise InputError(
                "scale must be positive; sharpness, constraint and alignment not negative; margin a number; "
                f"got {scale}, {sharpness}, {constraint}, {alignment}, {margin}"
            )
        if (outputs is not None and outputs < 2) or not 0 <= momentum <= 1:
            raise InputError(
                f"outputs must be 2 or more and momentum lie between 0 and 1; got {outputs}, {momentum}"
            )
        counts = [proxies] * scales if isinstance(proxies, int) else list(proxies)
        if len(counts) != scales or not all(isinstance(k, int) and k > 0 for k in counts):
            raise InputError(
                f"proxies must be a whole number above 0, or one for each of the {scales} scales; "
                f"got {proxies!r}"
            )
        self.dim, self.scale, self.margin, self.sharpness = dim, scale, margin, sharpness
        self.constraint, self.alignment = constraint, alignment
        self.auxiliary = Auxiliary(outputs or dim, momentum) if alignment else None
        size = dim // scales
        self.proxies = nn.ParameterList(
            torch.randn(classes, count, size) * size**-0.5
            for classes, count in zip(taxonomy.num_classes, counts)
        )
        # Not persistent: the tree comes from the taxonomy, and loading weights must not replace it.
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)
        self.register_buffer("codes", torch.from_numpy(taxonomy.codes.copy()), persistent=False)

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor,
        student: Tensor | None = None,
        teacher: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: (B, D), parts fine to coarse; each part is normalised here. Half precision is computed
                in float32, also under autocast.
            labels: (B, L) int64, rows of the taxonomy's lineage.
            student: (B, A) auxiliary outputs, or None.
            teacher: (B, A) those of the moving average; given where `student` is.

        Raises:
            InputError: shapes or dtypes do not fit, a row is not in the taxonomy, or one of student and
                teacher is missing.
        """
        check_batch(embeddings, labels, self.lineage, self.dim)
        if (student is None) != (teacher is None):
            raise InputError("the alignment needs both student and teacher, or neither")
        codes = self.codes[labels[:, 0]]
        with torch.autocast(embeddings.device.type, enabled=False):
            x = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
            parts = normalize(x.view(len(x), labels.shape[1], -1), dim=2)
            total = self._softmaxes(parts, codes)
            if self.constraint:
                total = total + self.constraint * cross_scale_constraint(parts, labels)
            if student is not None and teacher is not None:
                total = total + self.alignment * alignment_loss(student.to(x.dtype), teacher.to(x.dtype))
        return total

    def _softmaxes(self, parts: Tensor, codes: Tensor) -> Tensor:
        losses = []
        for m, proxies in enumerate(self.proxies):
            s = class_similarities(parts[:, m], proxies.to(parts.dtype), self.sharpness)
            losses.append(margin_softmax(s, codes[:, m], self.margin, self.scale).mean())
        return torch.stack(losses).mean()

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return (
            f"dim={self.dim}, scale={self.scale}, margin={self.margin}, sharpness={self.sharpness}, "
            f"constraint={self.constraint}, alignment={self.alignment}, auxiliary={self.auxiliary}"
        )
