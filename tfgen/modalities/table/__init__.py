"""Tables: rows of numbers, dates, categories and the rest."""
