"""Tables: rows of columns that hold numbers, dates and categories."""
