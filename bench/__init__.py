"""Benchmarks: each line of `make bench` compares guanxi with a minimal program."""
