"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from gmm_dask.report.numbers import counted, duration, mean_and_sd, number, percent, short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.5, "0.5"),
        (1.23456, "1.235"),
        (-12.3456, "-12.35"),
        (1_234_567.8, "1,234,568"),
        (0.000123456, "0.0001235"),
        (1.5e-7, "1.500e-07"),
        (2.5e13, "2.500e+13"),
        (999.96, "1,000"),
        (math.nan, "–"),
        (-math.inf, "–"),
    ],
)
def test_numbers_have_four_digits_and_keep_those_before_the_point(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (2013.4, "2,013"),
        (56_700.0, "56.7k"),
        (999_999.0, "1M"),
        (-1.234e9, "-1.23B"),
        (3e15, "3.0e+15"),
        (0.0123, "0.0123"),
        (1.2e-5, "1.2e-05"),
        (math.nan, "–"),
    ],
)
def test_short_numbers_fit_a_cell(value, text):
    assert short(value) == text
    assert len(text) <= 7


@pytest.mark.parametrize(
    ("mean", "sd", "texts"),
    [
        (12.639, 40.21, ("12.6", "40.2")),
        (1_048.37, 733.2, ("1,048", "733")),
        (-0.00001, 2.5, ("0.00", "2.50")),
        (5.0, 0.0, ("5", "0")),
        (3e20, 1.0, ("3.000e+20", "1")),
    ],
)
def test_a_mean_ends_at_the_digit_of_its_deviation(mean, sd, texts):
    assert mean_and_sd(mean, sd) == texts


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0%"), (0.0003, "<0.1%"), (0.342, "34.2%"), (0.9999, ">99.9%"), (1.0, "100%")],
)
def test_a_little_is_not_nothing(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.001, "<0.1 s"),
        (1.24, "1.2 s"),
        (42.7, "43 s"),
        (59.7, "1 min 0 s"),
        (252, "4 min 12 s"),
        (7_500, "2 h 5 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_nouns_agree():
    assert [counted(count, "row") for count in (0, 1, 12_345)] == ["0 rows", "1 row", "12,345 rows"]
