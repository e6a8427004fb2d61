"""The pages of ``guanxi demo``: start, requests, faults, and the world with its clock."""
