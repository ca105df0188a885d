"""The study: read it, validate it, unroll it into cells."""
