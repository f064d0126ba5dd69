"""The manifest: what a version consists of. It is written last, and a folder without one is not published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gmm_dask.errors import DamagedError
from gmm_dask.output.parts import Part, is_data_name
from gmm_dask.output.storage import sync, write_new

MANIFEST_NAMES = {"table": "_manifest.parquet", "model": "_manifest.json"}

_FORMAT = "gmm_dask publication"
_FORMAT_VERSION = 1
_KEY = b"gmm_dask.manifest"


@dataclass(frozen=True)
class Column:
    """A column as readers of the published files see it; `type` is Arrow's name for the type."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True)
class Publication:
    """One published version: what its manifest says, and where it is.

    `folder` is the version's own folder and keeps its content when `path` moves on to the next version. `created` is
    an ISO time in UTC. `schema` is empty for a model without one.
    """

    path: Path
    folder: Path
    version: str
    kind: str
    created: str
    parts: tuple[Part, ...]
    schema: tuple[Column, ...]
    provenance: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """The rows of all parts."""
        return sum(part.rows for part in self.parts)


def columns_of(schema: pa.Schema) -> tuple[Column, ...]:
    """An Arrow schema in words."""
    return tuple(Column(field.name, str(field.type), field.nullable) for field in schema)


def manifest_in(folder: Path) -> Path | None:
    """The manifest file of a folder, if it has one."""
    return next((folder / name for name in MANIFEST_NAMES.values() if (folder / name).is_file()), None)


def write_manifest(
    folder: Path,
    kind: str,
    version: str,
    parts: Sequence[Part],
    schema: pa.Schema | None,
    provenance: Mapping[str, object],
) -> None:
    """Declare `folder` published: durable, and in one step. `provenance` must hold what JSON can say."""
    content = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "kind": kind,
        "version": version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": sum(part.rows for part in parts),
        "parts": [asdict(part) for part in parts],
        "schema": [asdict(column) for column in columns_of(_as_stored(schema))] if schema is not None else [],
        "provenance": dict(provenance),
    }
    text = _seal(content)
    temporary = folder / "_manifest.tmp"
    write_new(temporary, _footer(schema, text) if kind == "table" else text.encode())
    temporary.replace(folder / MANIFEST_NAMES[kind])
    sync(folder)


def read_manifest(path: Path, folder: Path) -> Publication:
    """The publication in `folder`, reached by way of `path`; DamagedError if its manifest is not as it was written."""
    manifest = manifest_in(folder)
    if manifest is None:
        advice = "It was never published whole, or its manifest was removed; publish again or copy the folder again."
        raise DamagedError("the folder has no manifest", where=str(folder), advice=advice)
    try:
        text = _read_footer(manifest) if manifest.suffix == ".parquet" else manifest.read_bytes()
        return _publication(path, folder, _unseal(text))
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(
            f"the manifest cannot be trusted: {error}",
            expected=f"{_FORMAT!r} version {_FORMAT_VERSION} as it was written",
            where=str(manifest),
            advice="Publish again, copy the folder again, or roll back.",
        ) from error


def schema_in(folder: Path) -> pa.Schema:
    """The Arrow schema of the table published in `folder`, as Parquet gives it back."""
    return pq.read_schema(folder / MANIFEST_NAMES["table"])


def _publication(path: Path, folder: Path, content: Mapping[str, Any]) -> Publication:
    parts = tuple(Part(**part) for part in content["parts"])
    if not all(is_data_name(part.name) for part in parts):
        raise ValueError("a part lies outside the folder")
    columns = tuple(Column(**column) for column in content["schema"])
    fixed = {key: content[key] for key in ("version", "kind", "created", "provenance")}
    return Publication(path=path, folder=folder, parts=parts, schema=columns, **fixed)


def _seal(content: Mapping[str, object]) -> str:
    """JSON of the content and of its checksum."""
    read_back = json.loads(json.dumps(content, allow_nan=False))  # a reader finds lists for tuples, strings for keys
    return json.dumps({**read_back, "checksum": _digest(read_back)}, indent=1)


def _unseal(text: bytes) -> dict[str, Any]:
    """The content that was sealed; ValueError if it is another format's or was altered."""
    content: dict[str, Any] = json.loads(text)
    if (content.get("format"), content.get("format_version")) != (_FORMAT, _FORMAT_VERSION):
        raise ValueError(f"it is {content.get('format')!r} version {content.get('format_version')!r}")
    if content.pop("checksum", None) != _digest(content):
        raise ValueError("it was altered after it was written")
    return content


def _digest(content: Mapping[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _footer(schema: pa.Schema, text: str) -> bytes:
    """A Parquet file without rows that carries the text (see the package's docstring for why)."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema) as writer:
        writer.add_key_value_metadata({_KEY: text.encode()})
    return bytes(sink.getvalue())


def _read_footer(manifest: Path) -> bytes:
    return bytes((pq.read_metadata(manifest).metadata or {})[_KEY])


def _as_stored(schema: pa.Schema) -> pa.Schema:
    """The schema that Parquet gives back: it has no seconds, for one, and makes them milliseconds."""
    return pq.read_schema(pa.BufferReader(_footer(schema, "")))
