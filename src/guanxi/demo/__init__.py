"""The small deterministic data set of ``guanxi demo``, and a tour of the SDK on it."""
