"""How sequences are judged: by how well unseen ones are predicted, and by what is made.

    reference_data.py   what was learned, and what was not
    losses.py           what each token costs the model
    ngram.py            a model that only counts, as a yardstick
    sampling.py         the sequences that are looked at: the model's, and others' in their place
    matching.py         the longest piece of a sample that stands in what was learned
    lexicon.py          texts as numbered words
    metric_inputs.py    all of that by name, for the metrics
    evaluator.py        the order of it, and what is said of it
    tracker.py          a cheap score while a model learns
    alarms.py, summary.py, report_sections.py
"""
