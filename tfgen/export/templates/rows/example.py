"""Makes rows with a TFLite file of $name, without tfgen or TensorFlow: pip install ai-edge-litert

    python example.py SEED [COLUMN=VALUE ...]

The same seed and values give the same row here, in an app and on a server.
"""

import json
import sys
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

FOLDER = Path(__file__).parent
COLUMNS = json.loads((FOLDER / "columns.json").read_text(encoding="utf-8"))
FREE = -1  # to be drawn
EPOCH = datetime(1970, 1, 1)
UNITS = {"date": timedelta(days=1), "datetime": timedelta(seconds=1), "time": timedelta(seconds=1)}


def token_of(column, value, asked):
    """The number that stands for a value: of a category its place, of a number the bin that it lies in, or the bin of
    its distance from another column that is asked for."""
    if "values" in column:
        if value not in column["values"]:
            raise SystemExit(f"'{column['name']}' is never '{value}'. It is, among others: {column['values'][:10]}")
        return column["values"].index(value)
    value = number_of(column, value)
    if "after" in column:
        other = COLUMNS[column["after"]]
        if other["name"] not in asked:
            raise SystemExit(f"'{column['name']}' is known by its distance from '{other['name']}': ask for both.")
        value -= number_of(other, asked[other["name"]])
    below = [place for place, (low, _) in enumerate(column["bins"]) if low <= value]
    return below[-1] if below else 0


def number_of(column, text):
    """A value as the model counts it: dates in days from 1970 on, moments and times of day in seconds."""
    try:
        if column["kind"] == "time":
            return (datetime.combine(EPOCH, time.fromisoformat(text)) - EPOCH).total_seconds()
        if column["kind"] in UNITS:
            return (datetime.fromisoformat(text).replace(tzinfo=None) - EPOCH) / UNITS[column["kind"]]
        return float(text)
    except ValueError:
        example = {"date": "2024-03-01", "datetime": "2024-03-01T10:30", "time": "10:30"}.get(column["kind"], "1.5")
        raise SystemExit(f"'{text}' is no value of '{column['name']}'. Write it as {example}.") from None


def value_of(column, token, number):
    """What a token and the number beside it stand for."""
    if token == column["missing"]:
        return None
    if "values" in column:
        return column["values"][token]
    number = round(number + column["base"], column["decimals"] or None)
    if column["kind"] not in UNITS:
        return number
    moment = EPOCH + number * UNITS[column["kind"]]
    return {"date": moment.date, "time": moment.time}.get(column["kind"], lambda: moment)().isoformat()


def main(seed, *asked):
    given = np.full([1, len(COLUMNS)], FREE, np.int32)
    asked = dict(text.split("=", 1) for text in asked)
    for name, value in asked.items():
        column = next((each for each in COLUMNS if each["name"] == name), None)
        if column is None:
            raise SystemExit(f"There is no column '{name}'. There are: {[each['name'] for each in COLUMNS]}")
        given[0, column["place"]] = token_of(column, value, asked)
    call = Interpreter(str(FOLDER / "$file")).get_signature_runner("generate")
    made = call(seed=np.array([int(seed)], np.int32), given=given)
    row = {}
    for column in COLUMNS:
        place = column["place"]
        row[column["name"]] = value_of(column, int(made["tokens"][0, place]), float(made["numbers"][0, place]))
        after = column.get("after")  # without a beginning there is no end
        if after is not None and int(made["tokens"][0, after]) == COLUMNS[after]["missing"]:
            row[column["name"]] = None
    print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
