"""How fast guanxi is: each line of `make bench` sets it against something as bare as can be."""
