"""Pages for whoever runs the service or tests against it: the emulator's, in ``demo*.py``."""
