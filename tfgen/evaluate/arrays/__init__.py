"""How pictures are judged: by features that an extractor sees in them."""
