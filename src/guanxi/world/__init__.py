"""What an account has besides relations: kinds of content, their order, their shapes. Pure."""
