"""What the repository is made with."""
