"""Erasing records from all that they touched: what they are, which runs learned them, what is left of them."""
