"""The fixed tree: results are merged in an order that depends on shard numbers alone, never on who finished first.

Node (height, position) covers the shards from position * 2**height up to (position + 1) * 2**height. It is its left
half merged with its right half; one without a right half is its left half. Whoever holds the results of some shards
merges the nodes that are whole among them, and hands on what is left: any division of the shards gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
Node = tuple[int, int]


def merge_tree(items: Sequence[T], merge: Callable[[T, T], T]) -> T:
    """Merge at least one item up the fixed tree."""
    return root(join(({(0, number): item} for number, item in enumerate(items)), len(items), merge), len(items))


def join(parts: Iterable[Mapping[Node, T]], n_leaves: int, merge: Callable[[T, T], T]) -> dict[Node, T]:
    """Parts of the tree over `n_leaves` shards, which share no shard, as one part, merged as far up as it goes.

    A part maps nodes to their results. The order of the parts does not matter.
    """
    nodes: dict[Node, T] = {}
    for part in parts:
        for node, value in part.items():
            _add(nodes, node, value, n_leaves, merge)
    return nodes


def root(nodes: Mapping[Node, T], n_leaves: int) -> T:
    """The result of the whole tree. Raises KeyError where shards are missing."""
    return nodes[(n_leaves - 1).bit_length(), 0]


def _add(nodes: dict[Node, T], node: Node, value: T, n_leaves: int, merge: Callable[[T, T], T]) -> None:
    height, position = node
    while n_leaves > 1 << height:
        sibling = (height, position ^ 1)
        if sibling in nodes:
            other = nodes.pop(sibling)
            value = merge(other, value) if position % 2 else merge(value, other)
        elif sibling[1] << height < n_leaves:
            break  # the other half is still to come
        height, position = height + 1, position // 2
    nodes[height, position] = value
