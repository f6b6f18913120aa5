"""A process that writes to a gallery and says aloud what was acknowledged, to be killed at any moment.

python writer_process.py FOLDER {add,delete,optimize,hold} SEED
"""

import sys
import time

import numpy as np

from dyml.index import Gallery, Item

DIM = 8
BATCH = 20


def item(number: int) -> Item:
    """Return an item whose every part tells its number, so that a half-written one is found."""
    rng = np.random.default_rng(number)
    return Item(
        f"item{number}",
        rng.normal(size=DIM).astype(np.float32),
        {"fine": f"f{number % 7}", "coarse": f"c{number % 7 // 3}"},
        {"number": number},
        f"{number}.png",
        f"small {number}".encode() * 50,
        f"large {number}".encode() * 200,
    )


def say(word: str, *numbers: int) -> None:
    """Tell the parent, at once."""
    print(word, *numbers, flush=True)


def write_until_full(gallery: Gallery) -> None:
    """Let no file grow beyond some size, as a full disk does, and add more than that."""
    import resource
    import signal
    import warnings

    from dyml.errors import RunError

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    gallery.add([item(n) for n in range(BATCH)])
    say("added", *range(BATCH))
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
    try:
        gallery.add([item(n) for n in range(BATCH, 20 * BATCH)])
    except RunError as error:
        say(f"refused {error}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 30_000))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gallery.engine.flush(force=True)  # type: ignore[call-arg]
    say(f"warned {caught[0].message}")
    say("found", int(gallery.search(item(3).vector, k=1)[0].id[4:]), len(gallery))
    time.sleep(60)


def main() -> None:
    """Write until killed."""
    folder, what, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    gallery = Gallery.open(folder, lock_timeout=20)
    say("ready")
    if what == "hold":
        with gallery.engine.writing():
            say("held")
            time.sleep(60)
    if what == "limit":
        write_until_full(gallery)
    number = seed
    while True:
        if what in ("add", "optimize"):
            numbers = range(number, number + BATCH)
            say("begin", *numbers)
            gallery.add([item(n) for n in numbers], batch=BATCH)
            say("added", *numbers)
            if what == "optimize":
                gallery.optimize()
                say("optimized")
            else:
                gallery.engine.flush(force=True)  # type: ignore[call-arg]
                say("published")
            number += BATCH
        elif what == "delete":
            numbers = range(number, number + 5)
            say("begin", *numbers)
            gallery.delete([f"item{n}" for n in numbers])
            say("deleted", *numbers)
            gallery.engine.flush(force=True)  # type: ignore[call-arg]
            number += 5


if __name__ == "__main__":
    main()
