"""Segment numbers stay with their components, through any number of models; a number is given once."""

from dataclasses import replace

import numpy as np
import pytest

from gmm_dask.errors import UsageError
from gmm_dask.mixture import FAMILIES, MixtureParameters, family_named
from gmm_dask.model import Changes, Succession, in_units_of, succeeding
from gmm_dask.table.curves import Identity, Log1p
from gmm_dask.table.prepare import Preparation
from gmm_dask.table.transforms import Transform


def line(means, weights=None):
    """Components of variance one at these places."""
    k = len(means)
    weights = np.full(k, 1 / k) if weights is None else np.array(weights)
    return MixtureParameters(
        family_named("full"), weights, np.array(means, float)[:, None], np.tile(np.eye(1), (k, 1, 1))
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_permuted_model_comes_back_in_its_order(make_model, family):
    before = make_model(4, 3, family=family)
    after = succeeding(before.ordered(np.array([2, 0, 3, 1])), before)
    assert after.labels == before.labels == (0, 1, 2, 3)
    for name in ("weights", "means", "covariances"):
        np.testing.assert_array_equal(getattr(after.parameters, name), getattr(before.parameters, name))
    np.testing.assert_array_equal(after.basis.statistics.moments, before.basis.statistics.moments)
    np.testing.assert_array_equal(after.basis.statistics.centres, before.basis.statistics.centres)
    assert list(after.succession.changes.sentences()) == []


def test_numbers_stay_and_none_is_given_twice(make_model):
    first = make_model(parameters=line([0, 10, 20]))
    second = succeeding(make_model(parameters=line([20.1, 0.1])), first)
    assert (second.labels, second.n_labels) == ((0, 2), 3)
    assert second.succession.changes.vanished == (1,)
    third = succeeding(make_model(parameters=line([10, 0, 30, 20], [0.2, 0.3, 0.4, 0.1])), second)
    assert third.labels == (0, 2, 3, 4)  # 1 is not given again, though something is there again
    assert third.parameters.means.ravel().tolist() == [0, 20, 30, 10]  # of new ones the larger comes first
    assert third.succession.changes.new == (3, 4)
    fourth = succeeding(make_model(parameters=line([20])), third)
    fifth = succeeding(make_model(parameters=line([20, 50])), fourth)
    assert (fifth.labels, fifth.n_labels) == ((2, 5), 6)


def test_changes_are_told_by_number(make_model):
    before = succeeding(make_model(parameters=line([0, 40])), make_model(parameters=line([99, 40, 0])))
    assert before.labels == (1, 2)
    parts = line([-1.6, 1.6, 40, 80], [0.3, 0.15, 0.3, 0.25])
    wide = MixtureParameters(before.parameters.family, before.parameters.weights, before.parameters.means,
                             before.parameters.covariances * np.array([1.0, 3.5])[:, None, None])  # fmt: skip
    before = replace(before, parameters=wide)
    assert before.parameters.means.ravel().tolist() == [40, 0]
    after = succeeding(make_model(parameters=parts), before)
    assert after.succession.changes.split == {2: (2, 4)}
    assert after.succession.changes.new == (3,)
    back = succeeding(before, after)
    assert back.succession.changes.merged == {2: (2, 4)}
    assert back.succession.changes.vanished == (3,)
    assert list(after.succession.changes.sentences()) == [
        "segment 3 is new: not in the model before",
        "segment 2 of the model before is split into segments 2 and 4",
    ]
    assert list(back.succession.changes.sentences()) == [
        "segment 3 vanished: in the model before, and not in this one",
        "segments 2 and 4 of the model before are merged in segment 2",
    ]


def test_changes_as_json_come_back():
    succession = Succession(
        (0, 2, 3), 5, Changes({0: 0.1, 2: 1 / 3}, (3,), (1, 4), {0: (0, 3)}, {2: (2, 1)})
    )  # fmt: skip
    assert Succession.from_json(succession.to_json()) == succession


@pytest.mark.parametrize(("labels", "n_given"), [((0, 0), 2), ((1, 0), 2), ((0, 2), 2), ((-1, 0), 2), ((), 0)])
def test_numbers_that_are_no_numbering_are_refused(labels, n_given):
    with pytest.raises(ValueError, match="segment numbers"):
        Succession(labels, n_given, Changes())


def test_columns_may_come_in_another_order(make_model):
    before = make_model(3, 3)
    names, transforms = zip(*before.preparation.transforms, strict=True)
    turned = replace(
        before,
        parameters=before.parameters.marginal(np.array([2, 0, 1])),
        preparation=Preparation(tuple((names[index], transforms[index]) for index in (2, 0, 1))),
    )
    assert max(succeeding(turned, before).succession.changes.kept.values()) == 0


def test_other_columns_are_other_segments(make_model):
    with pytest.raises(UsageError, match=r"other columns: without \['x2'\]"):
        succeeding(make_model(2, 2), make_model(2, 3))
    with pytest.raises(UsageError, match=r"with \['x1'\] besides"):
        succeeding(make_model(2, 2), make_model(2, 1))


class TestUnits:
    """A mixture in the units of another model."""

    def test_shift_and_scale_are_exact(self, make_model):
        here = [
            Transform("standardise", Identity(), 3.0, 2.0, -9.0, 9.0),
            Transform("none", Identity(), -1.0, 1.0, 0, 1),
        ]
        there = [
            Transform("standardise", Identity(), 5.0, 4.0, -9.0, 9.0),
            Transform("none", Identity(), 2.0, 1.0, 0, 1),
        ]
        model, other = make_model(3, 2, transforms=here), make_model(3, 2, transforms=there)
        found = in_units_of(model, other)
        np.testing.assert_allclose(found.means, model.parameters.means * [0.5, 1] + [-0.5, -3], rtol=1e-12, atol=1e-12)
        factors = np.outer([0.5, 1], [0.5, 1])
        np.testing.assert_allclose(found.covariances, model.parameters.dense_covariances() * factors, rtol=1e-10)

    def test_other_curves_keep_the_moments_of_every_component(self, make_model):
        """Log-normal columns seen in plain units: the means and covariances that are known in closed form."""
        covariance = np.array([[[2.25, 0.3], [0.3, 0.16]]])
        parameters = MixtureParameters(family_named("full"), np.ones(1), np.array([[1.0, 0.5]]), covariance)
        curved = [Transform("log1p", Log1p(), 0.0, 1.0, -1.0, 1e12)] * 2
        found = in_units_of(make_model(parameters=parameters, transforms=curved), make_model(1, 2))
        variances, means = np.diagonal(covariance[0]), parameters.means[0]
        expected = np.exp(means + variances / 2)
        np.testing.assert_allclose(found.means[0], expected - 1, rtol=1e-6)
        np.testing.assert_allclose(
            found.covariances[0], np.outer(expected, expected) * np.expm1(covariance[0]), rtol=1e-5
        )

    def test_what_another_curve_is_not_defined_for_is_held_to_its_range(self, make_model):
        plain = make_model(parameters=line([-30, 5]))
        curved = make_model(1, 1, transforms=[Transform("log1p", Log1p(), 0.0, 1.0, 0.5, 50.0)])
        found = in_units_of(plain, curved)
        assert found.means[0, 0] == pytest.approx(np.log1p(0.5))
        assert np.isfinite(found.covariances).all()
