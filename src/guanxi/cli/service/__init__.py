"""The commands that run the service, or ask a running one."""
