"""Compare two pictures: one similarity, read at every scale."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dyml.data.augment import eval_transform
from dyml.data.images import open_image
from dyml.gauge.criteria import parse_criterion
from dyml.gauge.gauge import Gauge
from dyml.gauge.priors import EVEN, Prior
from dyml.gauge.reading import Reading
from dyml.gauge.source import open_gauge
from dyml.models.embedding import embed_batches
from dyml.training.judge import open_source


@dataclass(frozen=True)
class Comparison:
    """Two pictures and what the gauge reads.

    Attributes:
        images: both, as they were given.
        reading: same or different at every scale.
        prior: P(same) before the comparison, fine to coarse.
        criterion: from which threshold on they count as the same.
    """

    images: tuple[str, str]
    reading: Reading
    prior: tuple[float, ...]
    criterion: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        rows = {
            row.scale: {**row.model_dump(exclude={"scale"}), "prior": chance}
            for row, chance in zip(self.reading.scales, self.prior)
        }
        return {
            "images": list(self.images),
            "similarity": self.reading.similarity,
            "distance": self.reading.distance,
            "criterion": self.criterion,
            "scales": rows,
        }


def compare_images(
    first: str | Path,
    second: str | Path,
    source: str,
    prior: Prior = EVEN,
    criterion: str = "p=0.5",
    gauge: Gauge | None = None,
) -> Comparison:
    """Embed two pictures and read their similarity at every scale.

    Args:
        first: a picture.
        second: another.
        source: a run folder, a model folder or `hub:NAME`.
        prior: `even`, as for two pictures that a person picks; `data`, as for two drawn at random from data
            like those that were gauged; or L chances of the same class, fine to coarse.
        criterion: from which threshold on they count as the same; see `criteria`.
        gauge: the model's; None reads the one beside it.

    Raises:
        ImageError: a picture cannot be opened.
        RunError: there is no model, or it has no gauge.
        InputError: prior or criterion are not understood.
    """
    ruler = (open_gauge(source) if gauge is None else gauge).with_prior(prior)
    parse_criterion(criterion)
    embedder, _ = open_source(source)
    transform = eval_transform(embedder.image_size, embedder.channels, embedder.resize)
    pictures = [transform(open_image(path, embedder.channels)) for path in (first, second)]
    vectors = embed_batches(embedder, [torch.stack(pictures)])
    similarity = min(max(float(vectors[0] @ vectors[1]), -1.0), 1.0)
    reading = ruler.read(similarity, criterion)
    return Comparison((str(first), str(second)), reading, ruler.scale_prior, criterion)
