"""What an exported model takes and gives: inside the ONNX file, and as JSON beside it.

Whoever runs the model without dyml finds there how a picture becomes its input.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dyml import __version__
from dyml.errors import RunError
from dyml.export.extras import onnx_module
from dyml.files import write_json
from dyml.models import Embedder

KEY = "dyml"
INPUT, OUTPUT = "images", "embeddings"
Precision = Literal["float32", "int8 static", "int8 dynamic"]


class Description(BaseModel):
    """What an exported embedder is.

    Attributes:
        format: of this description.
        dyml: the version that exported it.
        precision: of the weights and of most of the arithmetic.
        opset: of ONNX.
        dim: D, the length of the vectors.
        channels: 1 (grey) or 3 (red, green, blue).
        image_size: S, the side of the input in pixels.
        resize: what the shorter side is resized to before the centre is cut out.
        mean: per channel, in units of pixel values from 0 to 1; subtracted inside the model.
        std: likewise; divided by inside the model.
        scales: names, fine to coarse, of the classes that it was trained on; empty where none are known.
        weights: SHA-256 of the model folder's weights that it was made from.
        input: name, type and shape.
        output: likewise; the rows have length 1.
        preprocessing: what turns a picture into the input, step by step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    dyml: str = __version__
    precision: Precision = "float32"
    opset: int
    dim: int
    channels: Literal[1, 3]
    image_size: int
    resize: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scales: tuple[str, ...] = ()
    weights: str
    input: dict[str, Any]
    output: dict[str, Any]
    preprocessing: tuple[str, ...]


def describe(embedder: Embedder, opset: int, weights: str) -> Description:
    """Return the description of an embedder that is to be exported."""
    size, channels = embedder.image_size, embedder.channels
    return Description(
        opset=opset,
        dim=embedder.dim,
        channels=1 if channels == 1 else 3,
        image_size=size,
        resize=embedder.resize,
        mean=tuple(round(value, 6) for value in embedder.mean.flatten().tolist()),
        std=tuple(round(value, 6) for value in embedder.std.flatten().tolist()),
        scales=() if embedder.taxonomy is None else embedder.taxonomy.scales,
        weights=weights,
        input={"name": INPUT, "type": "uint8", "shape": ["batch", channels, size, size]},
        output={"name": OUTPUT, "type": "float32", "shape": ["batch", embedder.dim]},
        preprocessing=steps(size, embedder.resize, channels),
    )


def steps(size: int, resize: int, channels: int) -> tuple[str, ...]:
    """Return in words how a picture becomes (channels, size, size) bytes."""
    colour = "RGB" if channels == 3 else "grey (luma of ITU-R 601)"
    return (
        "decode; turn upright by the EXIF orientation; put transparent parts on white",
        f"convert to 8-bit {colour}",
        f"resize the shorter side to {resize} pixels, bilinear with antialiasing (as Pillow's), and cut out "
        f"the central {size} x {size}",
        f"lay out as uint8 ({channels}, {size}, {size}), values 0 to 255; scaling to 0 to 1, mean and std "
        f"are inside the model",
    )


def beside(file: Path) -> Path:
    """Return where the JSON of an ONNX file lies."""
    return file.with_name(file.name + ".json")


def write_description(description: Description, file: Path) -> Path:
    """Write the JSON beside an ONNX file and return it."""
    target = beside(file)
    write_json(target, description.model_dump(mode="json"))
    return target


def read_description(file: str | Path) -> Description:
    """Read the description inside an ONNX file.

    Raises:
        RunError: there is no such file, or it is not one that `dyml export` wrote.
    """
    onnx = onnx_module("onnx")
    try:
        model = onnx.load(str(file), load_external_data=False)
    except OSError as error:
        raise RunError(f"cannot read {file}: {error.strerror or error}") from error
    except Exception as error:  # protobuf has its own kinds
        raise RunError(f"{file} is not an ONNX model: {error}") from error
    return parse_description({entry.key: entry.value for entry in model.metadata_props}, file)


def parse_description(metadata: dict[str, str], file: str | Path) -> Description:
    """Return the description among an ONNX file's metadata.

    Raises:
        RunError: there is none.
    """
    again = "export it with `dyml export MODEL`"
    if KEY not in metadata:
        raise RunError(f"{file} does not say how pictures become its input: {again}")
    try:
        return Description.model_validate_json(metadata[KEY])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{file}: its description cannot be read, {place}: {first['msg']}; {again}") from error
