"""How texts are judged: by how well unseen text is predicted, and by what is made.

    material.py   the text that was learned, and text that was not
    losses.py     what each token of a text costs the model
    ngram.py      a model that only counts, as a yardstick
    pieces.py     texts that are looked at: the model's, and others' in their place
    matching.py   the longest piece of a text that stands in the training text
    lexicon.py    texts as numbered words
    evidence.py   all of that by name, for the metrics
    examiner.py   the order of it, and what is said of it
    alarms.py, words.py, gallery.py
"""
