"""`gauge.json`: the gauge in its model folder, as text that needs no pickle to load."""

import json
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dyml.errors import RunError
from dyml.files import write_text

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge

NAME = "gauge.json"
WEIGHTS = "model.safetensors"
MODEL = "model"


def gauge_file(source: Path) -> Path:
    """Return where the gauge of a file, model folder or run folder lies."""
    if source.is_dir():
        inside = source / MODEL
        return inside / NAME if inside.is_dir() and not (source / WEIGHTS).exists() else source / NAME
    return source


def write_gauge(value: dict[str, Any], target: Path) -> Path:
    """Write a gauge's values, one line a field, atomically; return the file."""
    file = gauge_file(target)
    lines = (f" {json.dumps(key)}: {_compact(part)}" for key, part in value.items())
    write_text(file, "{\n" + ",\n".join(lines) + "\n}\n")
    return file


def read_gauge(kind: "type[Gauge]", source: Path) -> "Gauge":
    """Read and check a gauge; see `Gauge.load`."""
    file = gauge_file(source)
    again = f"`dyml gauge {source if source.is_dir() else file.parent}` writes one"
    try:
        gauge = kind.model_validate_json(file.read_bytes())
    except FileNotFoundError as error:
        raise RunError(f"no gauge in {source}: there is no {file}; {again}") from error
    except OSError as error:
        raise RunError(f"cannot read {file}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        where = f", field {place}" if place else ""
        raise RunError(f"{file} is not a gauge{where}: {first['msg']}; {again}") from error
    weights = file.with_name(WEIGHTS)
    if gauge.weights is not None and weights.is_file() and weights_digest(weights) != gauge.weights:
        raise RunError(f"{file} was fitted with other weights than {weights} holds; {again}")
    return gauge


def weights_digest(file: Path) -> str:
    """Return the SHA-256 of a weights file."""
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
