"""The inner loops of the sweep: products held in registers.

LLVM does not tile a matrix product by itself, so these two are written for it instruction by instruction: each keeps a
tile of sums in registers and uses every number it loads several times. What a sum adds, and in which order, does not
depend on the size of the tile, which is chosen for the registers there are.
"""

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from gmm_dask.mixture.vectors import DOUBLES, LANES, first_element, fused, load_at, shuffled, splatted, store_at

_FEATURES = get_host_cpu_features().flatten() if config.CPU_FEATURES is None else config.CPU_FEATURES
_HAS_32_REGISTERS = "+avx512f" in _FEATURES

STRIP = 4 * LANES
"""Rows whose log densities are computed at a time."""

WIDTH = 6
"""Columns of a triangular factor in a tile of `log_densities`."""

COMPONENTS, FEATURES = (6, 4) if _HAS_32_REGISTERS else (3, 2)
"""The largest tile of `add_products`."""

_VECTORS = 4 if _HAS_32_REGISTERS else 1  # of a strip, per tile of `log_densities`
_INTEGER = ir.IntType(64)
_ZERO = ir.Constant(DOUBLES, [0.0] * LANES)


class _Sums:
    """A tile of vectors that are added to; LLVM keeps them in registers."""

    def __init__(self, builder, start):
        self._builder = builder
        self._places = [cgutils.alloca_once(builder, DOUBLES) for _ in start]
        for place, value in zip(self._places, start, strict=True):
            builder.store(value, place)

    def add_product(self, number, a, b):
        place = self._places[number]
        self._builder.store(fused(self._builder, a, b, self._builder.load(place)), place)

    def values(self):
        return [self._builder.load(place) for place in self._places]


def _integer(number):
    return ir.Constant(_INTEGER, number)


def _number(builder, data, index):
    return builder.load(builder.gep(data, [_integer(index)]))


def _for_each(builder, number, choices, generate):
    """Code for each of the choices; the one that `number` is runs."""
    end = builder.append_basic_block("end")
    chosen = builder.switch(number, end)
    for choice in choices:
        block = builder.append_basic_block(f"choice_{choice}")
        chosen.add_case(_integer(choice), block)
        builder.position_at_end(block)
        generate(choice)
        builder.branch(end)
    builder.position_at_end(end)


