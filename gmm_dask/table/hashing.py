"""64-bit hashes of values, the sets and registers they are counted with, and pseudo-random row numbers, compiled.

All mixing is done by the finaliser of SplitMix64 (Steele, Lea & Flood 2014), a bijection of 64 bits. 0 stands for no
value; the value that would have this hash has 1. Registers are those of HyperLogLog (Flajolet et al. 2007): the hash's
first bits choose one of them, and it keeps the highest rank, which is the place of the first set bit among the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gmm_dask.table.compiling import compiled

Bits = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Registers = npt.NDArray[np.uint8]

LOG2_REGISTERS = 16
N_REGISTERS = 1 << LOG2_REGISTERS

LARGEST_RANK = 64 - LOG2_REGISTERS + 1
"""Of a hash whose other bits are all zero."""

_CHUNK = 2048  # values hashed at a time: their hashes stay in the first cache
_SLOTS_PER_HASH = 4  # of a set that is full: most look-ups end at the first slot

_NONE, _ONE = np.uint64(0), np.uint64(1)
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)
_FNV_OFFSET, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_EXPONENT = np.uint64(0x7FF << 52)  # of a float64: all set for NaN and infinities
_MANTISSA_BITS = np.uint64(52)
_LARGEST_EXPONENT = np.uint64(1023 + LARGEST_RANK)  # as float64 holds it
_OTHER_BITS = np.uint64(64 - LOG2_REGISTERS)
_OTHERS = np.uint64(2 ** (64 - LOG2_REGISTERS) - 1)


@compiled
def mix(bits: np.uint64) -> np.uint64:
    """Output of the generator whose state, already incremented, is `bits`."""
    bits = (bits ^ (bits >> _30)) * _FIRST
    bits = (bits ^ (bits >> _27)) * _SECOND
    return bits ^ (bits >> _31)


@compiled
def priorities(seed: np.uint64, rows: Rows) -> Bits:
    """64 pseudo-random bits per row number (m,): output number `row` of the generator that starts at the mixed seed."""
    start = mix(seed + _INCREMENT)  # the streams of neighbouring seeds would otherwise be shifts of one another
    bits = np.empty(rows.size, np.uint64)
    for i in range(rows.size):
        bits[i] = mix(start + np.uint64(rows[i]) * _INCREMENT)
    return bits


@compiled
def rows_below(seed: np.uint64, first: int, n: int, limit: np.uint64) -> Rows:
    """Which of the row numbers from `first` on, n of them, have a priority below the limit, increasing."""
    start = mix(seed + _INCREMENT)
    rows, found = np.empty(n, np.int64), 0
    for row in range(first, first + n):
        rows[found] = row
        found += int(mix(start + np.uint64(row) * _INCREMENT) < limit)
    return rows[:found].copy()


@compiled
def _hash_bits(bits: Bits, are_floats: bool, hashes: Bits) -> None:
    """Hashes (n,) of 64-bit values; of float64 ones -0 is 0, NaN and infinities are no values."""
    for i in range(bits.size):
        known = bits[i]
        is_value = True
        if are_floats:
            is_value = known & _EXPONENT != _EXPONENT
            known = _NONE if known << _ONE == _NONE else known
        hashes[i] = max(mix(known + _INCREMENT), _ONE) if is_value else _NONE


@compiled
def hash_bytes(offsets: Rows, data: Registers) -> Bits:
    """64 bits for each of n runs of bytes, data[offsets[i]:offsets[i + 1]]: FNV-1a (Fowler, Noll & Vo 1991)."""
    n = offsets.size - 1
    bits = np.empty(n, np.uint64)
    for i in range(n):
        bits[i] = _FNV_OFFSET
        for place in range(offsets[i], offsets[i + 1]):
            bits[i] = (bits[i] ^ np.uint64(data[place])) * _FNV_PRIME
    return bits


@compiled
def raise_registers(hashes: Bits, registers: Registers) -> None:
    """Raise the registers (N_REGISTERS,) to the ranks of hashes (n,)."""
    # A float64's exponent is the place of its first bit; one bit more than the others bounds the rank.
    numbers = np.empty(hashes.size)
    for i in range(hashes.size):
        numbers[i] = np.float64(np.int64((hashes[i] & _OTHERS) << _ONE | _ONE))
    exponents = numbers.view(np.uint64)
    for i in range(hashes.size):
        if hashes[i] != _NONE:
            rank = np.uint8(_LARGEST_EXPONENT - (exponents[i] >> _MANTISSA_BITS))
            chosen = hashes[i] >> _OTHER_BITS
            registers[chosen] = max(registers[chosen], rank)


@compiled
def _add_to_set(hashes: Bits, slots: Bits, n: int, most: int) -> int:
    """Put hashes in a set of n, slots (a power of two,) that hold 0 where they are free: its size; most + 1 is full."""
    last = slots.size - 1
    for i in range(hashes.size):
        # Hashes are as good as random, so the last bits of one may say where it is looked for first.
        slot = np.int64(hashes[i]) & last
        while slots[slot] != hashes[i] and slots[slot] != _NONE:
            slot = (slot + 1) & last
        if slots[slot] != hashes[i]:
            n += 1
            if n > most:
                break
            slots[slot] = hashes[i]
    return n


@compiled
def distinct_hashes(bits: Bits, are_floats: bool, most: int) -> tuple[Bits, Registers]:
    """The hashes of 64-bit values (n,), each once and in no order, if they are `most` at most, a power of two; else
    none, and registers (N_REGISTERS,); these are empty in the first case."""
    slots, buffer, n = np.zeros(_SLOTS_PER_HASH * most, np.uint64), np.empty(_CHUNK, np.uint64), 0
    for start in range(0, bits.size, _CHUNK):
        chunk = bits[start : start + _CHUNK]
        hashes = buffer[: chunk.size]
        _hash_bits(chunk, are_floats, hashes)
        n = _add_to_set(hashes, slots, n, most)
        if n > most:
            break
    if n <= most:
        return slots[slots != _NONE], np.zeros(0, np.uint8)
    registers = np.zeros(N_REGISTERS, np.uint8)
    for start in range(0, bits.size, _CHUNK):
        chunk = bits[start : start + _CHUNK]
        hashes = buffer[: chunk.size]
        _hash_bits(chunk, are_floats, hashes)
        raise_registers(hashes, registers)
    return slots[:0], registers
