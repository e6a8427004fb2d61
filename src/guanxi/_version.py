"""The version of the package, below all others, so that each may name it."""

__version__ = "0.1.0"
