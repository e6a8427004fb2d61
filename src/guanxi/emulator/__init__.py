"""What tests want of a service: faults, the requests that it got, its clock, its state, stubs.

All of it is layers around the application and its store. ``guanxi serve`` imports none of it.
"""
