"""Text as examples: found, read in any encoding, told apart into documents, tokenized, and kept memory-mapped.

    modality.py         what tfgen asks of text, answered here or by the other files
    scan.py             which files of a folder are texts
    reading.py          a file's encoding, and its text piece by piece
    open_source.py      a path to the source of documents that it is
    documents.py        sources: documents, as often as needed, from files or strings
    rows.py             documents from the lines of a .jsonl
    tfds.py             sets of TensorFlow Datasets
    template.py         how a chat becomes one text
    split.py            which documents are held out
    learning.py         a tokenizer from a text
    tokenizer.py        the tokenizer of a run, kept as a tokenizer.json
    coders.py           strings to ids, quickly
    graph_tokenizer.py  a tokenizer of characters inside a graph
    prepare.py          documents to one array of tokens, in a prepared file
    examples.py         what a fit gets
    codec.py            text to tokens and back, and what a prompt is
    words.py            what counts as a word, for scores
    embedded/           Shakespeare's plays, which come with tfgen
    app/                worked examples that load a TFLite file
"""
