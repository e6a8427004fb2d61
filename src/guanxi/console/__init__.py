"""Pages for whoever runs a service (``operator``) or tests against the emulator (``demo``)."""
