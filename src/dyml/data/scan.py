"""A manifest from nested folders: `coarse/middle/fine/picture.jpg`, any depth from one folder on."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from dyml.data.columns import NOT_SCALES
from dyml.data.images import ENDINGS
from dyml.data.walk import Folders, Found, walk
from dyml.errors import ManifestError, shortened

_USUAL = {1: ("fine",), 2: ("fine", "coarse"), 3: ("fine", "middle", "coarse")}


@dataclass(frozen=True)
class Scan:
    """What lies under a folder, ready to be written with `write_manifest(scan.columns, …)`.

    Attributes:
        columns: `path` and one column a scale, coarse to fine, rows sorted by path.
        scales: scale names, fine to coarse.
        classes: the number of classes at every scale, fine to coarse.
        qualified: per scale, the new names of classes whose folder name comes under several parents.
        single: fine classes with one picture.
        others: files that are no pictures, counted by ending.
        hidden: how many hidden files and folders were left out.
        loops: folders that link back to a folder above them, left out.
        broken: links that lead nowhere, left out.
        empty: folders without a picture at any depth below.
    """

    columns: dict[str, list[str]]
    scales: tuple[str, ...]
    classes: tuple[int, ...]
    qualified: dict[str, list[str]]
    single: list[str]
    others: Counter[str]
    hidden: int
    loops: list[str]
    broken: list[str]
    empty: list[str]

    def __len__(self) -> int:
        return len(self.columns["path"])

    def notes(self) -> list[str]:
        """Return what a person should know besides the counts, one sentence a line."""
        notes = []
        for scale, names in self.qualified.items():
            notes.append(
                f"{scale}: one folder name under several parents stands for several classes, so these carry "
                f"their parent's name: {shortened(names)}."
            )
        for (finer, n), (coarser, m) in pairwise(zip(self.scales, self.classes)):
            if n == m:
                notes.append(
                    f"{finer} and {coarser} have equally many classes; name the scales when the "
                    f"manifest is read: --scales {','.join(self.scales)}."
                )
        if len(self.scales) > 1 and self.classes[-1] == 1:
            notes.append(
                f"{self.scales[-1]}: all pictures lie in one class; scan the folder below it instead."
            )
        if self.single:
            notes.append(
                f"{_count(len(self.single), 'class has', 'classes have')} a single picture, which can never "
                f"be retrieved: {shortened(self.single)}."
            )
        if self.others:
            kinds = shortened(
                (f"{ending or 'no ending'} {n:,}" for ending, n in self.others.most_common()), 6
            )
            total = sum(self.others.values())
            notes.append(f"{_count(total, 'file is', 'files are')} no picture and left out: {kinds}.")
        if self.hidden:
            notes.append(
                f"{_count(self.hidden, 'hidden file or folder', 'hidden files or folders')} left out."
            )
        if self.loops:
            notes.append(f"links back to a folder above, left out: {shortened(self.loops)}.")
        if self.broken:
            notes.append(f"links that lead nowhere, left out: {shortened(self.broken)}.")
        if self.empty:
            notes.append(f"folders without pictures: {shortened(self.empty)}.")
        return notes


def scan_folder(
    folder: str | Path, scales: Sequence[str] | None = None, root: str | Path | None = None
) -> Scan:
    """Find the pictures under nested class folders and name their classes by the folders.

    Pictures are known by their endings; `dyml data check` opens them. Links to folders are followed. A folder
    name that comes under several parents stands for as many classes; each is named `parent/child`.

    Args:
        folder: holds the folders of the coarsest scale.
        scales: names fine to coarse, one for each level of folders, the innermost first. None takes fine;
            fine, coarse; fine, middle, coarse; or scale0, scale1, ….
        root: the folder that paths are relative to: `folder` itself (None) or one above it.

    Raises:
        ManifestError: no pictures, pictures at different depths, a wrong number of scale names, or file names
            that a manifest cannot hold. The text gives examples.
    """
    folder = Path(os.path.abspath(folder))
    root = folder if root is None else Path(os.path.abspath(root))
    if not folder.is_dir():
        raise ManifestError(f"{folder}: no such folder")
    if not folder.is_relative_to(root):
        raise ManifestError(f"the manifest must lie in {folder} or a folder above it, not in {root}")
    found = walk(folder)
    depth = _depth(folder, found)
    scales = _checked_scales(scales, depth, found.pictures[0])
    names = qualified_names(picture[:-1] for picture in found.pictures)
    prefix = folder.relative_to(root).parts
    columns = {"path": ["/".join((*prefix, *picture)) for picture in found.pictures]}
    for level, scale in enumerate(reversed(scales)):
        columns[scale] = [names[level][picture[: level + 1]] for picture in found.pictures]
    qualified = {
        scale: sorted(name for path, name in names[level].items() if name != path[-1])
        for level, scale in enumerate(reversed(scales))
    }
    return Scan(
        columns=columns,
        scales=scales,
        classes=tuple(len(level) for level in reversed(names)),
        qualified={scale: changed for scale, changed in qualified.items() if changed},
        single=sorted(name for name, count in Counter(columns[scales[0]]).items() if count == 1),
        others=found.others,
        hidden=found.hidden,
        loops=sorted(found.loops),
        broken=sorted(found.broken),
        empty=sorted(_without_pictures(found)),
    )


def qualified_names(leaves: Iterable[Folders]) -> list[dict[Folders, str]]:
    """Name the class of every folder: its own name, or `parent/child` where several parents have one.

    Args:
        leaves: folder names from the coarsest to the finest, all of one length.

    Returns:
        Per level, coarsest first, the class name of each folder.

    >>> [list(level.values()) for level in qualified_names([("A", "x"), ("B", "x"), ("B", "y")])]
    [['A', 'B'], ['A/x', 'B/x', 'y']]
    """
    unique = sorted(set(leaves))
    names: list[dict[Folders, str]] = []
    for level in range(len(unique[0])):
        folders = dict.fromkeys(leaf[: level + 1] for leaf in unique)
        parents = Counter(folder[-1] for folder in folders)
        named = {}
        for folder in folders:
            own = folder[-1]
            named[folder] = own if parents[own] == 1 else f"{names[level - 1][folder[:-1]]}/{own}"
        names.append(named)
    return names


def _depth(folder: Path, found: Found) -> int:
    if not found.pictures:
        kinds = shortened((ending or "no ending" for ending in sorted(found.others)), 6)
        only = f" (only files of {kinds})" if kinds else ""
        raise ManifestError(
            f"{folder}: no pictures under it{only}. Pictures are known by their endings: "
            f"{', '.join(sorted(ENDINGS))}."
        )
    unfit = sorted(
        {_shown(part) for picture in found.pictures for part in picture[:-1] if part != part.strip()}
    )
    if unfit:
        raise ManifestError(
            f"{folder}: folder names with blanks around them: {shortened(unfit)}. Rename them."
        )
    unfit = [_shown("/".join(picture)) for picture in found.pictures if not _fits("/".join(picture))]
    if unfit:
        raise ManifestError(
            f"{folder}: names with backslashes or that are not UTF-8: {shortened(unfit)}. Rename these files."
        )
    depths = Counter(len(picture) - 1 for picture in found.pictures)
    examples = {len(picture) - 1: "/".join(picture) for picture in reversed(found.pictures)}
    if list(depths) == [0]:
        raise ManifestError(
            f"{folder}: pictures lie in it directly, such as {examples[0]!r}. Put them into one folder a "
            f"class, nested as coarse/middle/fine/{examples[0]}."
        )
    if len(depths) > 1:
        cases = "; ".join(
            f"{_count(count, 'picture', 'pictures')} {_count(depth, 'folder', 'folders')} deep, such as "
            f"{examples[depth]!r}"
            for depth, count in depths.most_common()
        )
        raise ManifestError(
            f"{folder}: pictures lie at different depths: {cases}. Move them, so that every picture has "
            f"one folder for each scale."
        )
    return next(iter(depths))


def _checked_scales(scales: Sequence[str] | None, depth: int, example: Folders) -> tuple[str, ...]:
    if scales is None:
        return _USUAL.get(depth, tuple(f"scale{m}" for m in range(depth)))
    if len(scales) != depth:
        raise ManifestError(
            f"pictures lie {_count(depth, 'folder', 'folders')} deep ({'/'.join(example)}), so {depth} scale "
            f"names are needed, the innermost folder's first; got {len(scales)}: {','.join(scales)}"
        )
    wrong = [name for name in scales if name in NOT_SCALES or not name or name != name.strip()]
    if wrong or len(set(scales)) < depth:
        raise ManifestError(
            f"scale names must be distinct, not blank, and not {' or '.join(NOT_SCALES)}; got {list(scales)}"
        )
    return tuple(scales)


def _without_pictures(found: Found) -> list[str]:
    used = {picture[:level] for picture in found.pictures for level in range(1, len(picture))}
    return ["/".join(folder) for folder in found.folders - used]


def _fits(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\\" not in path


def _shown(name: str) -> str:
    return repr(name.encode("utf-8", "backslashreplace").decode())


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
