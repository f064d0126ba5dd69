"""The sweep over parts of a table: one pass for candidates of which each is shown the rows of some folds only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gmm_dask.engine.engine import Done, Engine, silent
from gmm_dask.mixture import (
    Block,
    CompiledCandidates,
    SufficientStatistics,
    Sweepable,
    compile_candidates,
    merge_all,
    sweep_block,
)

Found = list[list[SufficientStatistics]]


class Portion(NamedTuple):
    """Candidates that are shown the rows of these folds, at least one."""

    folds: frozenset[int]
    candidates: Sequence[Sweepable]


class _Compiled(NamedTuple):
    folds: frozenset[int]
    candidates: CompiledCandidates


@dataclass(frozen=True)
class FoldSweep:
    """One pass over shards whose blocks come fold by fold (see `gmm_dask.table.folds`): block i is of fold i modulo
    `n_folds`."""

    engine: Engine
    shards: Sequence[Any]
    n_folds: int
    done: Done = silent

    def __call__(self, portions: Sequence[Portion]) -> Found:
        """For each portion the statistics of its candidates over the rows of its folds."""
        compiled = [_Compiled(folds, compile_candidates(candidates)) for folds, candidates in portions]
        return self.engine.map_reduce(_sweep_shard, self.shards, (self.n_folds, compiled), _merge, self.done)


def _sweep_shard(shard: Iterable[Block], shared: tuple[int, list[_Compiled]]) -> Found:
    """Block by block, from the first to the last: the same sums wherever the blocks come from."""
    n_folds, portions = shared
    found: list[list[SufficientStatistics] | None] = [None] * len(portions)
    for number, block in enumerate(shard):
        for index, (folds, candidates) in enumerate(portions):
            if number % n_folds in folds:
                statistics, before = sweep_block(candidates, block), found[index]
                found[index] = statistics if before is None else merge_all(before, statistics)
    return [statistics for statistics in found if statistics is not None]


def _merge(left: Found, right: Found) -> Found:
    return [merge_all(a, b) for a, b in zip(left, right, strict=True)]
