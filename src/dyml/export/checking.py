"""Whether an exported model gives the vectors that PyTorch gives, and what int8 costs in mAP."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dyml.export.runtime import OnnxEmbedder
from dyml.metrics import Result
from dyml.models import Embedder
from dyml.models.embedding import embed_batches

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Agreement:
    """How near two models' vectors of the same pictures are.

    Attributes:
        pictures: how many were compared.
        difference: the largest of any one number of a vector.
        cosine: the smallest, of the two vectors of one picture.
    """

    pictures: int
    difference: float
    cosine: float

    @property
    def close(self) -> bool:
        """Whether no number differs by more than 1e-4."""
        return self.difference <= TOLERANCE


def compare_with_torch(embedder: Embedder, exported: OnnxEmbedder, batches: Iterable[Tensor]) -> Agreement:
    """Embed pictures by PyTorch and by ONNX Runtime.

    Args:
        embedder: what was exported.
        exported: the result.
        batches: (B, C, S, S) uint8 pictures.
    """
    count, difference, cosine = 0, 0.0, 1.0
    for images in batches:
        ours, theirs = embed_batches(embedder, [images]), embed_batches(exported, [images])
        count += len(images)
        difference = max(difference, float(abs(ours - theirs).max(initial=0)))
        cosine = min(cosine, float((ours * theirs).sum(1).min(initial=1)))
    return Agreement(count, difference, cosine)


def random_pictures(embedder: Embedder, sizes: tuple[int, ...] = (1, 2, 5), seed: int = 0) -> list[Tensor]:
    """Return batches of noise of some sizes, to compare models on where there are no pictures."""
    generator = torch.Generator().manual_seed(seed)
    shape = (embedder.channels, embedder.image_size, embedder.image_size)
    return [torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=generator) for n in sizes]


def loss_table(results: Mapping[str, Result]) -> str:
    """Write the mAP of two models at every scale, in percent, and what the second loses in points."""
    (first, before), (second, after) = results.items()
    rows = [["mAP %", first, second, "loss"]]
    for scale in (*before.scales, "overall"):
        old, new = (
            (result.overall if scale == "overall" else result.by_scale[scale])["mAP"]
            for result in (before, after)
        )
        cells = ["–" if value is None else f"{100 * value:.2f}" for value in (old, new)]
        rows.append([scale, *cells, "–" if old is None or new is None else f"{100 * (old - new):+.2f}"])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:]))])
        for row in rows
    )
