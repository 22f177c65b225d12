"""What models learn, whatever it is of: arrays of a fixed shape, sequences of tokens, rows of columns, sets of items.

A model names the representations that it learns, and a modality has a codec into one or more; so engines are written
once for each representation. Knows no files, runs or commands.
"""

ARRAYS, SEQUENCES, ROWS, SETS = "arrays", "sequences", "rows", "sets"
NAMES = (ARRAYS, SEQUENCES, ROWS, SETS)
