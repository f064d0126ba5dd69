"""A mixture written the long way, in extended precision: the truth that fast code is held to."""

from __future__ import annotations

import numpy as np

LONG = np.longdouble


def dense_log_joint(rows, weights, means, covariances):
    """log(w_k N(x_i | mu_k, Sigma_k)), (n, k), from dense covariances (k, d, d), by an own Cholesky."""
    rows, weights = np.asarray(rows, LONG), np.asarray(weights, LONG)
    means, covariances = np.asarray(means, LONG), np.asarray(covariances, LONG)
    n, d = rows.shape
    out = np.empty((n, len(weights)), LONG)
    for k, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        lower = cholesky(covariance)
        y = forward_substitution(lower, (rows - mean).T)
        log_det = 2 * np.log(np.diagonal(lower)).sum()
        out[:, k] = np.log(weights[k]) - (d * np.log(2 * LONG(np.pi)) + log_det + (y**2).sum(axis=0)) / 2
    return out


def dense_e_step(rows, weights, means, covariances, row_weights=None):
    """Responsibilities (n, k) and the weighted log-likelihood."""
    joint = dense_log_joint(rows, weights, means, covariances)
    highest = joint.max(axis=1, keepdims=True)
    total = highest[:, 0] + np.log(np.exp(joint - highest).sum(axis=1))
    responsibilities = np.exp(joint - total[:, None])
    row_weights = np.ones(len(joint), LONG) if row_weights is None else np.asarray(row_weights, LONG)
    return responsibilities, (row_weights * total).sum()


def dense_moments(rows, responsibilities, row_weights=None):
    """Weights, means and full covariances of the M-step, straight from the definition."""
    rows = np.asarray(rows, LONG)
    if row_weights is not None:
        responsibilities = responsibilities * np.asarray(row_weights, LONG)[:, None]
    counts = responsibilities.sum(axis=0)
    means = (responsibilities.T @ rows) / counts[:, None]
    covariances = np.stack(
        [
            ((rows - mean).T * responsibility) @ (rows - mean) / count
            for mean, responsibility, count in zip(means, responsibilities.T, counts, strict=True)
        ]
    )
    return counts / counts.sum(), means, covariances


def cholesky(matrix):
    """Lower triangular root, in the matrix's own precision (LAPACK has no long double)."""
    lower = np.zeros_like(matrix)
    for j in range(len(matrix)):
        lower[j, j] = np.sqrt(matrix[j, j] - (lower[j, :j] ** 2).sum())
        for i in range(j + 1, len(matrix)):
            lower[i, j] = (matrix[i, j] - (lower[i, :j] * lower[j, :j]).sum()) / lower[j, j]
    return lower


def forward_substitution(lower, right):
    """lower^-1 right."""
    out = np.zeros_like(right)
    for i in range(len(lower)):
        out[i] = (right[i] - lower[i, :i] @ out[:i]) / lower[i, i]
    return out
