import itertools

import pyarrow as pa
import pytest

from gmm_dask.errors import BadInputError
from gmm_dask.table.source.schemas import common_schema, common_type

CODES = pa.dictionary(pa.int8(), pa.string())
TYPES = [
    pa.null(),
    pa.int8(),
    pa.int64(),
    pa.uint8(),
    pa.float32(),
    pa.float64(),
    pa.bool_(),
    pa.string(),
    pa.large_string(),
    pa.binary(),
    CODES,
    pa.dictionary(pa.int32(), pa.string()),
    pa.timestamp("ms"),
    pa.timestamp("ns"),
    pa.timestamp("us", "UTC"),
    pa.date32(),
]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.uint8(), pa.uint32(), pa.uint32()),
        (pa.float32(), pa.float64(), pa.float64()),
        (pa.null(), pa.float32(), pa.float32()),
        (CODES, pa.string(), pa.string()),
        (CODES, pa.large_string(), pa.large_string()),
        (CODES, pa.dictionary(pa.int16(), pa.string()), pa.dictionary(pa.int32(), pa.string())),
        (pa.dictionary(pa.int8(), pa.null()), CODES, pa.dictionary(pa.int32(), pa.string())),
        (pa.string(), pa.large_string(), pa.large_string()),
        (pa.timestamp("ms"), pa.timestamp("us"), pa.timestamp("us")),
        (pa.int64(), pa.float64(), None),
        (pa.int64(), pa.uint64(), None),
        (pa.int64(), pa.string(), None),
        (CODES, pa.int64(), None),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), None),
        (pa.bool_(), pa.int8(), None),
    ],
)
def test_common_type(one, other, both):
    assert common_type(one, other) == both
    assert common_type(other, one) == both


@pytest.mark.parametrize(("one", "other"), list(itertools.product(TYPES, TYPES)))
def test_values_of_either_type_can_be_cast_to_the_common_type(one, other):
    both = common_type(one, other)
    for kind in (one, other):
        if both is not None:
            assert pa.nulls(2, kind).cast(both).type == both


def test_order_nullability_and_metadata_do_not_matter():
    first = pa.schema([pa.field("a", pa.int32(), nullable=False, metadata={"unit": "m"}), ("b", pa.null())])
    second = pa.schema([("b", pa.string()), ("a", pa.int64())], metadata={"writer": "someone"})
    assert common_schema([("1", first), ("2", second)], where="t") == pa.schema([("a", pa.int64()), ("b", pa.string())])


def test_dictionaries_have_codes_that_are_wide_enough_for_all_files():
    schema = common_schema([("1", pa.schema([("a", CODES)]))], where="t")
    assert schema.field("a").type == pa.dictionary(pa.int32(), pa.string())


def test_differences_are_told_by_column_type_and_first_place():
    found = [
        ("a.parquet", pa.schema([("x", pa.int64()), ("y", pa.int8())])),
        ("b.parquet", pa.schema([("x", pa.string()), ("y", pa.int8())])),
        ("c.parquet", pa.schema([("x", pa.string())])),
    ]
    with pytest.raises(BadInputError) as error:
        common_schema(found, where="table")
    assert "column 'x': int64 in a.parquet, string in b.parquet" in error.value.found
    assert "column 'y': int8 in a.parquet, missing in c.parquet" in error.value.found


def test_many_differing_columns_are_counted():
    wide = pa.schema([(f"c{number}", pa.int64()) for number in range(30)])
    with pytest.raises(BadInputError, match="and 22 more columns"):
        common_schema([("a", wide), ("b", pa.schema([]))], where="table")


def test_duplicate_names_are_refused():
    with pytest.raises(BadInputError, match="column name 'x' occurs more than once") as error:
        common_schema([("a.parquet", pa.schema([("x", pa.int64()), ("x", pa.int64())]))], where="table")
    assert error.value.where == "a.parquet"
