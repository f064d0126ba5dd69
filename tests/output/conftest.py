from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gmm_dask.output import Publication, commit, drafting, write_part

SCHEMA = pa.schema([pa.field("id", pa.int64(), nullable=False), ("name", pa.string())])

Publish = Callable[..., Publication]


@pytest.fixture
def publish() -> Publish:
    """publish(path, value): two parts of a hundred rows each, whose names all are `value`."""

    def publish_value(path: Path, value: str) -> Publication:
        with drafting(path, "table") as draft:
            tables = [pa.table([range(n * 100, n * 100 + 100), [value] * 100], schema=SCHEMA) for n in (0, 1)]
            parts = [write_part(draft.folder, number, table, SCHEMA) for number, table in enumerate(tables)]
            return commit(draft, parts, schema=SCHEMA, provenance={"value": value})

    return publish_value


@pytest.fixture
def schema() -> pa.Schema:
    """The schema that `publish` publishes."""
    return SCHEMA


@pytest.fixture
def limit_file_size() -> Iterator[Callable[[int], None]]:
    """limit_file_size(bytes): from now on the kernel refuses to let a file grow past that, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
