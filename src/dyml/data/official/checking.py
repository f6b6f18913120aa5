"""Hold a release against what was published and against the pictures on disk."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dyml.data.official.layout import SCALES
from dyml.data.official.nesting import torn_classes
from dyml.data.official.release import Release
from dyml.data.official.same_files import same_files
from dyml.data.official.sizes import PUBLISHED, Published
from dyml.errors import shortened


@dataclass(frozen=True)
class PartCount:
    """How many pictures and classes a part has; `published` and `agrees` are None where nobody says."""

    part: str
    what: str
    count: int
    published: str | None = None
    agrees: bool | None = None


@dataclass(frozen=True)
class ReleaseCheck:
    """What `check_release` found.

    Attributes:
        name: vehicle, animal or product.
        title: as the authors write it.
        root: the folder.
        counts: pictures, then classes by scale, part by part.
        faults: by part, why its table cannot be read.
        missing: by part, pictures that are named but not there.
        extra: by part, pictures that are there but not named.
        repeated: by part, pictures that are named more than once.
        torn: by part and scale, labels that come under several classes of the next coarser scale.
        shared: fine classes of Product's benchmark whose numbers are in the training set, too.
        glued: the tables whose first record was glued to the header.
        unended: the tables whose last row has no line end.
        queries_in_gallery: by scale, how many queries are in the gallery, byte for byte.
    """

    name: str
    title: str
    root: str
    counts: tuple[PartCount, ...]
    faults: dict[str, str]
    missing: dict[str, list[str]]
    extra: dict[str, list[str]]
    repeated: dict[str, list[str]]
    torn: dict[str, dict[str, list[int]]]
    shared: int
    glued: tuple[str, ...]
    unended: tuple[str, ...]
    queries_in_gallery: dict[str, int]

    def problems(self) -> list[str]:
        """Return one sentence for everything that is not as published; an empty list if all is well."""
        lines = list(self.faults.values())
        lines += [
            f"{count.part}: {count.count:,} {count.what}, published are {count.published}: a part was not "
            f"unpacked, or this is another version"
            for count in self.counts
            if count.agrees is False
        ]
        for part, names in self.missing.items():
            lines.append(f"{part}: {_pictures(names)} named in its table but not there: {shortened(names)}")
        for part, names in self.repeated.items():
            lines.append(f"{part}: {_pictures(names)} named more than once: {shortened(names)}")
        for part, scales in self.torn.items():
            for scale, labels in scales.items():
                lines.append(
                    f"{part}: classes do not nest: {scale} {shortened(labels)} under several classes of the "
                    f"next coarser scale. --despite-problems makes one class of each: coarser/{scale}"
                )
        return lines

    def notes(self) -> list[str]:
        """Return what a person should know besides."""
        lines = []
        if self.glued:
            lines.append(
                f"the first record is glued to the header, but read all the same: {', '.join(self.glued)}"
            )
        if self.unended:
            lines.append(f"no line end after the last row, as if cut short: {', '.join(self.unended)}")
        for part, names in self.extra.items():
            lines.append(f"{part}: {_pictures(names)} there but not named in its table: {shortened(names)}")
        for scale, count in self.queries_in_gallery.items():
            lines.append(f"bmk_{scale}: {count:,} queries are in the gallery, byte for byte")
        if self.shared:
            lines.append(
                f"{self.shared:,} fine labels of the benchmark occur in training, too; they are taken for "
                f"other classes (bmk-…), since the set is open"
            )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON, with the problems and notes in words."""
        return asdict(self) | {"problems": self.problems(), "notes": self.notes()}


def check_release(
    release: Release, published: Mapping[str, Published] = PUBLISHED, compare_files: bool = True
) -> ReleaseCheck:
    """Count what a release has, and list what it lacks.

    Args:
        release: what was read.
        published: the sizes to hold it against, by set.
        compare_files: look for queries in the gallery by content, which reads files of equal size.
    """
    records = release.records
    repeated = {
        name: sorted(_repeated(rows.names))
        for name, rows in records.items()
        if len(set(rows.names)) < len(rows)
    }
    torn = {part.name: torn_classes(records[part.name].labels, part.scales) for part in _read(release)}
    return ReleaseCheck(
        name=release.name,
        title=published[release.name].title,
        root=str(release.root),
        counts=tuple(_counts(release, published[release.name])),
        faults=dict(release.faults),
        missing={name: names for name, names in release.missing.items() if names},
        extra={name: names for name, names in release.extra.items() if names},
        repeated=repeated,
        torn={name: scales for name, scales in torn.items() if scales},
        shared=_shared(release),
        glued=tuple(part.table for part in _read(release) if records[part.name].glued),
        unended=tuple(part.table for part in _read(release) if not records[part.name].ended),
        queries_in_gallery=_queries_in_gallery(release) if compare_files else {},
    )


def _read(release: Release) -> list[Any]:
    return [part for part in release.parts if part.name in release.records]


def _counts(release: Release, published: Published) -> list[PartCount]:
    counts = []
    for part in _read(release):
        rows = release.records[part.name]
        size = published.pictures if part.split == "train" else None
        counts.append(_count(part.name, "pictures", len(rows), size))
        for m, scale in enumerate(part.scales):
            size = published.classes[scale] if part.split == "train" else None
            counts.append(_count(part.name, f"{scale} classes", len(np.unique(rows.labels[:, m])), size))
    return counts


def _count(part: str, what: str, number: int, size: Any) -> PartCount:
    if size is None:
        return PartCount(part, what, number)
    return PartCount(part, what, number, size.text, size.holds(number))


def _repeated(names: list[str]) -> set[str]:
    seen: set[str] = set()
    return {name for name in names if name in seen or seen.add(name)}  # type: ignore[func-returns-value]


def _shared(release: Release) -> int:
    whole = [release.records[part.name].labels for part in _read(release) if part.scales == SCALES]
    return len(np.intersect1d(whole[0][:, 0], whole[1][:, 0])) if len(whole) == 2 else 0


def _queries_in_gallery(release: Release) -> dict[str, int]:
    found = {}
    for scale in SCALES:
        sides = [part for part in _read(release) if part.scales == (scale,)]
        if len(sides) == 2:
            query, gallery = (
                [release.root / part.folder / name for name in release.records[part.name].names]
                for part in sides
            )
            count = int((same_files(query, gallery) >= 0).sum())
            if count:
                found[scale] = count
    return found


def _pictures(names: list[str]) -> str:
    return f"{len(names):,} {'picture' if len(names) == 1 else 'pictures'}"
