"""Find equal vectors in the gallery, so that they can be given equal similarities.

A matrix product adds up the columns at its edges in another order than those inside. So two equal vectors may
get similarities that differ in the last digit, and the order of copies would hang on block sizes and thread
counts. Here every copy takes over the similarity of the first of its kind.
"""

import torch
from torch import Tensor

from dyml.metrics.vectors import Vectors

BLOCK_ROWS = 16384
SKETCH_COLUMNS = 4


def find_copies(vectors: Vectors) -> tuple[Tensor, Tensor]:
    """Return the positions that hold a copy of an earlier vector, and the position of the first such vector.

    Vectors are compared as they enter the product. A digest of a few columns picks out suspects, a digest of
    all columns groups them, and a comparison in full confirms the groups.

    Returns:
        Two (n,) int64 tensors on the device of the vectors.
    """
    step = max(1, vectors.dim // SKETCH_COLUMNS)
    starts = range(0, len(vectors), BLOCK_ROWS)
    sketch = torch.cat([_digest(vectors.rows(at, at + BLOCK_ROWS)[:, ::step]) for at in starts])
    copies, originals = _group(sketch)
    suspects = torch.cat([copies, originals]).unique()
    if len(suspects) == 0:
        return suspects, suspects
    digests = torch.cat([_digest(vectors.at(part)) for part in suspects.split(BLOCK_ROWS)])
    copies, originals = (suspects[places] for places in _group(digests))
    parts = zip(copies.split(BLOCK_ROWS), originals.split(BLOCK_ROWS))
    same = torch.cat([(vectors.at(a) == vectors.at(b)).all(1) for a, b in parts])
    return copies[same], originals[same]


def _digest(rows: Tensor) -> Tensor:
    """Mix the bits of every row into one int64; equal rows have equal digests."""
    # Adding 0 turns −0 into 0: both count as equal, so both must look alike.
    words = (rows + 0.0).view(torch.int32 if rows.dtype == torch.float32 else torch.int64).to(torch.int64)
    generator = torch.Generator().manual_seed(0)
    factors = torch.randint(-(2**62), 2**62, (rows.shape[1],), generator=generator) * 2 + 1
    mixed = (words ^ (words >> 17)) * factors.to(rows.device)
    return (mixed ^ (mixed >> 29)).sum(1)


def _group(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return the positions whose key occurred before, and for each the first position of that key."""
    ordered, order = keys.sort(stable=True)
    begins = torch.ones(len(keys), dtype=torch.bool, device=keys.device)
    begins[1:] = ordered[1:] != ordered[:-1]
    starts = torch.nonzero(begins)[:, 0]
    first = order[starts][begins.cumsum(0) - 1]
    return order[~begins], first[~begins]
