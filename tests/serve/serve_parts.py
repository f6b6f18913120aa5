"""A tiny service for the tests: an untrained embedder, a gallery with a gauge, pictures of every bad kind."""

import io
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastapi import FastAPI
from PIL import Image

from dyml.data.augment import eval_transform
from dyml.data.images import decode_image
from dyml.gauge import Gauge, fit_gauge
from dyml.index import Gallery, Item
from dyml.models import Embedder
from dyml.models.embedding import embed_batches
from dyml.serve import Limits, create_app
from dyml.serve.running import Server, open_door, server_for, url_of

SCALES = ("fine", "middle", "coarse")
DIM = 12


def tiny_embedder() -> Embedder:
    torch.manual_seed(0)
    return Embedder("dyml_small", dim=DIM, image_size=16, channels=3, backbone_args={"width": 4}).eval()


def tiny_gauge() -> Gauge:
    rng = np.random.default_rng(0)
    fine = np.repeat(np.arange(16), 4)
    labels = np.stack([fine, fine // 2, fine // 8], axis=1)
    centres = rng.normal(size=(16, 6))[labels[:, 0]] + 2 * rng.normal(size=(8, 6))[labels[:, 1]]
    vectors = centres + 3 * rng.normal(size=(2, 6))[labels[:, 2]] + 0.3 * rng.normal(size=centres.shape)
    return fit_gauge(vectors, labels, SCALES, replicates=0)


def picture(number: int = 0, kind: str = "PNG", size: tuple[int, int] = (24, 20)) -> bytes:
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def embedded(embedder: Embedder, data: bytes) -> np.ndarray:
    transform = eval_transform(embedder.image_size, embedder.channels, embedder.resize)
    return embed_batches(embedder, [transform(decode_image(io.BytesIO(data), "x"))[None]])[0]


def tiny_gallery(folder: Path, embedder: Embedder, count: int = 24, gauge: Gauge | None = None) -> Gallery:
    """Items p0 … with their own pictures, labels that nest, and metadata."""
    pictures = [picture(number) for number in range(count)]
    items = [
        Item(
            f"p{number}",
            embedded(embedder, data),
            {"fine": f"f{number // 2}", "middle": f"m{number // 6}", "coarse": f"c{number // 12}"},
            {"price": number, "colour": ("red", "blue")[number % 2]},
            bytes=data,
        )
        for number, data in enumerate(pictures)
    ]
    Gallery.create(folder, DIM, SCALES).add(items)
    return Gallery.open(folder, gauge=gauge)


def tiny_app(folder: Path, gauge: Gauge | None = None, **options: Any) -> FastAPI:
    embedder = tiny_embedder()
    return create_app(embedder, tiny_gallery(folder, embedder, gauge=gauge), **options)


class SlowEmbedder(Embedder):
    """Takes its time, so that requests are under way when something happens."""

    seconds = 0.3

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(self.seconds)
        return super().forward(images)


def slow_embedder(seconds: float) -> Embedder:
    torch.manual_seed(0)
    made = SlowEmbedder("dyml_small", dim=DIM, image_size=16, channels=3, backbone_args={"width": 4}).eval()
    made.seconds = seconds
    return made


@contextmanager
def live(app: FastAPI, limits: Limits | None = None) -> Iterator[tuple[str, Server]]:
    """Serve on a free port of this machine, in a thread."""
    limits = limits or app.state.service.limits
    door = open_door("127.0.0.1", 0)
    server = server_for(app, limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and thread.is_alive() and time.monotonic() < until:
        time.sleep(0.01)
    assert server.started
    try:
        yield url_of(door).rstrip("/"), server
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int, data: bytes) -> bytes:
    """A grey PNG whose header says anything."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*one) for one in chunks)


def bomb(side: int) -> bytes:
    """A grey PNG of side × side zeros: a thousand times smaller than its pixels."""
    packer = zlib.compressobj(9)
    rows = (packer.compress(bytes(side + 1)) for _ in range(side))
    return png_of(side, side, b"".join(rows) + packer.flush())
