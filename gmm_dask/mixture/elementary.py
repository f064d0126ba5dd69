"""exp and log of vectors, for the ranges that a soft-max needs; both are within one unit in the last place."""

from numba import njit

from gmm_dask.mixture.vectors import exponent, fma, mantissa, maximum, scaled, splat, zero_below

_LOG2_E = 1.4426950408889634
# ln 2 in two parts, the first with trailing zeros so that k * _LN2_HIGH is exact (Cody & Waite 1980).
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to an integer, which is left in the last bits
_LOWEST = -600.0  # exp of less is taken for zero: it is far from the numbers that are slow to compute with

# exp(r) on |r| <= ln(2) / 2 by interpolation at the 12 Chebyshev nodes: relative error 2.6e-17.
_E = (
    1.0,
    1.0,
    0.5000000000000019,
    0.16666666666666455,
    0.04166666666648806,
    0.008333333333392945,
    0.0013888888952312468,
    0.0001984126979383463,
    2.4801485490930137e-05,
    2.755729566694963e-06,
    2.7632638067379924e-07,
    2.5098940576311823e-08,
)
# log(1 + f) = f - (f^2 / 2 - s (f^2 / 2 + R)), s = f / (2 + f), R a polynomial in s^2 (Ng 1993, fdlibm's e_log.c).
_L = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)


@njit(nogil=True, forceinline=True)
def exponential(x):
    """exp(x) for x <= 0; zero where the result would be no normal number, at about -708."""
    t = maximum(x, splat(_LOWEST))
    power = fma(t, splat(_LOG2_E), splat(_ROUND))
    k = power - splat(_ROUND)
    r = fma(k, splat(-_LN2_LOW), fma(k, splat(-_LN2_HIGH), t))
    p = fma(splat(_E[11]), r, splat(_E[10]))
    p = fma(p, r, splat(_E[9]))
    p = fma(p, r, splat(_E[8]))
    p = fma(p, r, splat(_E[7]))
    p = fma(p, r, splat(_E[6]))
    p = fma(p, r, splat(_E[5]))
    p = fma(p, r, splat(_E[4]))
    p = fma(p, r, splat(_E[3]))
    p = fma(p, r, splat(_E[2]))
    p = fma(p, r, splat(_E[1]))
    p = fma(p, r, splat(_E[0]))
    return zero_below(scaled(p, power), x, splat(_LOWEST))


@njit(nogil=True, forceinline=True)
def logarithm(x):
    """log(x) for x positive and normal."""
    k, f = exponent(x), mantissa(x) - splat(1.0)
    s = f / (splat(2.0) + f)
    z = s * s
    p = fma(splat(_L[6]), z, splat(_L[5]))
    p = fma(p, z, splat(_L[4]))
    p = fma(p, z, splat(_L[3]))
    p = fma(p, z, splat(_L[2]))
    p = fma(p, z, splat(_L[1]))
    p = fma(p, z, splat(_L[0]))
    half_square = splat(0.5) * f * f
    low = half_square - fma(s, fma(p, z, half_square), k * splat(_LN2_LOW))
    return k * splat(_LN2_HIGH) - (low - f)
