"""Pictures of a manifest into a gallery: what is new is opened by threads, embedded in batches and added."""

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dyml.data.augment import eval_transform
from dyml.data.images import enough_pixels, open_image
from dyml.errors import ImageError, InputError
from dyml.index.batches import batch_of_items
from dyml.index.checks import check_id
from dyml.index.items import AddReport, Item
from dyml.index.listed import Listed
from dyml.index.models import check_model, fingerprint
from dyml.index.thumbnails import MOST_SIDE, thumbnail_of
from dyml.models.embedding import embed_batches

if TYPE_CHECKING:
    from dyml.index.gallery import Gallery
    from dyml.models.embedding import EmbedsPictures

AHEAD = 2  # batches being opened while one is embedded
MANY = 100  # batches
MOST_BYTES = 256 * 2**20


@dataclass(frozen=True, eq=False)
class _Opened:
    """A picture that is to be embedded, or what is wrong with it."""

    item: Item
    digest: str
    pixels: Tensor | None = None
    wrong: ImageError | None = None


def add_pictures(
    gallery: "Gallery",
    embedder: "EmbedsPictures",
    listed: Listed,
    batch_size: int,
    progress: str | None,
    store: bool,
    skip_damaged: bool,
) -> AddReport:
    """Embed and add; see `Gallery.add_manifest`."""
    if batch_size < 1:
        raise InputError(f"batch_size must be 1 or more; got {batch_size}")
    prefix = _check_fit(gallery, embedder, listed, store)
    report = AddReport()
    rows = range(len(listed.paths))
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    try:
        with _bar(progress, len(rows)) as advance:
            for batch, opened in _ahead(gallery, embedder, listed, batches, prefix, store):
                report += _store(gallery, embedder, opened, skip_damaged)
                report += AddReport(unchanged=len(batch) - len(opened))
                advance(len(batch))
        if (report.added or report.updated) and len(batches) > MANY:
            gallery.optimize()  # every batch left a small file
    finally:
        if report.added or report.updated:
            gallery.settle()
    return report


def _check_fit(gallery: "Gallery", embedder: "EmbedsPictures", listed: Listed, store: bool) -> str | None:
    """Refuse what does not belong together; return what to put before paths, None without references."""
    info = gallery.info
    digest = fingerprint(embedder)
    check_model(digest, info.model, gallery.path)
    if embedder.dim != gallery.dim:
        raise InputError(
            f"the embedder makes vectors of {embedder.dim} numbers, the gallery {gallery.path} has "
            f"{gallery.dim}"
        )
    others = [scale for scale in listed.scales if scale not in gallery.scales]
    if others:
        raise InputError(
            f"the pictures in {listed.root} have the scales {', '.join(listed.scales)}, the gallery "
            f"{', '.join(gallery.scales)}: there is no {others[0]!r}. Name the scales as the gallery does."
        )
    here = listed.root.resolve()
    gallery.engine.set_origin(str(here), digest if not info.count else None)
    root = Path(gallery.info.root or here)
    if here.is_relative_to(root):
        relative = here.relative_to(root).as_posix()
        return "" if relative == "." else f"{relative}/"
    if store:
        return None
    raise InputError(
        f"the gallery's pictures lie in {root}, these in {here}, where it may not look. "
        f"Make the gallery with a root above both, or keep the pictures in it (store_pictures, "
        f"--store-pictures)."
    )


def _ahead(
    gallery: "Gallery",
    embedder: "EmbedsPictures",
    listed: Listed,
    batches: Sequence[range],
    prefix: str | None,
    store: bool,
) -> Iterator[tuple[range, list[_Opened]]]:
    """Yield batches of rows with those of their pictures that are new, opened while others are embedded."""
    transform = eval_transform(embedder.image_size, embedder.channels, embedder.resize)

    def prepare(row: int, item: Item, known: Item | None, digest: str | None) -> _Opened | None:
        try:
            found = _digest(listed.root / listed.paths[row])
            if known is not None and digest == found:
                same = known.labels == item.labels and known.picture == item.picture
                return None if same else _Opened(item, found)
            return _open(listed.root / listed.paths[row], item, found, embedder, transform, store)
        except ImageError as error:
            return _Opened(item, "", wrong=error)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        waiting: list[tuple[range, list[Future[_Opened | None]]]] = []
        try:
            for batch in batches:
                items = [_item(listed, row, prefix) for row in batch]
                ids = [item.id for item in items]
                known, digests = gallery.engine.get(ids, payload=False), gallery.engine.digests(ids)
                jobs = zip(batch, items, known, digests)
                waiting.append((batch, [pool.submit(prepare, *job) for job in jobs]))
                if len(waiting) > AHEAD:
                    yield _collected(*waiting.pop(0))
            while waiting:
                yield _collected(*waiting.pop(0))
        finally:
            for _, futures in waiting:
                for future in futures:
                    future.cancel()


def _collected(batch: range, futures: list[Future[_Opened | None]]) -> tuple[range, list[_Opened]]:
    found = [future.result() for future in futures]
    return batch, [one for one in found if one is not None]


def _store(
    gallery: "Gallery", embedder: "EmbedsPictures", opened: list[_Opened], skip_damaged: bool
) -> AddReport:
    """Embed what was opened and add it, in one batch."""
    wrong = [one.wrong for one in opened if one.wrong is not None]
    if wrong and not skip_damaged:
        raise wrong[0]
    good = [one for one in opened if one.wrong is None]
    items: dict[str, Item] = {}
    fresh = [one for one in good if one.pixels is not None]
    if fresh:
        pixels = torch.stack([one.pixels for one in fresh if one.pixels is not None])
        for one, vector in zip(fresh, embed_batches(embedder, [pixels])):
            items[one.item.id] = replace(one.item, vector=vector)
    relabelled = [one.item for one in good if one.pixels is None]
    for item, old in zip(relabelled, gallery.engine.get([item.id for item in relabelled])):
        if old is not None:
            items[item.id] = replace(old, labels=item.labels, picture=item.picture)
    report = AddReport(skipped=tuple(str(error) for error in wrong))
    if not items:
        return report
    digests = {one.item.id: one.digest for one in good}
    columns = batch_of_items(
        list(items.values()), gallery.dim, gallery.scales, [digests[name] for name in items]
    )
    return report + gallery.engine.upsert(columns)


def _item(listed: Listed, row: int, prefix: str | None) -> Item:
    path = listed.paths[row]
    return Item(check_id(path), None, listed.labels(row), {}, None if prefix is None else prefix + path)


def _open(
    path: Path, item: Item, digest: str, embedder: "EmbedsPictures", transform: Any, store: bool
) -> _Opened:
    size = enough_pixels(embedder.resize)
    picture = open_image(path, embedder.channels, size)
    shown = picture if embedder.channels == 3 and size >= MOST_SIDE else open_image(path, 3, MOST_SIDE)
    whole = None
    if store:
        if path.stat().st_size > MOST_BYTES:
            raise ImageError(
                f"{path}: has more than {MOST_BYTES // 2**20} MB: too large to keep in a gallery"
            )
        whole = path.read_bytes()
    return _Opened(replace(item, thumbnail=thumbnail_of(shown), bytes=whole), digest, transform(picture))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()[:32]
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror or error}. Correct the path.") from error


@contextmanager
def _bar(words: str | None, total: int) -> Iterator[Any]:
    """Show a bar on stderr where it is a terminal."""
    if words is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=total)
        yield lambda count: progress.advance(task, count)
