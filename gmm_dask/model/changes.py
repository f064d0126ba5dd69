"""What became of the segments of the model before, by their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Changes:
    """The segments of a model beside those of the model before it.

    `kept`: the numbers that stay, each with the Bhattacharyya distance of the segment from what it was
    (`gmm_dask.mixture.matching`). `split`: a number to those of its parts, its own first. `merged`: a number to those
    of the segments that it took in, its own first. `new` and `vanished`: numbers of segments that have no part in
    either.
    """

    kept: Mapping[int, float] = field(default_factory=dict)
    new: tuple[int, ...] = ()
    vanished: tuple[int, ...] = ()
    split: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    merged: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def sentences(self) -> Iterator[str]:
        """What a reader should know, where anything but distances changed."""
        if self.new:
            yield f"{_segments(self.new)} {'is' if len(self.new) == 1 else 'are'} new: not in the model before"
        if self.vanished:
            yield f"{_segments(self.vanished)} vanished: in the model before, and not in this one"
        for number, parts in self.split.items():
            yield f"segment {number} of the model before is split into segments {_listed(parts)}"
        for number, parts in self.merged.items():
            yield f"segments {_listed(parts)} of the model before are merged in segment {number}"

    def to_json(self) -> dict[str, Any]:
        """JSON types only; pairs instead of mappings, whose keys would be text."""
        return {
            "kept": [[number, distance] for number, distance in self.kept.items()],
            "new": list(self.new),
            "vanished": list(self.vanished),
            "split": [[number, list(parts)] for number, parts in self.split.items()],
            "merged": [[number, list(parts)] for number, parts in self.merged.items()],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Changes:
        """The inverse of `to_json`."""
        return cls(
            {int(number): float(distance) for number, distance in record["kept"]},
            tuple(map(int, record["new"])),
            tuple(map(int, record["vanished"])),
            {int(number): tuple(map(int, parts)) for number, parts in record["split"]},
            {int(number): tuple(map(int, parts)) for number, parts in record["merged"]},
        )


@dataclass(frozen=True)
class Succession:
    """What a model took over from the model before it: the numbers of its segments.

    `labels` (k,): the number of each component's segment, ascending. `n_given`: how many numbers were given so far, in
    all models of the line; the number of a segment that vanished is not given again.
    """

    labels: tuple[int, ...]
    n_given: int
    changes: Changes

    def __post_init__(self) -> None:
        ends = (-1, *self.labels, self.n_given)
        if not self.labels or any(left >= right for left, right in pairwise(ends)):
            raise ValueError(f"segment numbers {self.labels} of {self.n_given}; expected them ascending, below that")

    def to_json(self) -> dict[str, Any]:
        """JSON types only."""
        return {"labels": list(self.labels), "n_given": self.n_given, "changes": self.changes.to_json()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Succession:
        """The inverse of `to_json`."""
        changes = Changes.from_json(record["changes"])
        return cls(tuple(map(int, record["labels"])), int(record["n_given"]), changes)


def _segments(numbers: tuple[int, ...]) -> str:
    return f"segment{'' if len(numbers) == 1 else 's'} {_listed(numbers)}"


def _listed(numbers: tuple[int, ...]) -> str:
    *others, last = map(str, numbers)
    return f"{', '.join(others)} and {last}" if others else last
