"""The rules of relations: pure functions of values. No I/O, no await, no store."""
