"""How rows of columns are judged: by how alike they are, by what can be learned from them, and by what they give away.

    tables.py           rows as one array with a field for each column, ranks, and the nearest rows
    reference_data.py   the rows that were learned, and rows that were not
    baselines.py        rows in the samples' place: others that are real, copies, and what naive models give
    boosting.py         gradient boosting: to predict a column, and to tell synthetic rows from real ones
    attacks.py          guesses at what a row holds, and at who is in the data
    metric_inputs.py    all of that by name, for the metrics
    evaluator.py        the order of it, and what is said of it
    tracker.py          a cheap score while a model learns
    anomalies.py        the least likely rows of a table
    alarms.py, summary.py, report_sections.py, charts.py
"""
