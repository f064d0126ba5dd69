"""The HTML report: one self-contained page about a fitted model."""

from gmm_dask.report.page import Stage, check_available, render_report

__all__ = ["Stage", "check_available", "render_report"]
