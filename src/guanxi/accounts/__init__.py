"""Accounts, sessions, CSRF and app tokens, secrets: pure functions of values."""
