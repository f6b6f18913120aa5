"""Multipart forms in memory: a few named parts, files and texts, all of them bounded."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from dyml.errors import suggest
from dyml.serve.limits import Limits
from dyml.serve.problems import Problem

MULTIPART = "multipart/form-data"


@dataclass
class Form:
    """The parts of a form.

    Attributes:
        files: in their order: name of the field, and bytes. What the client calls the file is dropped.
        texts: by name of the field.
    """

    files: list[tuple[str, bytes]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def file(self, name: str) -> bytes:
        """Return the one file of a field.

        Raises:
            Problem: there is none, or more than one.
        """
        found = [data for field_, data in self.files if field_ == name]
        if len(found) != 1:
            raise Problem(422, "invalid", f"{name}: send one file in this field; there are {len(found)}.")
        return found[0]


def parse_form(
    content_type: str, body: bytes, limits: Limits, files: Collection[str], texts: Collection[str] = ()
) -> Form:
    """Take a form apart.

    Args:
        content_type: the whole header, with the boundary.
        body: all of it.
        limits: bytes of a file, bytes of a text, number of files.
        files: fields that hold files.
        texts: fields that hold texts.

    Raises:
        Problem: it is no form, a field is not known, a part is too large, or there are too many.
    """
    collector = _Collector(limits, files, texts)
    _, options = parse_options_header(content_type.encode("latin-1"))
    boundary = options.get(b"boundary")
    if not boundary:
        raise _broken("its Content-Type has no boundary")
    try:
        parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise _broken("its parts cannot be told apart") from error
    if not collector.ended:
        raise _broken("it is cut short")
    return collector.form


class _Collector:
    def __init__(self, limits: Limits, files: Collection[str], texts: Collection[str]) -> None:
        self.form, self.ended = Form(), False
        self._limits, self._files, self._texts = limits, files, texts
        self._header, self._value = b"", b""
        self._disposition = b""
        self._data = bytearray()

    def callbacks(self) -> dict[str, Callable[..., None]]:
        names = ("part_begin", "part_data", "part_end", "header_field", "header_value", "header_end", "end")
        return {f"on_{name}": getattr(self, f"_{name}") for name in names}

    def _part_begin(self) -> None:
        self._disposition, self._data = b"", bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if len(self._data) + end - start > self._limits.upload_bytes:
            raise Problem(413, "too-large", f"A part has more than {self._limits.upload_bytes:,} bytes.")
        self._data += data[start:end]

    def _part_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = _text(options.get(b"name", b""), "the name of a field")
        if name in self._files:
            self.form.files.append((name, bytes(self._data)))
            if len(self.form.files) > self._limits.batch:
                raise Problem(
                    413, "too-many-pictures", f"More than {self._limits.batch} pictures in one form."
                )
            return
        if name not in self._texts:
            known = [*self._files, *self._texts]
            raise Problem(
                422, "unknown-field", f"There is no field {name[:60]!r} here.{suggest(name[:60], known)}"
            )
        if name in self.form.texts:
            raise Problem(422, "invalid", f"{name}: comes more than once.")
        if len(self._data) > self._limits.json_bytes:
            raise Problem(413, "too-large", f"{name}: has more than {self._limits.json_bytes:,} bytes.")
        self.form.texts[name] = _text(bytes(self._data), name)

    def _end(self) -> None:
        self.ended = True


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "not-utf-8", f"{name}: is not UTF-8 text.") from error


def _broken(why: str) -> Problem:
    return Problem(400, "not-a-form", f"This is no {MULTIPART}: {why}.")
