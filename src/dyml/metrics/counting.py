"""The fast engine, for the CPU: ranks of the relevant items by counting, measures from these ranks."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from dyml.metrics.chosen_ranked import measure_chosen
from dyml.metrics.measures import MULTI, Question, Scores, single_names
from dyml.metrics.ranked import make_tables, measure_lists
from dyml.metrics.ranks import Ranker, find_members

TASK_ROWS, TASK_ITEMS = 16, 2**20


class CountingEngine:
    """Measure blocks of queries on all threads; a context, since it holds threads.

    The items that share the coarsest scale with a query are all that any measure asks for. Their ranks are
    found without a sort of the gallery.
    """

    bytes_per_pair = 0  # Beside the similarities it needs a few rows a thread.

    def __init__(self, question: Question) -> None:
        self.question = question
        coarsest = question.item_codes[:, -1]
        classes = 1 + max(int(coarsest.max()), int(question.query_codes[:, -1].max()))
        self._members = find_members(coarsest, classes)
        self._rows = min(TASK_ROWS, max(1, TASK_ITEMS // max(1, self._members.most)))
        self._tables = make_tables(len(coarsest), question.num_scales, question.alpha, question.linear_gain)
        self._ks = np.array(question.ks, dtype=np.int64)
        self._chosen = [
            np.array([(m.kind, m.k) for m in part], dtype=np.int64).reshape(-1, 2)
            for part in (question.single_chosen, question.multi_chosen)
        ]
        self.threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(self.threads)
        self._own = threading.local()

    def __enter__(self) -> "CountingEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def measure(self, similarity: Tensor, first: int, alone: bool = False) -> Scores:
        """Compute every measure of a block of queries.

        Args:
            similarity: (B, N) float32 or float64 on the CPU, no NaN; its contents are used up.
            first: which query the first row is.
            alone: on this thread, not on all.
        """
        rows = similarity.numpy()
        scores = Scores.empty(len(rows), self.question)
        starts = range(0, len(rows), self._rows)

        def task(start: int) -> None:
            part = slice(start, min(start + self._rows, len(rows)))
            self._measure(rows[part], first + start, scores.single[part], scores.multi[part])

        for _ in map(task, starts) if alone else self._pool.map(task, starts):
            pass
        return scores

    def _measure(self, rows: np.ndarray, first: int, single: np.ndarray, multi: np.ndarray) -> None:
        """Fill the measures of a few queries."""
        question, last = self.question, first + len(rows)
        codes, usual = question.query_codes[first:last], len(single_names(question.ks))
        rows[question.left_out.pairs(first, last)] = -np.inf
        lists = self._ranker().find(rows, codes[:, -1])
        places = codes, question.item_codes
        usual_single, usual_multi = single[:, :, :usual], multi[:, : len(MULTI)]
        measure_lists(*lists, *places, self._ks, self._tables, usual_single, usual_multi)
        if question.chosen:
            tables = self._tables.gain, self._tables.discounts
            measure_chosen(
                *lists, *places, *self._chosen, *tables, single[:, :, usual:], multi[:, len(MULTI) :]
            )

    def _ranker(self) -> Ranker:
        """Return this thread's own."""
        ranker: Ranker | None = getattr(self._own, "ranker", None)
        if ranker is None:
            ranker = self._own.ranker = Ranker(self._members, self._rows)
        return ranker
