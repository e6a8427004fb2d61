"""The commands for a person's own lists: backup, difference, plan, apply, migrate, watch."""
