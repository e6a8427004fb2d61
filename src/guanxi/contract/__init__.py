"""The wire, declared once: endpoints, structs, codes, limits, signatures. No I/O."""
