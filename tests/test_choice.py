"""The table by which a choice can be distrusted, the plot and the sentences; published choices."""

import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from gmm_dask import select
from gmm_dask.api import SelectionResult
from gmm_dask.em import Flaw, Outcome
from gmm_dask.errors import UsageError


@pytest.fixture(scope="module")
def found():
    """Three groups and what was found there; the fit of K = 4, full is said to have collapsed, with the least BIC."""
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=(n, 2)) + centre for n, centre in ((500, (0, 0)), (300, (6, 0)), (200, (0, 6)))]
    frame = pd.DataFrame(np.concatenate(groups), columns=["x", "y"])
    selection = select(frame, range(1, 6), ["full", "diag"], columns={"transform": "none"}).selection
    results = list(selection.results)
    component = int(results[3].fit.parameters.weights.argmin())
    fit = replace(results[3].fit, outcome=Outcome.COLLAPSED, flaw=Flaw(Outcome.COLLAPSED, component, 1))
    results[3] = replace(results[3], fit=fit, criteria={**results[3].criteria, "bic": -1e6})
    return frame, SelectionResult(replace(selection, results=tuple(results)))


def test_differences_are_those_of_the_criterion_to_the_best(found):
    _, result = found
    table, best = result.table, result.table[result.table["best"]].iloc[0]
    np.testing.assert_allclose(table["difference"], table["bic"] - best["bic"])
    sound = table[table["set_aside"] == ""]
    assert sound["difference"].min() == 0
    assert table["difference"].min() < 0


def test_who_was_set_aside_is_told_with_the_place(found):
    _, result = found
    share = f"{result.table.loc[3, 'smallest_weight']:.2%}"
    assert result.table.loc[3, "set_aside"] == f"a component of {share} of the rows on a spike of column 'y'"
    assert (result.table.loc[result.table["outcome"] == "converged", "set_aside"] == "").all()
    (note,) = result.selection.notes()
    assert f"K = 4, full, collapsed (a component of {share} of the rows on a spike of column 'y')" in note


def test_what_is_smallest_is_that_of_the_model(found):
    frame, result = found
    table = result.table
    for index in (1, 2, 6):
        model = result.model(index).model
        assert table.loc[index, "smallest_weight"] == model.parameters.weights.min()
        assert table.loc[index, "smallest_rows"] == pytest.approx(len(frame) * model.parameters.weights.min())
        k = model.n_components
        probabilities = result.model(index).score(frame, probabilities=True)[[f"probability_{i}" for i in range(k)]]
        expected = -np.log(probabilities.to_numpy().max(axis=1)).mean()
        assert table.loc[index, "min_entropy"] == pytest.approx(expected, rel=1e-6)


def test_the_smallest_variance_is_the_least_ratio_over_all_directions(found):
    frame, result = found
    table = result.table
    assert table.loc[0, "smallest_variance"] == 1
    angles = np.linspace(0, np.pi, 20_001)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    whole = np.cov(frame.to_numpy().T, bias=True)
    for index in (1, 2, 4):
        covariances = result.model(index).model.parameters.dense_covariances()
        ratios = np.einsum("an,kab,bn->kn", directions, covariances, directions) / np.einsum(
            "an,ab,bn->n", directions, whole, directions
        )
        assert table.loc[index, "smallest_variance"] == pytest.approx(ratios.min(), rel=1e-2)


def test_the_verdict_tells_choice_lead_and_doubts(found):
    _, result = found
    verdict = result.verdict()
    assert verdict.startswith("BIC chooses K = 3, ")
    assert "below the best of any other K" in verdict
    assert "below the best of any other type" in verdict
    assert "with a better BIC set aside (K = " in verdict
    assert "on a spike of column" in verdict


def test_the_plot_has_a_line_per_type_and_marks_the_best_and_the_doubtful(found):
    _, result = found
    mpl.use("agg")
    axes = result.plot()
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    best = result.best
    kind = best.model.parameters.family.name
    assert labels == ["diag", "full", f"best: {best.n_components} components, {kind}", "not to be trusted"]
    lines = {line.get_label(): line for line in axes.get_lines()}
    sound = result.table[result.table["set_aside"] == ""]
    for name in ("diag", "full"):
        of_type = sound[sound["covariance_type"] == name]
        np.testing.assert_array_equal(lines[name].get_xdata(), of_type["n_components"])
        np.testing.assert_allclose(lines[name].get_ydata(), of_type["difference"])
    hollow = [line for line in axes.get_lines() if line.get_label().startswith("_")]
    assert len(hollow) == (result.table["set_aside"] != "").sum()
    assert result.plot(ax=axes) is axes
    plt.close("all")


def test_a_plot_without_the_extra_says_what_to_install(found, monkeypatch):
    _, result = found
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(UsageError, match=r"a plot needs matplotlib.*pip install 'gmm-dask\[report\]'"):
        result.plot()


def test_baudrys_first_example(shared_data):
    """Baudry et al. 2010, section 4.1, unconstrained covariances: six by BIC, four by ICL (and by AWE)."""
    frame = pd.read_csv(shared_data / "baudry_ex4_1.csv.gz")
    chosen = {}
    for criterion in ("bic", "icl", "awe"):
        found = select(frame, range(1, 9), "full", criterion=criterion, columns={"transform": "none"})
        chosen[criterion] = found.table[found.table["best"]].iloc[0]
    assert {name: row["n_components"] for name, row in chosen.items()} == {"bic": 6, "icl": 4, "awe": 4}
    assert chosen["bic"]["log_likelihood"] == pytest.approx(-1951.284, abs=0.001)
    assert chosen["bic"]["bic"] == pytest.approx(4126.461, abs=0.001)
