"""Reading what was published: which version it is, and whether it is still what it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask.errors import BadInputError, DamagedError
from gmm_dask.output.manifest import Publication, read_manifest, schema_in
from gmm_dask.output.parts import Part, is_data_name
from gmm_dask.output.place import Place
from gmm_dask.output.storage import sha256


def resolve(path: str | Path) -> Publication:
    """The version that is current at `path`, or that a version's folder or a copy of one holds.

    Links are followed once: read `publication.folder` and a switch of the link meanwhile does not matter. The manifest
    is checked, the parts are not: that is `verify`. BadInputError if nothing is there, DamagedError if it is damaged.
    """
    place = Place.at(path)
    try:
        folder = place.path.resolve(strict=True)
    except OSError as error:
        if place.path.is_symlink():
            found = f"the link points to {place.path.readlink()}, which cannot be opened"
            raise DamagedError(found, where=str(place.path), advice="Publish again, or roll back.") from error
        raise BadInputError("nothing is there", expected="a published folder", where=str(place.path)) from error
    if not folder.is_dir():
        raise BadInputError("a file", expected="a published folder", where=str(place.path))
    return read_manifest(place.path, folder)


def verify(path: str | Path) -> Publication:
    """Read every byte of the publication and compare it with the manifest; DamagedError lists all that is wrong."""
    publication = resolve(path)
    faults = [f"{name}: {fault}" for name, fault in _faults(publication)]
    if faults:
        raise DamagedError(
            f"{len(faults)} damaged: {'; '.join(faults)}",
            expected=f"version {publication.version} as published at {publication.created}",
            where=str(publication.folder),
            advice="Publish again, copy the folder again, or roll back.",
        )
    return publication


def _faults(publication: Publication) -> Iterator[tuple[str, str]]:
    """(file name, what is wrong with it), at most one per file."""
    # Schemas are compared as Arrow reads them today, not in words, which may be others in another release of Arrow.
    schema = schema_in(publication.folder) if publication.kind == "table" else None
    for part in publication.parts:
        if fault := _part_fault(publication.folder / part.name, part, schema):
            yield part.name, fault
    named = {part.name for part in publication.parts}
    for entry in sorted(publication.folder.iterdir()):
        if is_data_name(entry.name) and entry.name not in named:
            yield entry.name, "not part of this version"


def _part_fault(file: Path, part: Part, schema: pa.Schema | None) -> str | None:
    try:
        if (size := file.stat().st_size) != part.bytes:
            return f"{size} bytes instead of {part.bytes}"
        if sha256(file) != part.sha256:
            return "its bytes have changed (SHA-256)"
        return _table_fault(file, part, schema) if schema is not None else None
    except FileNotFoundError:
        return "missing"
    except (OSError, pa.ArrowException) as error:
        return f"cannot be read: {error}"


def _table_fault(file: Path, part: Part, schema: pa.Schema) -> str | None:
    """Right bytes can still be the wrong table: damaged in memory before they were hashed, or of another schema."""
    with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
        if not parquet.schema_arrow.equals(schema):
            return "its columns are not those of the manifest"
        rows = sum(batch.num_rows for batch in parquet.iter_batches())
    return None if rows == part.rows else f"{rows} rows instead of {part.rows}"
