"""The pages of the API: every endpoint, described, with a form to try it and code to copy."""
