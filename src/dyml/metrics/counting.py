"""The fast engine, for the CPU: ranks of the relevant items by counting, measures from these ranks."""

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from dyml.metrics.chosen_ranked import measure_chosen
from dyml.metrics.measures import MULTI, Question, Scores, single_names
from dyml.metrics.ranked import make_tables, measure_lists
from dyml.metrics.ranks import rank_relevant

TASK_ROWS = 16


class CountingEngine:
    """Measure blocks of queries on all threads; a context, since it holds threads.

    The items that share the coarsest scale with a query are all that any measure asks for. Their ranks are
    found without a sort of the gallery.
    """

    bytes_per_pair = 0  # Beside the similarities it needs a few rows a thread.

    def __init__(self, question: Question) -> None:
        self.question = question
        coarsest = question.item_codes[:, -1]
        self._members = np.argsort(coarsest, kind="stable")
        classes = 1 + max(int(coarsest.max()), int(question.query_codes[:, -1].max()))
        self._starts = np.searchsorted(coarsest[self._members], np.arange(classes + 1))
        self._tables = make_tables(len(coarsest), question.num_scales, question.alpha, question.linear_gain)
        self._ks = np.array(question.ks, dtype=np.int64)
        self._chosen = [
            np.array([(m.kind, m.k) for m in part], dtype=np.int64).reshape(-1, 2)
            for part in (question.single_chosen, question.multi_chosen)
        ]
        self._threads = ThreadPoolExecutor(torch.get_num_threads())

    def __enter__(self) -> "CountingEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    def measure(self, similarity: Tensor, first: int) -> Scores:
        """Compute every measure of a block of queries.

        Args:
            similarity: (B, N) float32 or float64 on the CPU, no NaN; its contents are used up.
            first: which query the first row is.
        """
        rows, question = similarity.numpy(), self.question
        scores = Scores.empty(len(rows), question)
        usual = len(single_names(question.ks))

        def task(start: int) -> None:
            part = slice(start, min(start + TASK_ROWS, len(rows)))
            queries = np.arange(first + part.start, first + part.stop)
            codes = question.query_codes[queries]
            rows[part][question.left_out.pairs(first + part.start, first + part.stop)] = -np.inf
            lists = rank_relevant(rows[part], self._members, self._starts, codes[:, -1])
            measure_lists(
                *lists,
                codes,
                question.item_codes,
                self._ks,
                self._tables,
                scores.single[part, :, :usual],
                scores.multi[part, : len(MULTI)],
            )
            if question.chosen:
                measure_chosen(
                    *lists,
                    codes,
                    question.item_codes,
                    *self._chosen,
                    self._tables.gain,
                    self._tables.discounts,
                    scores.single[part, :, usual:],
                    scores.multi[part, len(MULTI) :],
                )

        for _ in self._threads.map(task, range(0, len(rows), TASK_ROWS)):
            pass
        return scores
