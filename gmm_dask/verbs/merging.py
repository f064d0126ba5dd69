"""Merge: which components of a mixture describe one cluster together, by passes over the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from gmm_dask.engine import Done, Engine, silent
from gmm_dask.errors import BadInputError, UsageError
from gmm_dask.extras import new_axes
from gmm_dask.mixture.entropy import Ambiguity, Clusters, Hierarchy, Labels, ambiguity, merged_by_entropy
from gmm_dask.model import MixtureModel
from gmm_dask.table.shards import Shard, plan_shards
from gmm_dask.table.source import Source
from gmm_dask.verbs.rows import posterior


@dataclass(frozen=True)
class MergedComponents:
    """The components of a mixture as clusters, for every number of them: see `gmm_dask.mixture.entropy`.

    `segments` (K,): the segment number of each component. `n_clusters`: the number that scoring goes by.
    """

    segments: tuple[int, ...]
    hierarchy: Hierarchy
    n_clusters: int

    @property
    def suggested(self) -> int:
        """The number of clusters at the elbow of the entropy."""
        return self.hierarchy.suggested

    @property
    def clusters(self) -> tuple[int, ...]:
        """(K,) the cluster of each component, among `n_clusters`."""
        return tuple(int(label) for label in self._chosen.labels)

    def with_clusters(self, n_clusters: int) -> MergedComponents:
        """The same with another number of clusters. Raises UsageError where there are not so many."""
        return replace(self, n_clusters=checked(n_clusters, len(self.segments)))

    def segments_of(self, n_clusters: int | None = None) -> dict[int, list[int]]:
        """The segments of each cluster."""
        level = (
            self._chosen if n_clusters is None else self.hierarchy.levels[checked(n_clusters, len(self.segments)) - 1]
        )
        return {
            cluster: [segment for segment, of in zip(self.segments, level.labels, strict=True) if of == cluster]
            for cluster in range(level.n_clusters)
        }

    @property
    def table(self) -> pd.DataFrame:
        """A row per number of clusters: entropy in all and per row, in nats; which clusters were merged to come there,
        as segments; the weight of the rows that belong to the cluster so made; the number suggested and the chosen."""
        levels, total = self.hierarchy.levels, self.hierarchy.levels[0].sizes[0]
        rows = [
            {
                "n_clusters": level.n_clusters,
                "entropy": level.entropy,
                "entropy_per_row": level.entropy / total,
                "merged": self._merged(level),
                "rows_merged": 0.0 if level.joined is None else float(level.sizes[level.joined[0]]),
                "suggested": level.n_clusters == self.suggested,
                "chosen": level.n_clusters == self.n_clusters,
            }
            for level in levels
        ]
        return pd.DataFrame(rows)

    def plot(self, ax: Any = None) -> Any:
        """The entropy over the number of clusters, the chosen one marked; returns the matplotlib axes.

        `ax`: axes to draw on, by default those of a new figure. Raises UsageError without the extra `report`.
        """
        axes = new_axes("a plot") if ax is None else ax
        ks, entropies = range(1, len(self.segments) + 1), self.hierarchy.entropies
        axes.plot(ks, entropies, marker="o")
        ring = {"markersize": 15, "markerfacecolor": "none", "markeredgecolor": "black", "linestyle": "none"}
        label = f"{self.n_clusters} clusters" + (", as suggested" if self.n_clusters == self.suggested else "")
        axes.plot([self.n_clusters], [self._chosen.entropy], marker="o", label=label, **ring)
        axes.set(xlabel="Number of clusters", ylabel="Entropy of the assignment (nats)", xticks=ks)
        axes.legend(loc="upper left")
        return axes

    def _merged(self, level: Clusters) -> str:
        """The two clusters merged to come to a level, such as `0+3, 5`."""
        if level.joined is None:
            return ""
        above = self.segments_of(level.n_clusters + 1)
        return ", ".join("+".join(map(str, above[cluster])) for cluster in level.joined)

    @property
    def _chosen(self) -> Clusters:
        return self.hierarchy.levels[self.n_clusters - 1]


def merge_components(
    model: MixtureModel, source: Source, engine: Engine, n_clusters: int | None = None, done: Done = silent
) -> MergedComponents:
    """Merge the components by the complete rows of a table, in K - 1 passes that hold nothing between them.

    `n_clusters`: by default the number suggested. Raises UsageError where there are not so many components,
    BadInputError where the table has no complete row of positive weight, or cannot be read.
    """
    k = model.n_components
    if n_clusters is not None:
        checked(n_clusters, k)
    shards = plan_shards(source)

    def observe(labels: Labels, of: Sequence[int]) -> Ambiguity:
        seen = engine.map_reduce(_observe_shard, shards, (model, labels, of), Ambiguity.merge, done)
        if not seen.sizes.sum() > 0:
            raise BadInputError(
                "no row has a value in every modelled column",
                expected="complete rows, by which components can be merged",
                where=source.name,
                advice="Name a table with fewer gaps, such as the one that the model was fitted to.",
            )
        return seen

    hierarchy = merged_by_entropy(k, observe)
    return MergedComponents(model.labels, hierarchy, n_clusters or hierarchy.suggested)


def checked(n_clusters: int, n_components: int) -> int:
    """The number of clusters, if there can be so many. Raises UsageError."""
    if not 1 <= n_clusters <= n_components:
        raise UsageError(
            f"{n_components} components cannot make {n_clusters} clusters",
            expected=f"a number from 1 to {n_components}",
        )
    return n_clusters


def _observe_shard(shard: Shard, shared: tuple[MixtureModel, Labels, Sequence[int]]) -> Ambiguity:
    model, labels, of = shared
    columns = np.arange(len(model.columns))
    parts = (
        ambiguity(posterior(model, prepared.block.dense(), columns)[0], prepared.block.weights, labels, of)
        for prepared in model.preparation.batches(shard)
    )
    return reduce(Ambiguity.merge, parts)
