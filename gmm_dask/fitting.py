"""From a source to fitted models: profile, schema, transforms, shards, and candidates fitted in shared sweeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from gmm_dask.config import Columns, Fitting
from gmm_dask.em import Candidate, Problem, Stopping, fit_candidates
from gmm_dask.engine import BlockSweep, Engine, Held, TableSweep, loaded, one_blas_thread
from gmm_dask.errors import BadInputError, UsageError, did_you_mean
from gmm_dask.mixture import Block, Float
from gmm_dask.progress import Observer, Silent
from gmm_dask.selection import Selection, left_out_note
from gmm_dask.table.columns import numeric
from gmm_dask.table.prepare import Preparation, Prepared, Tally, sample_block
from gmm_dask.table.profile import TableProfile, merge, profile_batch
from gmm_dask.table.schema import TableSchema, infer_schema
from gmm_dask.table.shards import Shard, plan_shards
from gmm_dask.table.sketches import RowSample
from gmm_dask.table.source import Source
from gmm_dask.table.transforms import choose as choose_transform

_BATCH_ROWS = 65_536


def profile_source(
    source: Source, engine: Engine, *, seed: int = 0, sample_rows: int = 20_000, observer: Observer | None = None
) -> TableProfile:
    """One pass over all columns."""
    observer = observer or Silent()
    observer.stage("profile")
    return engine.map_reduce(_profile_shard, plan_shards(source), (seed, sample_rows), merge, observer.shards)


def fit_source(
    source: Source,
    engine: Engine,
    candidates: Sequence[Candidate],
    *,
    criterion: str = "bic",
    columns: Columns | None = None,
    fitting: Fitting | None = None,
    seed: int = 0,
    observer: Observer | None = None,
) -> Selection:
    """Fit all candidates to the complete rows of a table.

    Raises BadInputError where the table cannot be used: see `infer_schema`, `Preparation.prepare`, and below.
    """
    columns, fitting, observer = columns or Columns(), fitting or Fitting(), observer or Silent()
    profile = profile_source(source, engine, seed=seed, sample_rows=fitting.sample_rows, observer=observer)
    schema = infer_schema(profile, overrides=roles_of(columns))
    preparation = _preparation(columns, schema, profile)
    observer.stage("prepare")
    shards = _hold(source, engine, preparation, observer)
    tally, sample = _tally_and_sample(engine, shards, seed, fitting.sample_rows, observer)
    _require_complete_rows(tally, schema, profile)
    for note in left_out_note(tally):
        observer.note(note)
    block = sample_block(sample, weighted=preparation.weight is not None)
    observer.stage("fit")
    problem = Problem(
        sweep=TableSweep(engine, shards, observer.shards),
        sample=block,
        sample_sweep=BlockSweep.over(block),
        regularisation=fitting.reg_covar * _variances(block),
        n_rows=tally.n_used,
        log_jacobian=tally.log_jacobian,
    )
    stopping = Stopping(fitting.tol, fitting.max_iter)
    # Starts are tried in this process whatever the engine: with more BLAS threads they would have other bits.
    with one_blas_thread():
        results = fit_candidates(
            problem, candidates, stopping, n_init=fitting.n_init, seed=seed, observe=observer.iteration
        )
    return Selection(profile, schema, preparation, tally, tuple(results), criterion, seed, source.fingerprint)


def _profile_shard(shard: Shard, shared: tuple[int, int]) -> TableProfile:
    seed, sample_rows = shared
    profiles = (
        profile_batch(
            shard.source.read(start, min(start + _BATCH_ROWS, shard.n_rows)),
            first_row=shard.start + start,
            seed=seed,
            sample_rows=sample_rows,
            where=shard.where,
        )
        for start in range(0, shard.n_rows, _BATCH_ROWS)
    )
    return reduce(merge, profiles)


def roles_of(columns: Columns) -> dict[str, str | list[str]]:
    """What the configuration says of roles, in the words of `infer_schema`."""
    given = columns.model_dump(include={"key", "continuous", "categorical", "ignored", "weight"}, exclude_none=True)
    return {role: names for role, names in given.items() if names}


def _preparation(columns: Columns, schema: TableSchema, profile: TableProfile) -> Preparation:
    for name in columns.transforms:
        if name not in schema.continuous:
            raise UsageError(
                f"a transform is given for column {name!r}, which is not modelled",
                advice=did_you_mean(name, schema.continuous),
            )
    transforms = []
    for name in schema.continuous:
        sample = numeric(profile.sample.table, name)
        kind = columns.transforms.get(name, columns.transform)
        transforms.append((name, choose_transform(kind, profile[name], sample)))
    return Preparation(tuple(transforms), schema.weight)


def _hold(source: Source, engine: Engine, preparation: Preparation, observer: Observer) -> Held[Prepared]:
    """Prepared shards, kept where they will be swept if they fit there."""
    n_bytes = source.n_rows * preparation.row_bytes
    shards = engine.hold(preparation.load, plan_shards(source), n_bytes)
    if shards.load is not None:
        observer.note(
            f"the prepared table ({n_bytes / 2**30:.1f} GiB) is larger than the memory set aside for it "
            f"({engine.memory_bytes / 2**30:.1f} GiB); every pass reads it again"
        )
    return shards


def _tally_and_sample(
    engine: Engine, shards: Held[Prepared], seed: int, sample_rows: int, observer: Observer
) -> tuple[Tally, RowSample]:
    return engine.map_reduce(
        _tally_shard, shards.items, (shards.load, seed, sample_rows), _merge_tallies, observer.shards
    )


def _tally_shard(
    shard: object, shared: tuple[Callable[[object], Prepared] | None, int, int]
) -> tuple[Tally, RowSample]:
    load, seed, sample_rows = shared
    prepared = loaded(shard, load)
    return prepared.tally, prepared.sample(seed, sample_rows)


def _merge_tallies(left: tuple[Tally, RowSample], right: tuple[Tally, RowSample]) -> tuple[Tally, RowSample]:
    return left[0].merge(right[0]), left[1].merge(right[1])


def _require_complete_rows(tally: Tally, schema: TableSchema, profile: TableProfile) -> None:
    if tally.n_used:
        return
    if tally.n_complete:
        raise BadInputError(
            f"all {tally.n_complete} complete rows have weight 0",
            expected="some rows with a positive weight",
            advice=f"See column {schema.weight!r}, or leave the weight out.",
        )
    gaps = sorted(schema.continuous, key=lambda name: -profile[name].n_missing)
    raise BadInputError(
        f"none of {tally.n_rows} rows has a value in every modelled column; "
        f"{gaps[0]!r} misses {profile[gaps[0]].n_missing}",
        advice=f"Give {gaps[0]!r} the role ignored, or name fewer continuous columns.",
    )


def _variances(block: Block) -> Float:
    """(d,) weighted variances; 1 for a column that does not vary, so that regularisation still has a size."""
    weights = np.ones(block.n_rows) if block.weights is None else block.weights
    deviations = block.z - np.average(block.z, axis=1, weights=weights)[:, None]
    variances: Float = np.average(deviations**2, axis=1, weights=weights)
    return np.where(variances > 0, variances, 1.0)
