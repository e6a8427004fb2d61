"""Tests of files into and out of a store."""
