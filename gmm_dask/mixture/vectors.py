"""Eight float64 numbers as one value of compiled code.

numba's own loops leave it to LLVM whether and how they are vectorised. Here a `Vector` is a type of its own, LLVM's
<8 x double>, with loads, stores and arithmetic: one register where there is AVX-512, two with AVX2, four with NEON.
Every operation is IEEE's, lane by lane and in the order written (no fast-math), so results do not depend on the
registers that a processor has.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 8

DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
INTEGERS = ir.VectorType(ir.IntType(64), LANES)

_MANTISSA_BITS = 52
_ROOT_HALF = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2)


class Vector(types.Type):
    """The numba type; `VECTOR` is its only instance."""

    def __init__(self):
        super().__init__("float64x8")


VECTOR = Vector()


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, DOUBLES)


# What code generation is made of. Arrays are C-contiguous and indexed as if flat; bounds are not checked.


def first_element(context, builder, array_type, array):
    """The address of an array's data."""
    return context.make_array(array_type)(context, builder, array).data


def load_at(builder, data, index, kind=DOUBLES):
    """A vector from data[index], data[index + 1], ...; no alignment is asked for."""
    loaded = builder.load(builder.bitcast(builder.gep(data, [index]), kind.as_pointer()))
    loaded.align = 8
    return loaded


def store_at(builder, value, data, index):
    """The opposite of `load_at`."""
    stored = builder.store(value, builder.bitcast(builder.gep(data, [index]), value.type.as_pointer()))
    stored.align = 8


def shuffled(builder, left, right, lanes):
    """The numbered lanes of left and right, taken as one after the other."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(left, right, mask)


def splatted(builder, number):
    """A vector of one number."""
    undefined = ir.Constant(DOUBLES, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    return shuffled(builder, first, undefined, [0] * LANES)


def fused(builder, a, b, c):
    """a b + c, rounded once."""
    signature = ir.FunctionType(DOUBLES, [DOUBLES] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, "llvm.fma.v8f64"), [a, b, c])


# The operations of compiled code.


@intrinsic
def load(typing, array, index):
    """The vector at array[index] and on."""

    def generate(context, builder, signature, arguments):
        data = first_element(context, builder, signature.args[0], arguments[0])
        return load_at(builder, data, arguments[1])

    return VECTOR(array, types.int64), generate


@intrinsic
def store(typing, array, index, value):
    """Write the vector to array[index] and on."""

    def generate(context, builder, signature, arguments):
        data = first_element(context, builder, signature.args[0], arguments[0])
        store_at(builder, arguments[2], data, arguments[1])
        return context.get_dummy_value()

    return types.void(array, types.int64, VECTOR), generate


@intrinsic
def prefetch(typing, array, index):
    """Ask for the cache line of array[index]; it may lie beyond the end."""

    def generate(context, builder, signature, arguments):
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        address = builder.gep(first_element(context, builder, signature.args[0], arguments[0]), [arguments[1]])
        read, second_cache, data = (ir.Constant(flag, number) for number in (0, 2, 1))
        builder.call(function, [builder.bitcast(address, byte), read, second_cache, data])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@intrinsic
def splat(typing, number):
    """A vector of one number."""

    def generate(context, builder, signature, arguments):
        return splatted(builder, arguments[0])

    return VECTOR(types.float64), generate


def _operation(arity, emit):
    """An operation on vectors, from what it emits."""
    signature = VECTOR(*[VECTOR] * arity)

    def generate(context, builder, signature, arguments):
        return emit(builder, *arguments)

    if arity == 1:
        return intrinsic(lambda typing, a: (signature, generate))
    if arity == 2:
        return intrinsic(lambda typing, a, b: (signature, generate))
    return intrinsic(lambda typing, a, b, c: (signature, generate))


def _constant(number):
    return ir.Constant(INTEGERS, [number] * LANES)


def _exponents(builder, x):
    bits = builder.sub(builder.bitcast(x, INTEGERS), _constant(_ROOT_HALF))
    return builder.ashr(bits, _constant(_MANTISSA_BITS))


def _mantissa(builder, x):
    exponents = builder.shl(_exponents(builder, x), _constant(_MANTISSA_BITS))
    return builder.bitcast(builder.sub(builder.bitcast(x, INTEGERS), exponents), DOUBLES)


def _scaled(builder, x, power):
    shift = builder.shl(builder.bitcast(power, INTEGERS), _constant(_MANTISSA_BITS))
    return builder.bitcast(builder.add(builder.bitcast(x, INTEGERS), shift), DOUBLES)


def _maximum(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _zero_below(builder, value, x, limit):
    return builder.select(builder.fcmp_ordered("<", x, limit), ir.Constant(DOUBLES, [0.0] * LANES), value)


fma = _operation(3, fused)
"""a b + c, rounded once."""
maximum = _operation(2, _maximum)
zero_below = _operation(3, _zero_below)
"""zero_below(value, x, limit): value where x >= limit, else 0."""
mantissa = _operation(1, _mantissa)
"""m in [sqrt(1/2), sqrt(2)) with x = m 2^k, for x positive and normal."""
exponent = _operation(1, lambda builder, x: builder.sitofp(_exponents(builder, x), DOUBLES))
"""k of the same."""
scaled = _operation(2, _scaled)
"""scaled(x, power): x 2^k where `power` holds k in the last bits of its mantissa and x 2^k is normal."""


def _overload(symbol, emit):
    """Let compiled code write the operation with its symbol."""
    operation = _operation(2, emit)

    @overload(symbol)
    def between(a, b):
        both = isinstance(a, Vector) and isinstance(b, Vector)
        return (lambda a, b: operation(a, b)) if both else None


_overload(operator.add, lambda builder, a, b: builder.fadd(a, b))
_overload(operator.sub, lambda builder, a, b: builder.fsub(a, b))
_overload(operator.mul, lambda builder, a, b: builder.fmul(a, b))
_overload(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))
