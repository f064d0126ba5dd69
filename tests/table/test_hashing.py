"""Hashes, sets and registers against published figures and plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from gmm_dask.table.compiling import given
from gmm_dask.table.hashing import (
    LARGEST_RANK,
    N_REGISTERS,
    Bits,
    distinct_hashes,
    hash_bytes,
    mix,
    priorities,
    raise_registers,
    rows_below,
)

SEED = 20260301
INCREMENT = 0x9E3779B97F4A7C15


def random_bits(n: int) -> Bits:
    return np.random.default_rng(SEED).integers(0, 2**64, n, dtype=np.uint64)


def hashes_of(values: np.ndarray, most: int = 4096) -> Bits:
    hashes, registers = distinct_hashes(given(values).view(np.uint64), values.dtype == np.float64, most)
    assert not registers.size
    return hashes


def test_mixing_gives_the_outputs_of_splitmix64() -> None:
    """The first ones of the published generator from state 0."""
    outputs = [hex(int(mix(np.uint64(k * INCREMENT % 2**64)))) for k in (1, 2, 3)]
    assert outputs == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_texts_have_the_published_hashes_of_fnv_1a() -> None:
    data = np.frombuffer(b"afoobar", np.uint8)
    found = hash_bytes(given(np.array([0, 0, 1, 7])), given(data))
    assert [hex(int(x)) for x in found] == ["0xcbf29ce484222325", "0xaf63dc4c8601ec8c", "0x85944171f73967e8"]


def test_rows_below_a_limit_are_those_of_their_priorities() -> None:
    rows = np.arange(1_000_000, 1_010_000)
    for limit in (0, 2**50, 2**62, 2**64 - 1):
        below = rows[priorities(np.uint64(SEED), given(rows)) < np.uint64(limit)]
        np.testing.assert_array_equal(rows_below(np.uint64(SEED), 1_000_000, 10_000, np.uint64(limit)), below)


def test_a_register_keeps_the_place_of_the_first_bit_set() -> None:
    shifted = random_bits(3000) >> np.arange(3000, dtype=np.uint64) % np.uint64(64)
    chosen = (np.arange(3000, dtype=np.uint64) * np.uint64(7)) << np.uint64(48)
    hashes = np.concatenate([random_bits(20_000), chosen | shifted & np.uint64(2**48 - 1)])
    expected = [0] * N_REGISTERS
    for bits in hashes[hashes != 0].tolist():
        others = f"{bits % 2**48:048b}"
        rank = others.index("1") + 1 if "1" in others else LARGEST_RANK
        expected[bits >> 48] = max(expected[bits >> 48], rank)
    registers = np.zeros(N_REGISTERS, np.uint8)
    raise_registers(given(hashes), registers)
    np.testing.assert_array_equal(registers, expected)
    assert LARGEST_RANK in registers


def test_no_value_raises_no_register() -> None:
    registers = np.zeros(N_REGISTERS, np.uint8)
    raise_registers(given(np.zeros(10, np.uint64)), registers)
    assert not registers.any()


@pytest.mark.parametrize("n", [0, 1, 2, 63, 64])
def test_few_values_are_a_set(n: int) -> None:
    values = np.random.default_rng(SEED).normal(size=n)
    found = hashes_of(np.tile(values, 50), 64)
    assert found.size == n
    assert set(found.tolist()) == set(np.concatenate([hashes_of(values[i : i + 1]) for i in range(n)] or [[]]).tolist())


def test_one_value_too_many_makes_registers_of_all() -> None:
    values = np.random.default_rng(SEED).normal(size=65)
    hashes, registers = distinct_hashes(given(values).view(np.uint64), True, 64)
    expected = np.zeros(N_REGISTERS, np.uint8)
    raise_registers(given(hashes_of(values)), expected)
    assert not hashes.size
    np.testing.assert_array_equal(registers, expected)


def test_what_is_no_number_is_no_value_and_zero_has_one_sign() -> None:
    strange = np.array([np.nan, -np.nan, np.inf, -np.inf, np.frombuffer(b"\x01\0\0\0\0\0\xf8\x7f")[0]])
    assert hashes_of(strange).size == 0
    assert hashes_of(np.array([0.0, -0.0])).size == 1
    assert hashes_of(np.array([0.0, 5e-324, -5e-324, 1.7e308])).size == 4
    # The bits of these floats are no numbers; as integers they are.
    assert hashes_of(strange.view(np.int64)).size == 5


def test_the_value_whose_hash_would_be_zero_is_one_all_the_same() -> None:
    assert hashes_of(np.array([2**64 - INCREMENT], np.uint64)).tolist() == [1]
