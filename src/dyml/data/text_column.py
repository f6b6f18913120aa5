"""A column of text that reads like a list and lies in Arrow's memory: paths without an object each.

A Python list of 5 million paths takes over 500 MB and is copied page by page into every worker process, since
each look at an object changes its reference count. An Arrow column has no such counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, DTypeLike, NDArray

_STEP = 65_536  # texts that are made into Python objects at a time


class TextColumn(Sequence[str]):
    """N texts; indexing, iteration and comparison as for a list.

    Args:
        values: an Arrow array of text, or of dictionary-encoded text where few values repeat.

    >>> column = TextColumn.of(["a", "b", "a"])
    >>> column[1], list(column[1:]), column == ["a", "b", "a"]
    ('b', ['b', 'a'], True)
    """

    __slots__ = ("values",)
    __hash__ = None  # type: ignore[assignment]  # compared by value, as lists are

    def __init__(self, values: pa.Array) -> None:
        self.values = values

    @classmethod
    def of(cls, texts: Iterable[str]) -> "TextColumn":
        """Return texts as a column; one that is a column already is returned as it is."""
        if isinstance(texts, TextColumn):
            return texts
        values = [str(text) for text in texts] if isinstance(texts, np.ndarray) else list(texts)
        return cls(pa.array(values, pa.large_string()))

    @classmethod
    def coded(cls, names: Sequence[str], codes: NDArray[Any]) -> "TextColumn":
        """Return the column of `names[codes]`, a few names for many rows."""
        kind = pa.int8() if len(names) < 128 else pa.int32()
        return cls(pa.DictionaryArray.from_arrays(pa.array(codes, kind), pa.array(names, pa.large_string())))

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "TextColumn": ...
    def __getitem__(self, index: int | slice) -> "str | TextColumn":
        """Return one text, or a column of some."""
        if isinstance(index, slice):
            return TextColumn(self.values[index])
        text: str = self.values[int(index)].as_py()
        return text

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _STEP):
            yield from self.values[start : start + _STEP].to_pylist()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (TextColumn, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other))

    def __repr__(self) -> str:
        shown = ", ".join(repr(text) for text in self[:3])
        return f"TextColumn({len(self):,}: {shown}{', …' if len(self) > 3 else ''})"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        texts = self.values.to_numpy(zero_copy_only=False)
        return texts if dtype is None else texts.astype(dtype, copy=False)

    def take(self, rows: ArrayLike) -> "TextColumn":
        """Return the texts of some rows, (K,) positions from 0."""
        return TextColumn(self.values.take(pa.array(np.asarray(rows, dtype=np.int64))))

    def equals(self, text: str) -> NDArray[np.bool_]:
        """Return the mask (N,) of the rows that hold `text`."""
        values = self.values
        if pa.types.is_dictionary(values.type):
            codes = values.indices.to_numpy(zero_copy_only=False)
            wanted = [code for code, name in enumerate(values.dictionary.to_pylist()) if name == text]
            return np.isin(codes, wanted)
        mask: NDArray[np.bool_] = pc.equal(values, text).to_numpy(zero_copy_only=False)
        return mask

    def distinct(self) -> list[str]:
        """Return the texts that occur, each once, sorted by code point."""
        return sorted(pc.unique(self.values).to_pylist())
