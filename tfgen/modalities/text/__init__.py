"""Text as examples: found, read in any encoding, told apart into documents, tokenized, and kept memory-mapped.

    scan.py       which files of a folder are texts
    reading.py    a file's encoding, and its text piece by piece
    template.py   how a chat becomes one text
    documents.py  sources: documents, as often as needed
    coders.py     strings to ids, quickly
    tokenizer.py  the vocabulary of a run, kept as a tokenizer.json
    learning.py   a vocabulary from a text
    split.py      which documents are held out
    prepare.py    documents to one array of tokens
    examples.py   what the rest of tfgen sees
    modality.py   what is said about it
"""
