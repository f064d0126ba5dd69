"""Publishing: a folder of files becomes one whole version, or nothing does.

What is on disk after two publications at `scores`:

    scores -> .scores.versions/v000002        what every reader opens; switched by one rename
    .scores.versions/
        v000001/                              the version before: the way of `rollback`, until `clean` removes it
        v000002/
            part-00000-3f9c11ab.parquet       rows
            part-00001-a07be42d.parquet
            _manifest.parquet                 written last; without it, nothing here counts as published
        v000003.draft/5d1e0f7c/               a version in the making
        .lock                                 held while versions are switched or removed

A table's manifest is a Parquet file of the table's schema and no rows, with the manifest as JSON in its key-value
metadata, because Polars refuses to read a folder that holds anything but Parquet. To readers that skip names beginning
with `_` (Arrow, pandas, Spark) it is not there, to the others (Polars, a glob in DuckDB) it adds no rows. A model's
manifest is plain `_manifest.json`.
"""

from gmm_dask.output.manifest import Column, Publication
from gmm_dask.output.parts import Part, add_file, write_part
from gmm_dask.output.publishing import Draft, abandon, begin, commit, drafting, require_place
from gmm_dask.output.reading import resolve, verify
from gmm_dask.output.retention import clean, rollback

__all__ = [
    "Column",
    "Draft",
    "Part",
    "Publication",
    "abandon",
    "add_file",
    "begin",
    "clean",
    "commit",
    "drafting",
    "require_place",
    "resolve",
    "rollback",
    "verify",
    "write_part",
]
