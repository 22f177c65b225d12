import csv, numpy as np
from tfgen.representations.rows.columns import *
def read(path):
    lines = list(csv.reader(open(path), skipinitialspace=True)); head, body = lines[0], [l for l in lines[1:] if len(l) == len(lines[0])]
    columns, values = [], {}
    for n, c in zip(head, zip(*body)):
        try:
            v = np.array([float(x) if x not in ("", "?") else np.nan for x in c]); dec = max((len(x.split(".")[1]) if "." in x else 0) for x in c)
            columns.append(Column(n, NUMBER if dec else INTEGER, decimals=dec)); values[n] = v
        except ValueError:
            c = np.array(c); u, k = np.unique(c[c != "?"], return_counts=True); u = u[np.argsort(-k)]
            idx = {x: i for i, x in enumerate(u)}
            values[n] = np.array([idx.get(x, -1) for x in c], np.int32); columns.append(Column(n, CATEGORY, tuple(map(str, u)), missing="?"))
    return Rows(tuple(columns), values)
