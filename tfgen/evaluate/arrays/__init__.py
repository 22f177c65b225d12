"""How arrays are judged: by features that an extractor sees in them.

    reference_data.py   the examples that were learned, and examples that were not
    groups.py           samples, real examples and naive baselines, block by block
    features.py         what an extractor sees of a group, kept in the cache
    source_code.py      the code that it comes from, as a hash
    metric_inputs.py    all of that by name, for the metrics
    evaluator.py        the order of it, and what is said of it
    tracker.py          a cheap score while a model learns
    alarms.py, summary.py, report_sections.py
"""
