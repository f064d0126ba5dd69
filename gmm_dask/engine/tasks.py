"""What is sent to a worker: a function over one shard or over several, and the parameters of a pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pickle import PickleBuffer
from typing import Any

from distributed.protocol import pickle

from gmm_dask.engine.reduction import Node, join


@dataclass(frozen=True)
class Shared:
    """The parameters of a pass, opaque to Dask, which would search lists and tuples for futures."""

    value: Any

    @property
    def pickled_bytes(self) -> int:
        buffers: list[PickleBuffer] = []
        pickled: bytes = pickle.dumps(self, buffer_callback=buffers.append)
        return len(pickled) + sum(buffer.raw().nbytes for buffer in buffers)


@dataclass(frozen=True)
class OverShard:
    """A task: the function over one shard."""

    function: Callable[[Any, Any], Any]

    def __call__(self, shard: Any, shared: Shared) -> Any:
        return self.function(shard, shared.value)


@dataclass(frozen=True)
class OverBatch:
    """A task: the function over the shards of these numbers, merged as far up the tree over `n_leaves` as they go."""

    function: Callable[[Any, Any], Any]
    merge: Callable[[Any, Any], Any]
    n_leaves: int

    def __call__(self, numbers: Sequence[int], shards: Sequence[Any], shared: Shared) -> dict[Node, Any]:
        numbered = zip(numbers, shards, strict=True)
        leaves = ({(0, number): self.function(shard, shared.value)} for number, shard in numbered)
        return join(leaves, self.n_leaves, self.merge)
