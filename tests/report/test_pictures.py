"""Pictures live in a page: they bring nothing of their own into it, and show what they are given."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from gmm_dask.report.comparison import Comparison
from gmm_dask.report.pictures import criterion_picture, profiles_picture, sizes_picture
from gmm_dask.report.profiles import Profiles


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("text")]


@pytest.fixture
def pictures(make_model, selection):
    profiles = Profiles.of(make_model())
    return [
        criterion_picture(Comparison.of(selection, "bic")),
        sizes_picture(profiles.shares),
        profiles_picture(profiles),
    ]


def test_pictures_take_all_colours_from_the_page(pictures):
    for svg in pictures:
        for style in re.findall(r'style="([^"]*)"', svg):
            assert "#" not in style.replace("url(#", "")
            assert "DejaVu" not in style


def test_no_id_is_used_twice_and_every_reference_is_met(pictures):
    page = "".join(pictures)
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]*)', page)) <= set(ids)


def test_pictures_do_not_depend_on_the_users_style(make_model):
    profiles = Profiles.of(make_model())
    usual = profiles_picture(profiles)
    with mpl.rc_context({"font.size": 40, "svg.fonttype": "path", "text.color": "pink", "text.usetex": True}):
        assert profiles_picture(profiles) == usual
        assert mpl.rcParams["font.size"] == 40


def test_a_doubtful_candidate_is_hollow_and_does_not_stretch_the_picture(selection):
    svg = criterion_picture(Comparison.of(selection, "bic"))
    assert {"diag", "full", "best: 3 segments, full", "not to be trusted", "300"} <= set(texts(svg))
    sound = selection[selection["outcome"] == "converged"]
    assert "not to be trusted" not in texts(criterion_picture(Comparison.of(sound, "bic")))


def test_candidates_that_are_all_doubtful_or_alone_still_make_a_picture(selection):
    criterion_picture(Comparison.of(selection.assign(outcome="singular"), "icl"))
    criterion_picture(Comparison.of(selection[selection["best"]], "aic"))


def test_bars_are_labelled():
    assert texts(sizes_picture(np.array([0.7, 0.2996, 0.0004]))) == [
        "Segment 0", "70.0%", "Segment 1", "30.0%", "Segment 2", "<0.1%",
    ]  # fmt: skip


def test_means_stand_in_the_cells(make_model):
    profiles = Profiles.of(make_model(3, 2))
    shown = texts(profiles_picture(profiles))
    assert shown[:4] == ["Segment", "0", "1", "2"]
    first = [float(text.replace(",", "")) for text in shown[5:8]]
    np.testing.assert_allclose(first, profiles.means[:, 0], atol=0.06)


def test_colours_say_how_far_and_stop_at_two_deviations():
    extreme = Profiles(
        ("a",), np.array([0.5, 0.5]), np.array([[-9.0], [1.0]]), np.ones((2, 1)), np.array([0.0]), np.array([1.0])
    )
    fills = re.findall(r'"(fill: var\(--(?:low|high)\)[^"]*)"', profiles_picture(extreme))
    assert fills[:2] == ["fill: var(--low)", "fill: var(--high); opacity: 0.5"]


@pytest.mark.parametrize("name", ["$x_1$ costs $y", "日本語の列", "a\x00b\n\tc", "<&\"'>", "", "long " * 40])
def test_any_name_can_stand_beside_a_picture(make_model, name):
    shown = texts(profiles_picture(Profiles.of(make_model(2, names=[name, "other"]))))
    assert len(shown) == 1 + 2 + 2 * 2 + 3 + (2 if name else 1)
