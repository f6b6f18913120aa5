"""A small stand-in for the service: the agreed HTTP interface over a made-up gallery.

Attributes of `Service` bring about what a page must cope with: keys, a busy server, no gauge, nothing there.
"""

import io
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from page_gallery import SCALES, gallery, picture
from PIL import Image
from playwright.sync_api import Page

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "src" / "dyml" / "serve" / "page"
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
POLICY = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'"

Open = Callable[..., Page]


@dataclass
class Service:
    """What the stand-in does; tests set the fields and read `log`."""

    key: str | None = None
    busy: int = 0
    gauge: bool = True
    empty: bool = False
    fail: str | None = None
    log: list[str] = field(default_factory=list)

    def answer(self, method: str, url: str, body: bytes, headers: Any) -> tuple[int, Any, dict[str, str]]:
        """Return status, JSON or bytes, and headers."""
        parts = urlsplit(url)
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.log.append(f"{method} {parts.path}")
        if parts.path == "/" or parts.path.startswith("/static/"):
            return self._asset(parts.path)
        if self.key and headers.get("X-API-Key") != self.key:
            return problem(401, "Unauthorized", "this server needs a key in the header X-API-Key")
        if self.fail and parts.path == self.fail:
            return problem(422, "Not a picture", "the upload is not a picture that can be read")
        if method == "POST" and self.busy:
            self.busy -= 1
            status, said, _ = problem(429, "Too many requests", "the queue is full")
            return status, said, {"Retry-After": "1"}
        known = {
            "/v1/scales": self._scales,
            "/v1/taxonomy": self._taxonomy,
            "/v1/search": lambda: self._search(body, headers),
            "/v1/compare": lambda: self._compare(body, headers),
            "/v1/items": lambda: self._items(asked),
            "/v1/map": self._map,
        }
        if parts.path in known:
            return known[parts.path]()
        place = self._place(asked.get("id"))
        if place is None or parts.path not in ("/v1/thumbnails", "/v1/pictures"):
            return problem(404, "Not found", f"the gallery has no item {asked.get('id')!r}")
        size = 96 if parts.path == "/v1/thumbnails" else 256
        drawn = picture(gallery().codes[place], gallery().faces[place], size)
        return 200, drawn, {"Content-Type": "image/png", "Cache-Control": "private, max-age=3600"}

    def _asset(self, path: str) -> tuple[int, Any, dict[str, str]]:
        file = PAGE / (path.removeprefix("/static/").strip("/") or "index.html")
        if not file.is_file() or file.parent != PAGE:
            return problem(404, "Not found", path)
        kind = TYPES.get(file.suffix[1:], "application/octet-stream")
        return 200, file.read_bytes(), {"Content-Type": kind, "Content-Security-Policy": POLICY}

    def _place(self, name: str | None) -> int | None:
        try:
            return gallery().ids.index(name or "")
        except ValueError:
            return None

    def _scales(self) -> tuple[int, Any, dict[str, str]]:
        marks = gallery().scales
        if not self.gauge:
            marks = [{"name": s["name"], "threshold": None, "eer": None, "curve": None} for s in marks]
        count = 0 if self.empty else len(gallery().ids)
        said = {"scales": marks, "resolved": 2, "model": "0f1e2d3c", "count": count}
        return 200, said | {"dynamic_range_db": 7.4 if self.gauge else None}, {}

    def _taxonomy(self) -> tuple[int, Any, dict[str, str]]:
        rows = [] if self.empty else gallery().labels
        classes = {}
        for place, scale in enumerate(SCALES):
            above = SCALES[place + 1] if place + 1 < len(SCALES) else None
            counts = Counter((row[scale], row[above] if above else None) for row in rows)
            classes[scale] = [{"name": n, "parent": p, "count": c} for (n, p), c in counts.items()]
        return 200, {"scales": SCALES, "classes": classes}, {}

    def _vector(self, part: Any) -> np.ndarray | None:
        """Return the vector of an item or of a picture: a known drawing's, else one made from the bytes."""
        if isinstance(part, dict):
            place = self._place(part.get("id"))
            return None if place is None else gallery().vectors[place]
        try:
            Image.open(io.BytesIO(part)).load()
        except OSError:
            return None
        seed = int(np.frombuffer(part, np.uint8).astype(np.int64).sum())
        near = gallery().vectors[seed % len(gallery().ids)]
        made = near + 0.45 * np.random.default_rng(seed).standard_normal(48) / 48**0.5
        return made / np.linalg.norm(made)

    def _search(self, body: bytes, headers: Any) -> tuple[int, Any, dict[str, str]]:
        fields = read(body, headers)
        part = fields.get("file", fields)
        vector = self._vector(part)
        if vector is None and "id" in fields:
            return problem(404, "Not found", f"the gallery has no item {fields['id']!r}")
        if vector is None:
            return problem(422, "Not a picture", "the upload is not a picture that can be read")
        here = gallery()
        cosines = here.vectors @ vector
        order = [int(i) for i in np.argsort(-cosines, kind="stable") if here.ids[i] != fields.get("id")]
        order = order[: 0 if self.empty else int(fields.get("k", 10))]
        chances = here.all_chances(cosines[order])
        results = [
            {
                "id": here.ids[i],
                "similarity": round(float(cosines[i]), 5),
                "probabilities": chance if self.gauge else None,
                "labels": here.labels[i],
                "metadata": {"face": here.faces[i]},
            }
            for i, chance in zip(order, chances)
        ]
        return (
            200,
            {"query": {"id": fields.get("id")}, "results": results, "groups": None, "took_ms": 3.1},
            {},
        )

    def _compare(self, body: bytes, headers: Any) -> tuple[int, Any, dict[str, str]]:
        fields = read(body, headers)
        pair = [self._vector(fields[side]) for side in "ab"]
        if pair[0] is None or pair[1] is None:
            return problem(422, "Not a picture", "the upload is not a picture that can be read")
        cosine = float(pair[0] @ pair[1])
        chances = gallery().chances(cosine)
        scales = [
            {
                "name": s["name"],
                "threshold": s["threshold"],
                "probability": chances[s["name"]],
                "same": cosine >= s["threshold"],
            }
            for s in gallery().scales
        ]
        return 200, {"similarity": cosine, "scales": scales}, {}

    def _items(self, asked: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        here = gallery()

        def item(place: int) -> dict[str, Any]:
            return {
                "id": here.ids[place],
                "labels": here.labels[place],
                "metadata": {"face": here.faces[place]},
            }

        if "id" in asked:
            place = self._place(asked["id"])
            if place is None:
                return problem(404, "Not found", f"the gallery has no item {asked['id']!r}")
            return 200, item(place), {}
        kept = [place for place, row in enumerate(here.labels) if row[asked["scale"]] == asked["class"]]
        start, limit = int(asked.get("after", 0)), int(asked.get("limit", 50))
        more = str(start + limit) if start + limit < len(kept) else None
        return 200, {"items": [item(place) for place in kept[start : start + limit]], "next": more}, {}

    def _map(self) -> tuple[int, Any, dict[str, str]]:
        here = gallery()
        if self.empty:
            return 200, {"ids": [], "x": [], "y": [], "labels": {}, "names": {}}, {}
        names, indices = {}, {}
        for scale in SCALES:
            kinds, where = np.unique([row[scale] for row in here.labels], return_inverse=True)
            names[scale], indices[scale] = kinds.tolist(), where.tolist()
        x, y = here.places.round(4).T.tolist()
        return 200, {"ids": here.ids, "x": x, "y": y, "labels": indices, "names": names}, {}


def problem(status: int, title: str, detail: str) -> tuple[int, Any, dict[str, str]]:
    """Return a problem document."""
    said = {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": "r-17"}
    return status, said, {"Content-Type": "application/problem+json"}


def read(body: bytes, headers: Any) -> dict[str, Any]:
    """Return the fields of a JSON or multipart body; files as bytes."""
    kind = headers.get("Content-Type", "")
    if not kind.startswith("multipart/"):
        return dict(json.loads(body))
    parts = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).get_payload()
    found: dict[str, Any] = {}
    for part in parts:
        content = part.get_payload(decode=True)  # type: ignore[union-attr]
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        found[str(name)] = content if part.get_filename() else content.decode()  # type: ignore[union-attr]
    return found


def serve(port: int = 0) -> tuple[ThreadingHTTPServer, Service]:
    """Start a stand-in on a thread of its own; `shutdown` ends it."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said, headers = service.answer(self.command, self.path, body, self.headers)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _do

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing of a page that was closed meanwhile."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, service


if __name__ == "__main__":  # look at the page by hand
    running, _ = serve(8765)
    print("http://127.0.0.1:8765/")
    threading.Event().wait()
