"""The pages, a module each: its handlers, and the paths that lead to them."""
