"""The documentation site: ``make docs`` builds it into build/site, for every reader in an order."""
