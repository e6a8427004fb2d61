"""The pages of ``guanxi demo``: start, requests, faults, stubs, and the world with its clock."""
