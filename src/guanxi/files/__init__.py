"""Files of edges, accounts and content, into and out of a store."""
