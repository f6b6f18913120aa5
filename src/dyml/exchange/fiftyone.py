"""A gallery as JSON samples in FiftyOne's form: a file, a classification a scale, and the vector."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dyml.errors import InputError
from dyml.files import write_json
from dyml.index import Gallery

# Names that FiftyOne keeps for itself; a scale of that name gets a tail.
RESERVED = frozenset({"id", "filepath", "tags", "metadata", "created_at", "last_modified_at", "embedding"})


def fiftyone_samples(
    gallery: Gallery, embeddings: bool = True, where: Any = None
) -> Iterator[dict[str, Any]]:
    """Yield a gallery's items as samples: filepath, a classification a scale, `dyml_id`, embedding, metadata.

    Args:
        gallery: its items have pictures in files.
        embeddings: with the vectors, as lists of numbers.
        where: conditions on the items, as for `Gallery.search`.

    Raises:
        InputError: an item has no file; a sample is one file.
    """
    root = gallery.info.root
    for item in gallery.items(where=where):
        if item.picture is None:
            raise InputError(
                f"{item.id!r} has no picture in a file, and a sample is a file; leave it out with `where`"
            )
        sample: dict[str, Any] = {
            "filepath": str(Path(root) / item.picture) if root else item.picture,
            "tags": [],
            "dyml_id": item.id,
        }
        for scale, name in item.labels.items():
            field = f"{scale}_class" if scale in RESERVED else scale
            sample[field] = {"_cls": "Classification", "label": name}
        if item.metadata:
            sample["dyml_metadata"] = item.metadata
        if embeddings and item.vector is not None:
            sample["embedding"] = [round(float(value), 7) for value in item.vector]
        yield sample


def write_fiftyone(
    gallery: Gallery,
    target: str | Path,
    name: str | None = None,
    embeddings: bool = True,
    where: Any = None,
) -> Path:
    """Write a gallery as one JSON file, `{"name", "media_type", "info", "samples"}`, atomically; return it.

    Args:
        gallery: its items have pictures in files.
        target: the file.
        name: of the dataset; None: that of the gallery's folder.
        embeddings: with the vectors.
        where: as for `fiftyone_samples`.
    """
    samples = list(fiftyone_samples(gallery, embeddings, where))
    value = {
        "name": name or gallery.path.name,
        "media_type": "image",
        "num_samples": len(samples),
        "info": {"scales": list(gallery.scales), "dim": gallery.dim},
        "samples": samples,
    }
    write_json(target, value)
    return Path(target)
