"""Galleries from the command line: made or opened, filled from a source; and queries for them."""

from pathlib import Path
from typing import Any

import torch

from dyml.data.augment import eval_transform
from dyml.data.images import enough_pixels, open_image
from dyml.errors import ConfigError, InputError
from dyml.index.gallery import Gallery
from dyml.index.items import AddReport, Floats
from dyml.index.listed import list_pictures
from dyml.index.models import check_model, fingerprint
from dyml.index.pictures import add_pictures
from dyml.index.settings import NAME
from dyml.index.thumbnails import thumbnail_of
from dyml.index.vectors_file import read_vectors
from dyml.models.embedding import embed_batches
from dyml.training.judge import open_source
from dyml.training.precision import fastest_device

Filled = tuple[Gallery, AddReport, str]


def fill_pictures(
    model: str,
    source: Path,
    folder: Path,
    scales: tuple[str, ...] | None,
    split: str | None,
    batch_size: int,
    store: bool,
    skip_damaged: bool,
) -> Filled:
    """Embed pictures into a gallery, which is made where there is none.

    Returns:
        The gallery, what became of the pictures, and where their classes are from.
    """
    embedder, config = open_source(model)
    named = scales
    if named is None and embedder.taxonomy is not None:
        named = embedder.taxonomy.scales
    if config is not None and scales is None:
        named = config.data.scales or named
    listed, words = _listed(source, scales, named, split)
    usual = listed.scales or named or ("fine",)
    gallery = _opened(folder, model, embedder.dim, tuple(usual), listed.root)
    embedder = embedder.to(fastest_device())
    report = add_pictures(gallery, embedder, listed, batch_size, "embedding", store, skip_damaged)
    return gallery, report, words


def fill_vectors(model: str, source: Path, folder: Path, scales: tuple[str, ...] | None) -> Filled:
    """Add vectors that a model made elsewhere to a gallery, which is made where there is none."""
    read = read_vectors(source, scales)
    gallery = _opened(folder, model, read.vectors.shape[1], tuple(read.labels) or ("fine",), None)
    report = gallery.add(ids=read.ids, vectors=read.vectors, labels=read.labels)
    return gallery, report, "the file"


def open_for_search(folder: Path, model: str | None) -> Gallery:
    """Open a gallery with the model that is named, or the one that it remembers."""
    return Gallery.open(folder, model)


def query_of(
    gallery: Gallery, picture: Path | None, item: str | None, model: str | None
) -> tuple[Floats, bytes | None]:
    """Return the vector and the thumbnail of a query: a picture, or an item of the gallery.

    Raises:
        ConfigError: the gallery remembers no model to embed with.
        InputError: there is no such item.
        ImageError: the picture cannot be opened.
    """
    if picture is None:
        there = gallery.get(str(item))
        if there is None or there.vector is None:
            raise InputError(f"no item {item!r} in the gallery {gallery.path}")
        return there.vector, there.thumbnail
    shown = thumbnail_of(open_image(picture, 3, 256))
    source = model or gallery.info.model_folder
    if source is None:
        raise ConfigError(
            f"the gallery {gallery.path} remembers no model to embed with: name it with --model"
        )
    embedder, _ = open_source(source)
    check_model(fingerprint(embedder), gallery.info.model, gallery.path, source)
    transform = eval_transform(embedder.image_size, embedder.channels, embedder.resize)
    pixels = transform(open_image(picture, embedder.channels, enough_pixels(embedder.resize)))
    return embed_batches(embedder, [torch.stack([pixels])])[0], shown


def _listed(source: Path, scales: Any, named: Any, split: str | None) -> Any:
    """List pictures with the scales that are given, or those of the model where they are its."""
    if scales is None and named is not None:
        try:
            return list_pictures(source, tuple(named), split)
        except ValueError:
            pass  # other pictures than those that it was trained on: their own scales
    return list_pictures(source, scales, split)


def _opened(folder: Path, model: str, dim: int, scales: tuple[str, ...], root: Path | None) -> Gallery:
    if (folder / NAME).is_file():
        return Gallery.open(folder, model)
    return Gallery.create(folder, dim, scales, model=model, root=root)
