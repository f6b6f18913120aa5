"""The texts that errors are made of."""

import pytest

from dyml import errors
from dyml.errors import DymlError, shortened, suggest


@pytest.mark.parametrize(
    ("items", "most", "text"),
    [
        ([], 5, ""),
        ([7], 5, "7"),
        (range(5), 5, "0, 1, 2, 3, 4"),
        (range(6), 5, "0, 1, 2, 3, 4 and 1 more"),
        ((c for c in "abc"), 1, "a and 2 more"),
        (range(12_345), 2, "0, 1 and 12,343 more"),
    ],
)
def test_shortened(items: object, most: int, text: str) -> None:
    assert shortened(items, most=most) == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "known", "text"),
    [
        ("marigns", ["margins", "scale"], " Did you mean 'margins'?"),
        ("zzz", ["margins", "scale"], ""),
        ("scale", [], ""),
        ("fin", (name for name in ("coarse", "fine")), " Did you mean 'fine'?"),
    ],
)
def test_suggest(word: str, known: list[str], text: str) -> None:
    assert suggest(word, known) == text


def test_every_error_is_one_the_command_line_can_print() -> None:
    kinds = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(kinds) >= 7
    assert all(issubclass(kind, DymlError) for kind in kinds)


@pytest.mark.parametrize(
    "kind", [errors.InputError, errors.TaxonomyError, errors.ManifestError, errors.ConfigError]
)
def test_wrong_values_are_value_errors_too(kind: type[Exception]) -> None:
    with pytest.raises(ValueError, match="row 3"):
        raise kind("row 3 is wrong")
