"""What makes a model one that others can trust: what it costs, and what its papers say."""
