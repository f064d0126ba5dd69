"""A model that takes up the segment numbers of the model before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

import numpy as np

from gmm_dask.mixture.matching import Matching, match
from gmm_dask.model.changes import Changes, Succession
from gmm_dask.model.mixture_model import MixtureModel
from gmm_dask.model.units import in_units_of


def succeeding(model: MixtureModel, before: MixtureModel) -> MixtureModel:
    """The same mixture, whose components have the segment numbers of those in `before` that they are matched with.

    Others get numbers that were never given, in order of falling weight. Components are compared in the model units of
    `before`. Raises UsageError where the two model different columns.
    """
    matching = match(before.parameters, in_units_of(model, before))
    unused = count(before.n_labels)
    labels: dict[int, int] = {}
    for component in np.argsort(-model.parameters.weights, kind="stable").tolist():
        old = matching.old_of[component]
        labels[component] = next(unused) if old is None else before.labels[old]
    order = np.array(sorted(labels, key=labels.__getitem__))
    numbers = tuple(labels[component] for component in order.tolist())
    succession = Succession(numbers, next(unused), _changes(matching, labels, before.labels))
    return replace(model.ordered(order), succession=succession)


def _changes(matching: Matching, labels: Mapping[int, int], before: tuple[int, ...]) -> Changes:
    kept = {
        labels[component]: distance
        for component, distance in enumerate(matching.distances)
        if matching.old_of[component] is not None
    }
    return Changes(
        kept=dict(sorted(kept.items())),
        new=tuple(sorted(labels[component] for component in matching.new)),
        vanished=tuple(before[component] for component in matching.vanished),
        split={before[old]: tuple(labels[part] for part in parts) for old, parts in matching.splits.items()},
        merged={labels[new]: tuple(before[part] for part in parts) for new, parts in matching.mergers.items()},
    )
