"""Handlers of the endpoints, and the reads that several of them share."""
