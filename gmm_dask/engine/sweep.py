"""The sweep over prepared shards, wherever they are held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np

from gmm_dask.engine.engine import Done, Engine, InProcess, silent
from gmm_dask.mixture import (
    Block,
    CompiledCandidates,
    SufficientStatistics,
    Sweepable,
    compile_candidates,
    merge_all,
    sweep_block,
)


@dataclass(frozen=True)
class TableSweep:
    """One pass over the table for a list of candidates; what `gmm_dask.em` is handed.

    `shards`: what the engine maps over; in a task each of them is an iterable of blocks.
    """

    engine: Engine
    shards: Sequence[Any]
    done: Done = silent

    def __call__(self, candidates: Sequence[Sweepable]) -> list[SufficientStatistics]:
        return self.engine.map_reduce(_sweep_shard, self.shards, compile_candidates(candidates), merge_all, self.done)


_WORTH_A_THREAD = 1_000
"""Rows that are swept while a thread is told to."""


@dataclass(frozen=True)
class BlockSweep:
    """The same over blocks in this process, such as those of a sample."""

    blocks: Sequence[Block]
    engine: InProcess

    @classmethod
    def over(cls, block: Block, parts: int = 4) -> BlockSweep:
        """A block cut into so many parts, or fewer where it has few rows, to be swept by as many threads as there
        are."""
        parts = min(parts, 1 + block.n_rows // _WORTH_A_THREAD)
        cuts = [block.n_rows * part // parts for part in range(parts + 1)]
        blocks = [
            Block(
                np.ascontiguousarray(block.z[:, start:stop]),
                None if block.weights is None else block.weights[start:stop],
            )
            for start, stop in pairwise(cuts)
        ]
        return cls(blocks, InProcess())

    def __call__(self, candidates: Sequence[Sweepable]) -> list[SufficientStatistics]:
        compiled = compile_candidates(candidates)
        return self.engine.map_reduce(_sweep_block, self.blocks, compiled, merge_all)


def _sweep_block(block: Block, compiled: CompiledCandidates) -> list[SufficientStatistics]:
    return sweep_block(compiled, block)


def _sweep_shard(shard: Iterable[Block], compiled: CompiledCandidates) -> list[SufficientStatistics]:
    """Block by block, from the first to the last: the same sums wherever the blocks come from."""
    return reduce(merge_all, (sweep_block(compiled, block) for block in shard))
