"""`gallery.json`: what a gallery is, beside its rows."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dyml.errors import RunError
from dyml.files import write_text

NAME = "gallery.json"


class Settings(BaseModel):
    """What a gallery was made with.

    Attributes:
        format: of the folder.
        dim: D, the length of the vectors.
        scales: names, fine to coarse.
        model: SHA-256 of the weights that made the vectors, or None.
        model_folder: where that model was, or None.
        root: the folder that picture references are relative to, or None.
        flat_limit: up to how many items every search is exact.
        engine: what holds the items.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    dim: int
    scales: tuple[str, ...]
    model: str | None = None
    model_folder: str | None = None
    root: str | None = None
    flat_limit: int = 1_000_000
    engine: Literal["lance"] = "lance"


def read_settings(folder: Path) -> Settings:
    """Read the settings of a gallery.

    Raises:
        RunError: there is no gallery, or its file is damaged or of a newer dyml.
    """
    file = folder / NAME
    try:
        return Settings.model_validate_json(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(
            f"no gallery in {folder}: there is no {NAME}. `dyml index MODEL PICTURES {folder}` makes one."
        ) from error
    except OSError as error:
        raise RunError(f"cannot read {file}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "its text"
        raise RunError(
            f"{file} is damaged, or of a newer dyml: {place}: {first['msg']}. Restore it, or index anew."
        ) from error


def write_settings(folder: Path, settings: Settings) -> None:
    """Write the settings of a gallery, atomically.

    Raises:
        RunError: they cannot be written.
    """
    write_text(folder / NAME, settings.model_dump_json(indent=1) + "\n")
