"""An embedder as a scikit-learn transformer, for pipelines and grid searches."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from dyml.errors import InputError
from dyml.exchange.encoder import Encoder
from dyml.exchange.pictures import is_one


class PictureTransformer(TransformerMixin, BaseEstimator):
    """Pictures to unit vectors (N, D), as a step of a scikit-learn pipeline.

    `fit` loads the model and learns nothing from the pictures: no fold of a cross-validation sees another.

    Args:
        model: an embedder, an exported one, or a run folder, model folder or `hub:NAME`.
        batch_size: pictures at a time.

    Attributes:
        encoder_: what embeds, after `fit`.
        n_features_out_: D, after `fit`.
    """

    def __init__(self, model: Any = None, batch_size: int = 32) -> None:
        self.model = model
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the model.

        Args:
            X: not looked at, except that it must be pictures.
            y: not looked at.

        Raises:
            InputError: there is no model, or X is a single picture.
            RunError: the model cannot be loaded.
        """
        _several(X)
        if self.model is None:
            raise InputError("model is None: name a run or model folder, hub:NAME, or give an embedder")
        known = isinstance(self.model, (str, Path))
        self.encoder_ = Encoder(str(self.model) if known else self.model)
        self.n_features_out_ = self.encoder_.embedder.dim
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Embed pictures; see `Encoder.encode` for the forms that they may have.

        Returns:
            (N, D) float32 unit rows.

        Raises:
            NotFittedError: `fit` has not been called.
        """
        _several(X)
        if not hasattr(self, "encoder_"):
            raise NotFittedError("PictureTransformer is not fitted: call fit first, which loads the model")
        rows: NDArray[np.float32] = self.encoder_.encode(X, self.batch_size, show_progress_bar=False)
        return rows

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return `embedding0` … `embedding{D-1}`."""
        return np.array([f"embedding{i}" for i in range(self.n_features_out_)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Say that the input is pictures, not a table of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _several(pictures: Any) -> None:
    if is_one(pictures):
        raise InputError("X must be several pictures: a list of paths, for example, not a single one")
