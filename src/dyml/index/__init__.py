"""The gallery: pictures or vectors with their labels, added, searched and grouped at every scale.

`Gallery.create` makes one in a folder, `Gallery.open` opens it. The engines are the extra `index`.
"""

from dyml.index.engine import ClassCount, GalleryEngine
from dyml.index.gallery import Gallery
from dyml.index.items import (
    AddReport,
    Explanation,
    GalleryInfo,
    Group,
    Hit,
    Item,
    ScaleExplanation,
)
from dyml.index.locks import LockedError
from dyml.index.models import OtherModelError

__all__ = [
    "AddReport",
    "ClassCount",
    "Explanation",
    "Gallery",
    "GalleryEngine",
    "GalleryInfo",
    "Group",
    "Hit",
    "Item",
    "LockedError",
    "OtherModelError",
    "ScaleExplanation",
]
