"""An embedder with the call of sentence-transformers, for tools that expect a model with `encode`."""

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor

from dyml.errors import InputError
from dyml.exchange.pictures import Picture, in_batches, is_one
from dyml.models import Embedder
from dyml.models.embedding import EmbedsPictures, embed_batches


class Encoder:
    """`encode` pictures as `SentenceTransformer.encode` does sentences.

    Vectors always have length 1, as those of a sentence-transformers model that ends with `Normalize`.

    Args:
        model: an embedder, an exported one, or a run folder, model folder or `hub:NAME`.
        device: where an embedder is moved to, such as `cuda`; None leaves it where it is.
    """

    def __init__(self, model: EmbedsPictures | str | Path, device: str | None = None) -> None:
        if isinstance(model, (str, Path)):
            from dyml.training.judge import open_source

            model = open_source(str(model))[0]
        if device is not None:
            if not isinstance(model, Embedder):
                raise InputError("device is for embedders of PyTorch; an exported one has its own")
            model = model.to(device)
        self.embedder = model

    def encode(
        self,
        images: Picture | Sequence[Picture],
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        normalize_embeddings: bool = True,
    ) -> Any:
        """Embed pictures.

        Args:
            images: paths, encoded bytes, PIL pictures, or uint8 arrays (H, W) or (H, W, 3); several of them,
                an array (N, H, W, C), or a single one.
            batch_size: pictures at a time.
            show_progress_bar: on stderr; None: where that is a terminal and there is more than one batch.
            convert_to_numpy: False gives a list of tensors.
            convert_to_tensor: give one tensor; goes before `convert_to_numpy`.
            normalize_embeddings: either way the vectors have length 1, since the model ends so.

        Returns:
            (N, D) float32 unit rows; (D,) for a single picture.

        Raises:
            ImageError: a picture cannot be opened.
            InputError: something is no picture.
        """
        single = is_one(images)
        pictures: Any = [images] if single else images
        if not hasattr(pictures, "__len__"):
            pictures = list(pictures)
        batches: Iterable[Tensor] = in_batches(self.embedder, pictures, batch_size)
        count = math.ceil(len(pictures) / max(batch_size, 1))
        shown = sys.stderr.isatty() and count > 1 if show_progress_bar is None else show_progress_bar
        if shown:
            batches = track(batches, "embedding", total=count, console=Console(stderr=True), transient=True)
        rows = embed_batches(self.embedder, batches)
        found = rows[0] if single else rows
        if convert_to_tensor:
            return torch.from_numpy(found)
        return found if convert_to_numpy else list(torch.from_numpy(rows))

    def similarity(self, first: Any, second: Any) -> Tensor:
        """Return the cosines of all pairs of two sets of vectors: (A, D), (B, D) to (A, B)."""
        a, b = (torch.as_tensor(np.atleast_2d(np.asarray(rows))) for rows in (first, second))
        return a @ b.T

    def get_sentence_embedding_dimension(self) -> int:
        """Return D, the length of the vectors."""
        return self.embedder.dim

    def __call__(self, images: Sequence[Picture]) -> NDArray[np.float32]:
        """Embed several pictures; see `encode`."""
        rows: NDArray[np.float32] = self.encode(images)
        return rows
