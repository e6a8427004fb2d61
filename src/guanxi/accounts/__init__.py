"""Who is signed in: accounts, sessions, csrf, app tokens, secrets. Pure functions of values."""
