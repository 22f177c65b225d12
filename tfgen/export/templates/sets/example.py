"""Ranks what goes with some items by a TFLite file of $name, without tfgen or TensorFlow: pip install ai-edge-litert

    python example.py ITEM [ITEM ...]

The same items give the same ranking here, in an app and on a server.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

FOLDER = Path(__file__).parent
NAMES = json.loads((FOLDER / "items.json").read_text(encoding="utf-8"))
TAKES, CONTEXT = "$takes", int("$context")  # ones among zeros, or numbers of items, the newest last
SHOWN = 10


def given_as(places):
    """What the file takes for these items."""
    if TAKES == "basket":
        basket = np.zeros([1, len(NAMES)], np.float32)
        basket[0, places] = 1.0
        return basket
    items = np.full([1, CONTEXT], -1, np.int32)
    newest = places[-CONTEXT:]
    items[0, CONTEXT - len(newest) :] = newest
    return items


def main(*names):
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise SystemExit(f"Not known: {', '.join(unknown)}. Known are, among others: {', '.join(NAMES[:10])}")
    call = Interpreter(str(FOLDER / "$file")).get_signature_runner("generate")
    places = [NAMES.index(name) for name in names]
    made = call(**{TAKES: given_as(places)})
    # A model that takes numbers of items sees the newest alone: nothing but this keeps older ones from being suggested.
    for item in [item for item in made["items"][0] if item not in places][:SHOWN]:
        print(f"{made['scores'][0, item]:7.3f}  {NAMES[item]}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
