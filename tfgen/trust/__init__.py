"""Trust: why a model makes what it makes."""
