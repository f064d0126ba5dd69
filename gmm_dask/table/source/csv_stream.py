"""The bytes of a CSV file, decompressed and in UTF-8."""

from __future__ import annotations

import codecs
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import fsspec
import pyarrow as pa

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.listing import DataFile

CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
LAST_BYTES = 64


class CsvStream:
    """A readable stream that can be looked into before it is read, and remembers its last visible byte.

    Arrow takes the end of the file for the end of a quoted value, so that one quote too many swallows every row after
    it without a word. Whether the file's last byte is a quote tells the two apart.
    """

    closed = False
    last = b""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end, which a later `read` returns again."""
        while len(self._ahead) < size and (chunk := self._stream.read(size - len(self._ahead))):
            self._ahead += chunk
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        chunk = self.peek(size)
        self._ahead = self._ahead[len(chunk) :]
        self.last = chunk[-LAST_BYTES:].rstrip()[-1:] or self.last
        return chunk

    def close(self) -> None:
        """The file is closed by whom opened it."""


@contextmanager
def open_stream(filesystem: fsspec.AbstractFileSystem, file: DataFile, encoding: str) -> Iterator[CsvStream]:
    """The file's text as UTF-8, whatever its encoding and compression, which the end of its name tells."""
    ending = "." + file.shown.lower().rpartition(".")[2]
    with ExitStack() as held:
        stream = held.enter_context(filesystem.open(file.path, "rb"))
        if ending == ".zip":
            stream = held.enter_context(_only_member(held.enter_context(zipfile.ZipFile(stream)), file))
        elif ending in CODECS:
            stream = pa.CompressedInputStream(stream, CODECS[ending])
        if codecs.lookup(encoding).name != "utf-8":
            stream = pa.transcoding_input_stream(pa.PythonFile(stream, mode="r"), encoding, "utf8")
        yield CsvStream(stream)


def _only_member(archive: zipfile.ZipFile, file: DataFile) -> Any:
    """The one file in an archive; what macOS adds beside it does not count."""
    members = [
        info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith(("__MACOSX/", "."))
    ]
    if len(members) != 1:
        names = ", ".join(info.filename for info in members[:3])
        raise BadInputError(
            f"the archive holds {len(members)} files ({names})", expected="one CSV file", where=file.shown
        )
    return archive.open(members[0])
