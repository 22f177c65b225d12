"""Models of rows: the same three ways to learn as of arrays and sequences, by networks that are made for columns."""
