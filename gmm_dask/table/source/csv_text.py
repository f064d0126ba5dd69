"""CSV files as blocks of text: rows split into values, names settled, missing values told apart, no types yet."""

from __future__ import annotations

import io
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


def text_blocks(filesystem: fsspec.AbstractFileSystem, file: DataFile, options: CsvOptions) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file in order, block by block; every column is a string column, values as they were written.

    At least one block, which has no rows where the file has a header alone. Raises BadInputError for a file without
    a header, a row with more or fewer values than the header, bytes that are not text, a quote that is never closed.
    """
    refused: list[pyarrow.csv.InvalidRow] = []
    with _reading_csv(file, options, refused), open_stream(filesystem, file, options.encoding) as stream:
        head = io.BytesIO(stream.peek(BLOCK_BYTES))
        # The head may end within a row, which is no fault of the file.
        found = _open(head, file, options, lambda row: "skip").schema.names
        names = _settled_names(found, file, options)
        reader = _open(stream, file, options, _refusing(refused), found)
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


def _open(
    stream: CsvStream | io.BytesIO,
    file: DataFile,
    options: CsvOptions,
    on_invalid: Callable[[pyarrow.csv.InvalidRow], str],
    text: Sequence[str] = (),
) -> pyarrow.csv.CSVStreamingReader:
    """Arrow's reader; on one thread, since with more it does not number the rows it refuses."""
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


def _refusing(refused: list[pyarrow.csv.InvalidRow]) -> Callable[[pyarrow.csv.InvalidRow], str]:
    def refuse(row: pyarrow.csv.InvalidRow) -> str:
        refused.append(row)
        return "error"

    return refuse


@contextmanager
def _reading_csv(file: DataFile, options: CsvOptions, refused: list[pyarrow.csv.InvalidRow]) -> Iterator[None]:
    """Turns what the layers below raise over a file into a BadInputError that names it."""
    try:
        yield
    except UnicodeError as error:
        advice = "Name the file's encoding in the CSV options."
        raise BadInputError(f"bytes that are not {options.encoding}", where=file.shown, advice=advice) from error
    except (pa.ArrowException, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise _explained(str(error), file, options, refused) from error


def _explained(
    reason: str, file: DataFile, options: CsvOptions, refused: list[pyarrow.csv.InvalidRow]
) -> BadInputError:
    """The error in terms of the file."""
    if refused:
        row = refused[0]
        found = f"{row.actual_columns} values ({row.text[:SHOWN]!r})"
        where = f"{file.shown}, row {row.number} (the file's first row is 1; blank lines not counted)"
        return BadInputError(found, expected=f"{row.expected_columns} values as in the first row", where=where)
    if "UTF8" in reason:
        advice = "Name the file's encoding in the CSV options."
        return BadInputError(f"bytes that are not {options.encoding}", where=file.shown, advice=advice)
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
