"""The fixed tree: results are merged in an order that depends on shard numbers alone, never on who finished first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

FAN_IN = 8
"""Results merged by one node of the tree."""


def groups(items: Sequence[T]) -> list[list[T]]:
    """One level of the tree: consecutive runs of `FAN_IN`."""
    return [list(items[start : start + FAN_IN]) for start in range(0, len(items), FAN_IN)]


def merge_group(items: Sequence[T], merge: Callable[[T, T], T]) -> T:
    """Merge from left to right."""
    result = items[0]
    for item in items[1:]:
        result = merge(result, item)
    return result


def merge_tree(items: Sequence[T], merge: Callable[[T, T], T]) -> T:
    """Merge at least one item up the fixed tree."""
    level = list(items)
    while len(level) > 1:
        level = [merge_group(group, merge) for group in groups(level)]
    return level[0]
