"""The version of the package; what is published carries it."""

__version__ = "0.1.0"
