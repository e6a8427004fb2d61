"""The commands that work on a store: its accounts, sessions, edges, copies and changes."""
