"""Baskets: what somebody bought, watched or borrowed, as sets of items.

    recognition.py   how surely a file holds baskets, so that no table is taken for them
    reading.py       files to who had which item, when, and how much of it
    columns.py       which column of a table says what
    cleaning.py      that to baskets: without returns, postage, rare items and repetitions, in order
    open_baskets.py  baskets to examples
    embedded         the tills of a corner shop, made by a rule
"""
