"""The service on a real socket: slow, rude and many clients, and its end."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from serve_parts import live, picture, slow_embedder, tiny_app, tiny_embedder, tiny_gallery

from dyml.serve import Limits, create_app

QUICK = Limits(
    upload_bytes=1_000_000,
    json_bytes=1_000_000,
    body_bytes=1_000_000,
    header_seconds=0.5,
    body_seconds=0.6,
    write_seconds=0.5,
    idle_seconds=1,
    drain_seconds=0.3,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    app = tiny_app(tmp_path_factory.mktemp("live") / "gallery", limits=QUICK)
    with live(app) as (url, _):
        yield url


def connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def form(data: bytes, name: str = "file") -> tuple[bytes, str]:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'.encode()
    return head + data + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


def all_of(sock: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def still_open(sock: socket.socket, more: bytes) -> bool:
    """Send, wait a little, and look whether the other side has closed."""
    try:
        sock.sendall(more)
        sock.settimeout(0.05)
        return sock.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_a_client_that_says_nothing_is_let_go(place: str) -> None:
    with connected(place) as sock:
        start = time.perf_counter()
        assert sock.recv(1) == b""
        assert 0.3 < time.perf_counter() - start < 3


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_a_header_that_drips_is_cut_off(place: str, before: bytes) -> None:
    with connected(place) as sock:
        if before:
            sock.sendall(before)
            assert b"200" in sock.recv(65536)
        start = time.perf_counter()
        sock.sendall(b"GET /healthz HTTP/1.1\r\n")
        for number in range(60):
            if not still_open(sock, f"X-{number}: y\r\n".encode()):
                break
        assert time.perf_counter() - start < 2.5


def test_a_body_that_drips_is_answered_and_cut_off(place: str) -> None:
    with connected(place) as sock:
        sock.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        start = time.perf_counter()
        threading.Thread(target=_drip, args=(sock,), daemon=True).start()
        answer = all_of(sock)
        assert b"408 Request Timeout" in answer
        assert b"urn:dyml:slow-body" in answer
        assert time.perf_counter() - start < 4


def _drip(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(100):
            sock.sendall(b"a")
            time.sleep(0.05)


def test_a_client_that_does_not_read_is_let_go(tmp_path: Path) -> None:
    app = tiny_app(tmp_path / "gallery", limits=QUICK)
    with live(app) as (url, server), connected(url) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = (
            b"GET /v1/pictures?id=p0 HTTP/1.1\r\nHost: a\r\n\r\n"
            + b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 500
        )
        with contextlib.suppress(OSError):
            sock.sendall(request)
        until = time.monotonic() + 8
        while server.server_state.connections and time.monotonic() < until:
            time.sleep(0.05)
        assert not server.server_state.connections


def test_a_body_without_end_is_refused_and_cut_off(place: str) -> None:
    with connected(place) as sock:
        sock.sendall(
            b"POST /v1/search HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/json\r\n\r\n"
        )
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        start, sent = time.perf_counter(), 0
        with contextlib.suppress(OSError):
            while time.perf_counter() - start < 15:
                sock.sendall(chunk)
                sent += 0x10000
        assert time.perf_counter() - start < 12
    assert httpx.get(f"{place}/readyz").status_code == 200


def test_too_large_a_body_gets_its_answer(place: str) -> None:
    for content in (b"a" * 5_000_000, (b"a" * 100_000 for _ in range(50))):
        answer = httpx.post(
            f"{place}/v1/search", content=content, headers={"Content-Type": "application/json"}, timeout=20
        )
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:dyml:too-large")


@pytest.mark.parametrize(
    "target",
    [
        b"/static/../app.py",
        b"/static/..%2f..%2fapp.py",
        b"//etc/passwd",
        b"/v1/pictures?id=..%2f..%2fetc%2fpasswd",
    ],
)
def test_raw_paths_lead_nowhere(place: str, target: bytes) -> None:
    with connected(place) as sock:
        sock.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert b"404 Not Found" in all_of(sock)


@pytest.mark.parametrize(
    "junk", [b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"A" * 100_000, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"]
)
def test_what_is_no_http_is_refused(place: str, junk: bytes) -> None:
    with connected(place) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(junk)
        assert all_of(sock)[:12] in (b"HTTP/1.1 400", b"")
    assert httpx.get(f"{place}/readyz").status_code == 200


def test_a_client_that_leaves_frees_its_place(tmp_path: Path) -> None:
    gallery = tiny_gallery(tmp_path / "gallery", tiny_embedder())
    app = create_app(slow_embedder(0.4), gallery, limits=Limits(forward_batch=1))
    service = app.state.service
    body, kind = form(picture(), "files")
    with live(app) as (url, _):
        head = f"POST /v1/embed HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        socks = [connected(url) for _ in range(6)]
        for sock in socks:
            sock.sendall(head.encode() + body)
        until = time.monotonic() + 5
        while service.batcher.depth < 5 and time.monotonic() < until:
            time.sleep(0.005)
        assert service.batcher.depth == 5
        for sock in socks:
            sock.close()
        until = time.monotonic() + 1
        while service.batcher.depth and time.monotonic() < until:
            time.sleep(0.005)
        assert service.batcher.depth == 0
        assert service.held.bytes == 0
        assert httpx.post(f"{url}/v1/embed", files={"files": picture()}).status_code == 200
        text = httpx.get(f"{url}/metrics").text
        assert 'dyml_requests_total{method="POST",route="/v1/embed",status="499"} 6.0' in text


def upload_many(url: str, count: int) -> tuple[Counter[int], set[str]]:
    """Upload pictures at one time, each on a connection of its own."""
    gate = threading.Barrier(count)
    wrong: set[str] = set()

    def ask(number: int) -> int:
        body, kind = form(picture(number % 24))
        head = (
            f"POST /v1/search HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with connected(url) as sock:
            sock.settimeout(120)
            sock.sendall(head.encode())
            gate.wait(120)  # all are under way before anyone goes on
            sock.sendall(body)
            answer = all_of(sock)
        status = int(answer[9:12])
        if status == 200:
            found = json.loads(answer.partition(b"\r\n\r\n")[2])["results"][0]["id"]
            if found != f"p{number % 24}":
                wrong.add(f"{found} for p{number % 24}")
        return status

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(ask, range(count))), wrong


def parallel(tmp_path: Path, count: int) -> None:
    limits = Limits(queue=64, header_seconds=60, body_seconds=120, deadline=120)
    with live(tiny_app(tmp_path / "gallery", limits=limits)) as (url, _):
        statuses, wrong = upload_many(url, count)
        assert not wrong
        assert set(statuses) <= {200, 429}
        assert statuses[200] >= 64
        assert sum(statuses.values()) == count
        assert httpx.get(f"{url}/readyz").status_code == 200
        text = httpx.get(f"{url}/metrics").text
        assert "dyml_queue_pictures 0.0" in text
        assert "dyml_upload_bytes_held 0.0" in text


def test_200_uploads_at_once_are_answered_each_with_its_own(tmp_path: Path) -> None:
    parallel(tmp_path, 200)


@pytest.mark.slow
def test_1000_uploads_at_once(tmp_path: Path) -> None:
    parallel(tmp_path, 1000)


SERVER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from serve_parts import slow_embedder, tiny_embedder, tiny_gallery
from dyml.serve import Limits, create_app
from dyml.serve.logs import log_to_stderr
from dyml.serve.running import open_door, run, url_of
log_to_stderr()
limits = Limits(drain_seconds=3)
app = create_app(slow_embedder(1.5), tiny_gallery(Path({folder!r}), tiny_embedder()), limits=limits)
door = open_door("127.0.0.1", 0)
print(url_of(door), flush=True)
run(app, limits, door)
print("ended", flush=True)
"""


