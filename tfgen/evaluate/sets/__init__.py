"""How models of sets are judged: by what they suggest to people that they never saw, and by the sets they invent.

    reference_data.py   the sets that were learned, and those that were not
    baselines.py        rankings of others in the model's place: the commonest, nearest items, EASE, chance
    metric_inputs.py    all of that by name, for the metrics
    evaluator.py        the order of it, and what is said of it
    tracker.py          a cheap score while a model learns
    report_sections.py  what the report shows
"""
