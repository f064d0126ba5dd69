"""The sweep over prepared shards, wherever they are held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gmm_dask.engine.engine import Done, Engine, Held, silent
from gmm_dask.mixture import (
    CompiledCandidates,
    MixtureParameters,
    SufficientStatistics,
    compile_candidates,
    merge_all,
    sweep_block,
)
from gmm_dask.table.prepare import Prepared


@dataclass(frozen=True)
class TableSweep:
    """One pass over the table for a list of candidates; what `gmm_dask.em` is handed."""

    engine: Engine
    shards: Held[Prepared]
    done: Done = silent

    def __call__(self, candidates: Sequence[MixtureParameters]) -> list[SufficientStatistics]:
        return self.engine.map_reduce(
            _sweep_shard,
            self.shards.items,
            (compile_candidates(candidates), self.shards.load),
            merge_all,
            self.done,
        )


def _sweep_shard(
    shard: object, shared: tuple[CompiledCandidates, Callable[[object], Prepared] | None]
) -> list[SufficientStatistics]:
    compiled, load = shared
    prepared = shard if load is None else load(shard)
    assert isinstance(prepared, Prepared)
    return sweep_block(compiled, prepared.block)
