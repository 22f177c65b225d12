"""Rows of columns, each with tokens of its own, learned in any order."""
