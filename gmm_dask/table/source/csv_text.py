"""CSV files as blocks of text: rows split into values, names settled, missing values told apart, no types yet."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.csv_options import CsvOptions
from gmm_dask.table.source.csv_stream import CsvStream, open_stream
from gmm_dask.table.source.listing import DataFile, uncompressed
from gmm_dask.table.source.schemas import check_names

BLOCK_BYTES = 1 << 22
"""Bytes of a block, and so the longest row there can be."""

OTHER_DELIMITERS = ";\t|"
SHOWN = 60
"""Characters of a file's text that a message shows."""

BAD_ROW = re.compile(
    r"Row #(?P<number>\d+): Expected (?P<expected>\d+) columns, got (?P<found>\d+): (?P<text>.*)", re.DOTALL
)
"""How Arrow tells of a row with too few or too many values."""


def text_blocks(filesystem: fsspec.AbstractFileSystem, file: DataFile, options: CsvOptions) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file in order, block by block; every column is a string column, values as they were written.

    At least one block, which has no rows where the file has a header alone. Raises BadInputError for a file without
    a header, a row with more or fewer values than the header, bytes that are not text, a quote that is never closed.
    """
    with _reading_csv(file, options), open_stream(filesystem, file, options.encoding) as stream:
        found = _header(stream.peek(BLOCK_BYTES), file, options)
        names = _settled_names(found, file, options)
        reader = _open(stream, file, options, text=found)
        block = pa.RecordBatch.from_pylist([], reader.schema).rename_columns(names)
        yield block
        for block in reader:
            yield block.rename_columns(names)
        if _ends_within_quotes(block, stream):
            raise BadInputError("a quote in the last rows is never closed", where=file.shown)


def trimmed(values: pa.Array, null_values: Sequence[str]) -> pa.Array:
    """The values without spaces around them, null where that leaves a text that stands for a missing value."""
    bare = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.is_in(bare, pa.array(null_values, pa.string())), pa.scalar(None, pa.string()), bare)


def _header(head: bytes, file: DataFile, options: CsvOptions) -> list[str]:
    """The names in the first row, or Arrow's own for so many columns where there is no header."""
    # The head may end within a row or a letter, which is no fault of the file.
    text = io.BytesIO(head.decode(errors="replace").encode())
    names: list[str] = _open(text, file, options, on_invalid=lambda row: "skip").schema.names
    if any("\N{REPLACEMENT CHARACTER}" in name for name in names):
        raise _undecodable(file, options)
    return names


def _open(
    stream: CsvStream | io.BytesIO,
    file: DataFile,
    options: CsvOptions,
    *,
    text: Sequence[str] = (),
    on_invalid: Callable[[pyarrow.csv.InvalidRow], str] | None = None,
) -> pyarrow.csv.CSVStreamingReader:
    """Arrow's reader, the columns in `text` not interpreted; on one thread, with more it does not number bad rows."""
    return pyarrow.csv.open_csv(
        stream,
        pyarrow.csv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, autogenerate_column_names=not options.header
        ),
        pyarrow.csv.ParseOptions(
            delimiter=options.delimiter_of(uncompressed(file.shown)),
            newlines_in_values=True,
            invalid_row_handler=on_invalid,
        ),
        pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(text, pa.string())),
    )


@contextmanager
def _reading_csv(file: DataFile, options: CsvOptions) -> Iterator[None]:
    """Turns what the layers below raise over a file into a BadInputError that names it."""
    try:
        yield
    except UnicodeError as error:
        raise _undecodable(file, options) from error
    except (pa.ArrowException, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise _explained(str(error), file, options) from error


def _undecodable(file: DataFile, options: CsvOptions) -> BadInputError:
    advice = "Name the file's encoding in the CSV options."
    return BadInputError(f"bytes that are not {options.encoding}", where=file.shown, advice=advice)


def _explained(reason: str, file: DataFile, options: CsvOptions) -> BadInputError:
    """Arrow's reason in terms of the file."""
    if row := BAD_ROW.search(reason):
        found = f"{row['found']} values ({row['text'][:SHOWN]!r})"
        where = f"{file.shown}, row {row['number']} (the file's first row is 1; blank lines not counted)"
        return BadInputError(found, expected=f"{row['expected']} values as in the first row", where=where)
    if "UTF8" in reason:
        return _undecodable(file, options)
    if "Empty CSV" in reason:
        return BadInputError("the file is empty, or has a header and nothing else", where=file.shown)
    if "straddl" in reason:
        found = f"a row longer than {BLOCK_BYTES:,} bytes, or a quote that is never closed"
        return BadInputError(found, where=file.shown)
    return BadInputError(f"cannot be read as CSV ({reason})", where=file.shown, advice="The file may be damaged.")


def _settled_names(found: Sequence[str], file: DataFile, options: CsvOptions) -> list[str]:
    """Column names as the header has them; a column without one is named by its place, `column_1` the first."""
    names = [name if name and options.header else f"column_{place}" for place, name in enumerate(found, start=1)]
    advice = "Rename one of them, or tell in the CSV options that there is no header."
    check_names(names, where=file.shown, advice=advice)
    if len(names) == 1 and (others := [other for other in OTHER_DELIMITERS if other in found[0]]):
        raise BadInputError(
            f"one column named {names[0][:SHOWN]!r}",
            where=file.shown,
            advice=f"If {others[0]!r} stands between the values, name it as delimiter in the CSV options.",
        )
    if any("." in name for name in found) and all(_is_number(name) for name in found):
        raise BadInputError(
            f"a header of numbers alone ({', '.join(found)[:SHOWN]})",
            expected="names of columns",
            where=file.shown,
            advice="Tell in the CSV options that there is no header.",
        )
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _ends_within_quotes(block: pa.RecordBatch, stream: CsvStream) -> bool:
    """Whether the end of the file was taken for the end of a quoted value of several lines."""
    if not block.num_rows:
        return False
    final = block.column(block.num_columns - 1)[-1].as_py() or ""
    return "\n" in final and stream.last != b'"'
