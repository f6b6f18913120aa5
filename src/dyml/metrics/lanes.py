"""How threads share the work: each has its own block of queries, or all work at one block after another.

Where memory allows, every thread multiplies and measures its own blocks, with a matrix product that uses this
one thread. Nobody waits for another then, and the product's own threads do not compete with those that
measure. Else a product on all threads and their measuring take turns.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

MOST_ROWS = 512
WORTH_A_LANE = 256  # Rows below which a product on one thread spends too long on arranging the gallery.


class Plan(NamedTuple):
    """How many blocks are worked at side by side, and how many queries each has at most."""

    lanes: int
    rows: int


def make_plan(queries: int, most_rows: int, threads: int) -> Plan:
    """Choose lanes and the size of blocks.

    Args:
        queries: how many there are.
        most_rows: how many queries' similarities fit into memory, all lanes together.
        threads: how many may work; 1 where the engine does not go with lanes.
    """
    rows = min(max(most_rows, 1), MOST_ROWS, queries)
    each = min(most_rows // threads, MOST_ROWS)
    if threads == 1 or each < WORTH_A_LANE or queries < threads * WORTH_A_LANE:
        return Plan(1, rows)
    # Blocks of one size, as many for each lane.
    rounds = -(-queries // (each * threads))
    return Plan(threads, -(-queries // (rounds * threads)))


@contextmanager
def pool_of_lanes(lanes: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for the lanes; numpy's products use one thread each in the meantime."""
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(lanes) as pool:
        try:
            yield pool
        except BaseException:
            # Blocks that have not begun are not worth waiting for.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
