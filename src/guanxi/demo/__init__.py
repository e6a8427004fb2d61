"""The small deterministic world of ``guanxi demo``, and the tour of it."""
