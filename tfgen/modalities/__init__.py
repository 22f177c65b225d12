"""Kinds of data, one folder each: how they are read, encoded, written, shown, described and judged.

Each is one line in tfgen.catalog.MODALITIES, or an entry point `tfgen.modalities` of another package. What one must
define, and what it gets for nothing, is in base.py.
"""
