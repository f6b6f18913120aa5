"""Embedding by ONNX Runtime beside PyTorch: milliseconds a picture, by backbone, batch, and number type.

    python benchmarks/export.py --backbones dyml_small,resnet18 --batches 1,32

All contestants embed the same bytes on the processor with the same number of threads, taking turns. Networks
have random weights, which costs the same as trained ones. PyTorch computes in float32, as the service does.
int8 is static, measured on noise: its speed is that of a trained one, its vectors are not judged here.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from _common import interleaved_times, machine_line, median_ratio
from dyml.export import OnnxEmbedder, export_onnx, quantise
from dyml.export.checking import random_pictures
from dyml.models import Embedder
from dyml.models.embedding import embed_batches

SIZES = {"dyml_small": 64}
NAMES = ("torch", "onnx", "onnx int8")


def main() -> None:
    """Measure and print a table."""
    options = parsed()
    torch.set_num_threads(options.threads)
    print(machine_line())
    print(
        f"\n{'backbone':<28}{'px':>5}{'batch':>7}"
        + "".join(f"{name:>14}" for name in NAMES)
        + "   torch / onnx, int8"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in options.backbones.split(","):
            size = SIZES.get(name, options.size)
            models = contestants(name, size, Path(folder), options.threads)
            for batch in map(int, options.batches.split(",")):
                report(name, size, batch, models, options)


def contestants(name: str, size: int, folder: Path, threads: int) -> dict[str, Embedder | OnnxEmbedder]:
    """Return the embedder and its two exports."""
    embedder = Embedder(name, dim=128, image_size=size).eval()
    plain, small = folder / f"{name}.onnx", folder / f"{name}.int8.onnx"
    export_onnx(embedder, plain)
    quantise(plain, small, random_pictures(embedder, sizes=(8, 8)))
    exported = [OnnxEmbedder(file, threads) for file in (plain, small)]
    return dict(zip(NAMES, [embedder, *exported]))


def report(
    name: str, size: int, batch: int, models: dict[str, Embedder | OnnxEmbedder], options: argparse.Namespace
) -> None:
    """Time the models on one size of batch and print a line."""
    (images,) = random_pictures(models["torch"], sizes=(batch,))  # type: ignore[arg-type]
    repeats = max(1, options.pictures // batch)

    def embedding(model: Embedder | OnnxEmbedder) -> Callable[[], object]:
        return lambda: embed_batches(model, [images] * repeats)

    times = interleaved_times({key: embedding(model) for key, model in models.items()}, options.rounds)
    each = [1000 * statistics.median(times[key]) / (repeats * batch) for key in NAMES]
    ratios = [median_ratio(times, "torch", key) for key in NAMES[1:]]
    print(
        f"{name:<28}{size:>5}{batch:>7}"
        + "".join(f"{value:>11.3f} ms" for value in each)
        + "   "
        + ", ".join(f"{ratio:.2f}" for ratio in ratios),
        flush=True,
    )


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbones", default="dyml_small,resnet18,vit_tiny_patch16_224")
    parser.add_argument("--size", type=int, default=224, help="pixels; dyml_small sees 64")
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--pictures", type=int, default=64, help="a round and contestant")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
