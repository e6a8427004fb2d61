"""The rules of the follow graph: pure functions of values, without I/O, await or store."""
