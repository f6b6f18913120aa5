"""Lists in text files, values parted by blanks, as older sets have them."""

from pathlib import Path

from dyml.errors import ManifestError


def read_list(file: Path, values: int, header: str | None = None) -> list[list[str]]:
    """Read the lines of a list.

    Args:
        file: a text file.
        values: how many values a line has; the last one takes the rest of its line.
        header: how the first line must begin, where it is no record.

    Raises:
        ManifestError: the file is missing, has no lines, another header, or a line with fewer values.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise ManifestError(f"no list {file}: is this the folder of the set as unpacked?") from error
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{file}: is not UTF-8 text") from error
    if header is not None and (not lines or not lines[0].startswith(header)):
        raise ManifestError(f"{file}: row 1 must begin {header!r}; got {(lines or [''])[0][:60]!r}")
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (header is not None and number == 1):
            continue
        row = line.split(maxsplit=values - 1)
        if len(row) < values:
            raise ManifestError(
                f"{file}: row {number} has {len(row)} of {values} values: fetch the set again"
            )
        rows.append([value.strip() for value in row])
    if not rows:
        raise ManifestError(f"{file}: has no rows: fetch the set again")
    return rows