@contextlib.contextmanager
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    code = SERVER.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "gallery"))
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as made:
        try:
            assert made.stdout is not None
            url = made.stdout.readline().strip().rstrip("/")
            until = time.monotonic() + 60
            while time.monotonic() < until:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"{url}/readyz").status_code == 200:
                        break
                time.sleep(0.05)
            yield made, url
        finally:
            made.kill()


def test_sigterm_finishes_what_was_taken(tmp_path: Path) -> None:
    with process(tmp_path) as (server, url), ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: httpx.post(f"{url}/v1/embed", files={"files": picture()}, timeout=20))
        until = time.monotonic() + 20
        while time.monotonic() < until and "running 2.0" not in httpx.get(f"{url}/metrics").text:
            time.sleep(0.02)  # until the first is under way, beside this question
        server.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        ending = httpx.get(f"{url}/readyz")
        assert (ending.status_code, ending.json()) == (503, {"status": "ending"})
        late = pool.submit(lambda: httpx.post(f"{url}/v1/embed", files={"files": picture()}, timeout=20))
        assert first.result().status_code == 200
        assert late.result().status_code == 200  # the door was still open
        out, log = server.communicate(timeout=60)
        assert (server.returncode, out.strip()) == (0, "ended")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
        lines = [json.loads(line) for line in log.splitlines()]
        requests = [line for line in lines if line["event"] == "request" and line["route"] == "/v1/embed"]
        assert [line["status"] for line in requests] == [200, 200]
        assert {"request_id", "ms", "method", "client", "time", "level"} <= set(requests[0])
        assert not [line for line in lines if line["level"] in ("error", "critical")]


@pytest.mark.slow
def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with process(tmp_path) as (server, url), ThreadPoolExecutor(1) as pool:
        cut = pool.submit(lambda: httpx.post(f"{url}/v1/embed", files={"files": picture()}, timeout=20))
        time.sleep(0.3)
        start = time.perf_counter()
        server.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=10)
        assert time.perf_counter() - start < 1.2
        assert server.returncode == 128 + signal.SIGTERM
        assert isinstance(cut.exception(), httpx.HTTPError)
