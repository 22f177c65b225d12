"""Tables: rows of numbers, dates, categories and the rest, as people have them in CSV files and sheets.

    table.py         a source to a table that can be learned; the others are called from here
    reading.py       files of all kinds to cells; grid.py finds the header among rows of texts
    cells.py         texts column by column, and tables in memory
    delimited.py     lines of text to rows of cells
    kinds.py         cells to rows: what a column holds, and what is missing
    durations.py     how long something took, as 110:51:08
    formats.py       how numbers and dates are written: found, read, and written again
    constraints.py   what holds in every row; graph_constraints.py, in the graph of an export
    correction.py    what a person says of a table: settings, and a TOML file
    describe.py      a table in words
    writing.py       rows to files, to text and to HTML
    filling.py       rows of a file that a run fills in
    recognition.py   how surely a source is a table
"""
