import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmm_dask.table.source.csv_types import TYPES, Inferred

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False).map(str),
    st.sampled_from(["true", "False", "0", "1", "x", "007", "1e5", "-inf", "1,5"]),
    st.dates().map(str),
    st.datetimes(min_value=dt.datetime(1900, 1, 1)).map(str),
    st.datetimes(min_value=dt.datetime(1900, 1, 1)).map(lambda time: time.isoformat() + "Z"),
)


def inferred(values):
    return Inferred().with_values(pa.array(values, pa.string()))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([], pa.null()),
        ([None, None], pa.null()),
        (["1", None, "-3"], pa.int64()),
        (["1"] * 100_000 + ["2.5"], pa.float64()),
        (["1e5", "inf", ".5"], pa.float64()),
        (["0", "1"], pa.int64()),
        (["true", "FALSE", None], pa.bool_()),
        (["2013-01-05"], pa.date32()),
        (["2013-01-05", "2013-01-05 10:00"], pa.timestamp("us")),
        (["2013-01-05 10:00:00.123456789"], pa.timestamp("ns")),
        (["2013-01-01T10:00:00Z", "2013-01-01T10:00:00+01:00"], pa.timestamp("us", "UTC")),
        (["2013-01-01T10:00:00Z", "2013-01-01T10:00:00"], pa.string()),
        (["1"] * 100_000 + ["x"], pa.string()),
        (["1", "2013-01-05"], pa.string()),
        (["1", "true", "x"], pa.string()),
        (["12345678901234567890"], pa.string()),
        (["12345678901234567890", "1.5"], pa.string()),
        (["123456789012345678", "1.5"], pa.string()),
    ],
)
def test_a_column_takes_the_first_type_that_all_its_values_have(values, kind):
    assert inferred(values).type == kind


@given(st.lists(VALUES, max_size=12), st.integers(0, 12))
def test_the_type_depends_on_the_values_and_not_on_their_order_or_blocks(values, cut):
    whole = inferred(values)
    assert inferred(values[cut:]).with_values(pa.array(values[:cut], pa.string())) == whole
    assert inferred(values[cut:]).merged(inferred(values[:cut])) == whole
    assert whole.merged(Inferred()) == whole.merged(whole) == whole


@given(st.lists(VALUES, max_size=12))
def test_every_value_can_be_cast_to_the_type(values):
    kind = inferred(values).type
    if kind == pa.null():
        assert set(values) <= {None}
    else:
        assert pa.array(values, pa.string()).cast(kind).null_count == values.count(None)


def test_text_stays_text():
    assert Inferred.text().merged(inferred(["1"])).type == pa.string()
    assert len(set(TYPES)) == len(TYPES)
