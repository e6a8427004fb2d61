"""Send what real HTTP clients send to a running service, and show how it was answered."""
