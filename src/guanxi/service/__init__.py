"""The service: the contract, the rules and a store as an ASGI application."""