@intrinsic
def log_densities(typing, x, at, stride, roots, root, offsets, offset, d, constant, out, place):
    """out[place : place + STRIP] = constant - |U' x - o|^2 / 2.

    x: lines of `stride` numbers, of which the strip from `at` on is used; U = roots[root], (d, d) upper triangular;
    o = offsets[offset], (d,). Columns of U are taken by tiles of WIDTH, the first of what is left over.
    """

    def generate(context, builder, signature, arguments):
        _, at, stride, _, root, _, offset, d, constant, _, place = arguments
        x, roots, offsets, out = (
            first_element(context, builder, signature.args[number], arguments[number]) for number in (0, 3, 5, 9)
        )
        u = builder.gep(roots, [builder.mul(root, builder.mul(d, d))])
        o = builder.gep(offsets, [builder.mul(offset, d)])
        squares = _Sums(builder, [_ZERO] * (STRIP // LANES))

        def add_tile(width, column):
            shifts = [
                splatted(builder, builder.fneg(_number(builder, builder.gep(o, [column]), b))) for b in range(width)
            ]
            for first in range(0, STRIP // LANES, _VECTORS):
                vectors = range(first, first + _VECTORS)
                sums = _Sums(builder, [shifts[b] for b in range(width) for _ in vectors])

                def add_row(a, skipped, vectors=vectors, sums=sums):
                    line = builder.add(builder.mul(a, stride), at)
                    xs = [load_at(builder, x, builder.add(line, _integer(v * LANES))) for v in vectors]
                    coefficients = builder.gep(u, [builder.add(builder.mul(a, d), column)])
                    for b in range(skipped, width):
                        coefficient = splatted(builder, _number(builder, coefficients, b))
                        for v, values in enumerate(xs):
                            sums.add_product(b * _VECTORS + v, coefficient, values)

                with cgutils.for_range(builder, column, intp=_INTEGER) as loop:
                    add_row(loop.index, 0)
                for b in range(width):
                    add_row(builder.add(column, _integer(b)), b)
                for number, y in enumerate(sums.values()):
                    squares.add_product(first + number % _VECTORS, y, y)

        left_over = builder.add(builder.srem(builder.sub(d, _integer(1)), _integer(WIDTH)), _integer(1))
        _for_each(builder, left_over, range(1, WIDTH + 1), lambda width: add_tile(width, _integer(0)))
        with cgutils.for_range_slice(builder, left_over, d, _integer(WIDTH), intp=_INTEGER) as (column, _):
            add_tile(WIDTH, column)
        minus_half, constant = ir.Constant(DOUBLES, [-0.5] * LANES), splatted(builder, constant)
        for v, square in enumerate(squares.values()):
            density = fused(builder, square, minus_half, constant)
            store_at(builder, density, out, builder.add(place, _integer(v * LANES)))
        return context.get_dummy_value()

    integer, number = types.int64, types.float64
    return types.void(x, integer, integer, roots, integer, offsets, integer, integer, number, out, integer), generate


@intrinsic
def add_products(typing, height, is_new, rows, at, stride, n, x, left, right, feature, phi, out, place, pitch):
    """out[place + pitch i + j] += sum over r < n of rows[at + stride i + r] phi[stride j + r].

    For i < height <= COMPONENTS and j < FEATURES; n is a multiple of LANES. phi[j] is the product of lines
    left[feature + j] and right[feature + j] of x; where `is_new` it is computed, and kept in phi, else taken from
    there. Lines of rows, x and phi are `stride` numbers apart.
    """

    def generate(context, builder, signature, arguments):
        height, is_new, _, at, stride, n, _, _, _, feature, _, _, place, pitch = arguments
        rows, x, left, right, phi, out = (
            first_element(context, builder, signature.args[number], arguments[number])
            for number in (2, 6, 7, 8, 10, 11)
        )
        pairs = [
            [builder.mul(stride, _number(builder, builder.gep(side, [feature]), j)) for side in (left, right)]
            for j in range(FEATURES)
        ]
        kept = [builder.mul(stride, _integer(j)) for j in range(FEATURES)]

        def computed(r):
            for pair, line in zip(pairs, kept, strict=True):
                product = builder.fmul(*(load_at(builder, x, builder.add(factor, r)) for factor in pair))
                store_at(builder, product, phi, builder.add(line, r))
                yield product

        def taken(r):
            for line in kept:
                yield load_at(builder, phi, builder.add(line, r))

        def add_tile(height, features):
            lines = [builder.add(at, builder.mul(stride, _integer(i))) for i in range(height)]
            sums = _Sums(builder, [_ZERO] * (height * FEATURES))
            with cgutils.for_range_slice(builder, _integer(0), n, _integer(LANES), intp=_INTEGER) as (r, _):
                products = list(features(r))
                for i, line in enumerate(lines):
                    factor = load_at(builder, rows, builder.add(line, r))
                    for j, product in enumerate(products):
                        sums.add_product(i * FEATURES + j, factor, product)
            _add_totals(builder, sums.values(), out, place, pitch)

        heights = range(1, COMPONENTS + 1)
        with builder.if_else(is_new) as (new, known):
            with new:
                _for_each(builder, height, heights, lambda height: add_tile(height, computed))
            with known:
                _for_each(builder, height, heights, lambda height: add_tile(height, taken))
        return context.get_dummy_value()

    integer = types.int64
    return types.void(
        integer, types.boolean, rows, integer, integer, integer, x, left, right, integer, phi, out, integer, integer
    ), generate


def _add_totals(builder, vectors, out, place, pitch):
    """Add the sum of each vector's lanes to out, FEATURES to a line."""
    spare = -len(vectors) % LANES
    vectors = [*vectors, *[_ZERO] * spare]
    totals = [_totals(builder, vectors[i : i + LANES]) for i in range(0, len(vectors), LANES)]
    for i in range((len(vectors) - spare) // FEATURES):
        vector, lane = divmod(i * FEATURES, LANES)
        new = shuffled(builder, totals[vector], totals[vector], list(range(lane, lane + FEATURES)))
        where = builder.add(place, builder.mul(pitch, _integer(i)))
        store_at(builder, builder.fadd(load_at(builder, out, where, new.type), new), out, where)


def _totals(builder, vectors):
    """The sums of LANES vectors as one vector: neighbouring vectors are interleaved and added, by halves."""
    run = 1
    while len(vectors) > 1:
        low, high = [], []
        for lane in range(0, LANES, 2 * run):
            for source in (0, LANES):
                low += [source + lane + i for i in range(run)]
                high += [source + lane + run + i for i in range(run)]
        vectors = [
            builder.fadd(shuffled(builder, a, b, low), shuffled(builder, a, b, high))
            for a, b in zip(vectors[::2], vectors[1::2], strict=True)
        ]
        run *= 2
    return vectors[0]
