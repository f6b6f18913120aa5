"""The readable engine: sort every query's gallery, lay out its relevance in that order, measure.

It runs on any device and is what the faster engine is tested against. Its cost is a full stable sort of a
(B, N) block and some ten arrays of that size.
"""

from types import TracebackType

import torch
from torch import Tensor

from dyml.metrics import chosen, graded, single_scale
from dyml.metrics.measures import Question, Scores


class SortingEngine:
    """Measure blocks of queries on any device; a context, as the other engine is."""

    bytes_per_pair = 96  # Order, levels and float64 temporaries, at the worst moment.
    threads = 1  # torch's own work on each block.

    def __init__(self, question: Question) -> None:
        self.question = question

    def __enter__(self) -> "SortingEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def measure(self, similarity: Tensor, first: int, alone: bool = False) -> Scores:
        """Compute every measure of a block of queries.

        Args:
            similarity: (B, N) float32 or float64, no NaN.
            first: which query the first row is.
            alone: is for the other engine.
        """
        device, last = similarity.device, first + len(similarity)
        question = self.question
        rows, positions = question.left_out.pairs(first, last)
        left_out = torch.from_numpy(rows).to(device), torch.from_numpy(positions).to(device)
        levels = rank_levels(
            similarity,
            torch.from_numpy(question.query_codes[first:last]).to(device),
            torch.from_numpy(question.item_codes).to(device),
            left_out,
        )
        single, multi = measure_levels(levels, question)
        return Scores(single.cpu().numpy(), multi.cpu().numpy())


def measure_levels(levels: Tensor, question: Question) -> tuple[Tensor, Tensor]:
    """Compute every measure from the numbers of shared scales in rank order.

    Args:
        levels: (B, N) integers 0 … L.
        question: what to measure.

    Returns:
        (B, L, M) and (B, G) float64, as in `Scores`.
    """
    num_scales = question.num_scales
    columns = []
    for scale in range(num_scales):
        relevant = levels >= num_scales - scale
        values = (
            single_scale.average_precision(relevant),
            single_scale.average_set_intersection(relevant),
            *(single_scale.cumulative_match(relevant, k) for k in question.ks),
            single_scale.average_precision_at_r(relevant),
            single_scale.r_precision(relevant),
            *(chosen.of_one_scale(relevant, measure) for measure in question.single_chosen),
        )
        columns.append(torch.stack(values, dim=1))
    multi = [
        graded.hierarchical_average_precision(levels, num_scales, question.alpha),
        graded.normalised_discounted_gain(levels, linear=question.linear_gain),
        graded.graded_set_intersection(levels, num_scales),
    ]
    for measure in question.multi_chosen:
        if measure.kind == chosen.GAIN:
            multi.append(graded.normalised_discounted_gain(levels, measure.k, question.linear_gain))
        else:
            errors = measure.kind == chosen.ERROR_HEIGHT
            multi.append(chosen.lowest_common_height(levels, num_scales, errors))
    return torch.stack(columns, dim=1), torch.stack(multi, dim=1)


def rank_levels(
    similarity: Tensor, query_labels: Tensor, gallery_labels: Tensor, left_out: tuple[Tensor, Tensor]
) -> Tensor:
    """Return how many scales the item at each rank shares with its query: (B, N) int64.

    Equal similarities rank in gallery order. Items that are left out come last and share nothing.

    Args:
        similarity: (B, N) float, no NaN.
        query_labels: (B, L) integers.
        gallery_labels: (N, L) integers.
        left_out: rows and columns of the items to leave out, each (n,) int64.
    """
    levels = torch.zeros(similarity.shape, dtype=torch.int64, device=similarity.device)
    for scale in range(query_labels.shape[1]):
        levels += query_labels[:, scale, None] == gallery_labels[None, :, scale]
    # Adding 0 turns −0 into 0: a sort by bit patterns would tell them apart.
    keys = similarity + 0.0
    keys[left_out] = -torch.inf
    levels[left_out] = 0
    order = keys.sort(dim=1, descending=True, stable=True).indices
    return levels.gather(1, order)
