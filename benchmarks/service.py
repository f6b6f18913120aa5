"""The service under load, beside the model alone: throughput, latency, failures and memory.

    python benchmarks/service.py --requests 10000 --clients 64

Clients run in a process of their own, each on one kept connection, and send the next picture when the last
one is answered. The model's own throughput is that of the same forward passes on tensors that are already in
memory, in the same process as the service, before, between and after, so that a noisy machine shows.
Targets: throughput at least 0.8 of the model's, no failed request, memory flat.
"""

import argparse
import asyncio
import io
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from _common import machine_line
from dyml.index import Gallery
from dyml.models import Embedder
from dyml.models.embedding import embed_batches
from dyml.serve import Limits, create_app
from dyml.serve.running import open_door, server_for
from dyml.training.precision import fastest_device

SCALES = ("fine", "middle", "coarse")
PICTURES = 64


def main() -> None:
    """Measure and print."""
    options = parsed()
    embedder = (
        Embedder(options.backbone, dim=128, image_size=options.size, resize=options.size)
        .to(fastest_device())
        .eval()
    )
    limits = Limits(forward_batch=options.batch, forward_wait=options.wait)
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(embedder, gallery(Path(folder) / "gallery", options.items), limits=limits)
        door = open_door("127.0.0.1", 0)
        server = server_for(app, limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        port = door.getsockname()[1]
        print(machine_line())
        print(f"{options.backbone}, {options.size} px, {options.items:,} items, {options.clients} clients")
        load(port, options, min(options.requests, 4 * options.clients))  # warm
        rounds = [one_round(embedder, port, options) for _ in range(options.rounds)]
        server.should_exit = True
        thread.join(60)
    report(rounds, options)


def one_round(embedder: Embedder, port: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure the model, the service, and the model again."""
    before, own_cpu = own_throughput(embedder, options)
    memory: list[int] = []
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(memory, done), daemon=True)
    watcher.start()
    start = time.process_time()
    found = load(port, options, options.requests // options.rounds)
    cpu = (time.process_time() - start) / found["count"]
    done.set()
    watcher.join()
    after, _ = own_throughput(embedder, options)
    return {**found, "model": (before + after) / 2, "memory": memory, "cpu": cpu, "own cpu": own_cpu}


def own_throughput(embedder: Embedder, options: argparse.Namespace) -> tuple[float, float]:
    """Return pictures a second of forward passes alone, and processor seconds a picture."""
    shape = (options.batch, embedder.channels, embedder.image_size, embedder.image_size)
    pictures = torch.randint(0, 256, shape, dtype=torch.uint8)
    embed_batches(embedder, [pictures])
    passes, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < options.seconds:
        embed_batches(embedder, [pictures])
        passes += 1
    pictures_done = passes * options.batch
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return pictures_done / seconds, cpu / pictures_done


def load(port: int, options: argparse.Namespace, count: int) -> dict[str, Any]:
    """Send requests from another process and return what it counted."""
    here, there = get_context("spawn").Pipe()
    child = get_context("spawn").Process(
        target=clients, args=(there, port, options.clients, count, options.picture, options.route)
    )
    child.start()
    found: dict[str, Any] = here.recv()
    child.join()
    return found


def clients(pipe: Connection, port: int, number: int, count: int, side: int, route: str) -> None:
    """Run the clients; the entry of their process."""
    bodies = [request(upload(seed, side), route) for seed in range(PICTURES)]
    left = iter(range(count))
    latencies: list[float] = []
    statuses: Counter[int] = Counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in left:
            start = time.perf_counter()
            writer.write(bodies[turn % PICTURES])
            status = await answered(reader)
            latencies.append(time.perf_counter() - start)
            statuses[status] += 1
        writer.close()

    async def all_clients() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(number)))
        return time.perf_counter() - start

    seconds = asyncio.run(all_clients())
    pipe.send({"seconds": seconds, "latencies": latencies, "statuses": statuses, "count": count})


async def answered(reader: asyncio.StreamReader) -> int:
    """Read one answer and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    await reader.readexactly(length)
    return int(head[9:12])


def request(data: bytes, route: str) -> bytes:
    """Return a whole HTTP request with a picture."""
    field = "files" if route == "embed" else "file"
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="a.jpg"\r\n\r\n'.encode()
    body = head + data + b"\r\n--x--\r\n"
    first = (
        f"POST /v1/{route} HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return first.encode() + body


def upload(seed: int, side: int) -> bytes:
    """Return a JPEG like a photograph: smooth, with some noise."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((side, side))
    pixels = np.asarray(coarse).astype(np.int16) + rng.integers(-12, 13, (side, side, 3))
    stream = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def gallery(folder: Path, count: int) -> Gallery:
    """Return a gallery of random vectors."""
    rng = np.random.default_rng(0)
    made = Gallery.create(folder, 128, SCALES)
    labels = {
        scale: [f"{scale}{n // step}" for n in range(count)] for scale, step in zip(SCALES, (5, 50, 500))
    }
    made.add(ids=[f"item{n}" for n in range(count)], vectors=rng.normal(size=(count, 128)), labels=labels)
    return made


def watch(memory: list[int], done: threading.Event) -> None:
    """Note the resident memory of this process, in MiB, once a second."""
    page = os.sysconf("SC_PAGE_SIZE")
    while not done.wait(1.0):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        memory.append(pages * page >> 20)


def report(rounds: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Print the figures."""
    ratios = [one["count"] / one["seconds"] / one["model"] for one in rounds]
    latencies = np.concatenate([one["latencies"] for one in rounds]) * 1000
    statuses = sum((one["statuses"] for one in rounds), Counter())
    memory = [value for one in rounds for value in one["memory"]]
    fifth = max(len(memory) // 5, 1)
    figures = {
        "requests": sum(one["count"] for one in rounds),
        "failed": sum(count for status, count in statuses.items() if status != 200),
        "service, pictures/s": statistics.median(one["count"] / one["seconds"] for one in rounds),
        "model alone, pictures/s": statistics.median(one["model"] for one in rounds),
        "service / model (target ≥ 0.8)": statistics.median(ratios),
        "model alone, processor ms a picture": 1000 * statistics.median(one["own cpu"] for one in rounds),
        "service, processor ms a picture": 1000 * statistics.median(one["cpu"] for one in rounds),
        "p50 ms": float(np.percentile(latencies, 50)),
        "p99 ms": float(np.percentile(latencies, 99)),
        "slowest ms": float(latencies.max()),
        "memory MiB, first fifth": statistics.median(memory[:fifth]) if memory else None,
        "memory MiB, last fifth": statistics.median(memory[-fifth:]) if memory else None,
    }
    if options.json:
        print(json.dumps(figures | {"statuses": dict(statuses)}))
        return
    for name, value in figures.items():
        text = f"{value:12,.2f}" if isinstance(value, float) else f"{value!s:>12}"
        print(f"{name:36} {text}")


def parsed() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement of the model alone")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size", type=int, default=224, help="side that the model sees, in pixels")
    parser.add_argument("--picture", type=int, default=256, help="side of the uploads, in pixels")
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--wait", type=float, default=0.002)
    parser.add_argument("--route", choices=("search", "embed"), default="search")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
