"""Load a service for a long time, too much, or with idle connections, and check what it does."""
