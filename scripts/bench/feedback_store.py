"""The store of feedback with a million events: how long a list, a report and a further answer take.

python scripts/bench/feedback_store.py [--events 1000000] [--url URL]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tfgen.feedback.events import Event, Sample
from tfgen.feedback.report import NEWEST, _agreements, _remarks
from tfgen.feedback.store import open_store

AT_ONCE = 10_000
PEOPLE = [f"person-{number}" for number in range(20)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--url", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_store(options.url or str(Path(folder) / "store.db")) as store:
        samples = [Sample(f"run-{place % 10}", "digest", prompt="seven", seed=place) for place in range(100_000)]
        began = time.perf_counter()
        for start in range(0, options.events - sum(store.counts().values()), AT_ONCE):
            shown = [samples[(start + place) % len(samples)] for place in range(AT_ONCE)]
            events = [
                Event("pick", (one.id, other.id), {"picked": [place % 2]}, PEOPLE[(start // AT_ONCE + place) % 20])
                if place % 2
                else Event("rating", (one.id,), {"value": 1 + place % 5}, PEOPLE[place % 20])
                for place, (one, other) in enumerate(zip(shown, shown[1:] + shown[:1]))
            ]
            store.add(shown, events)
        print(f"{options.events} events kept in {time.perf_counter() - began:.0f} s")

        def report(run: str) -> None:
            answers = store.events(run=run, kinds=("pick", "pair"), limit=NEWEST)
            store.counts(run)
            _remarks(answers, _agreements(answers))

        one = samples[0]
        for name, action in (
            ("list, newest 20", lambda: store.events(limit=20)),
            ("list of a run, newest 20", lambda: store.events(run="run-3", limit=20)),
            ("counts of all", lambda: store.counts()),
            ("report of a run", lambda: report("run-3")),
            ("one more answer", lambda: store.add([one], [Event("rating", (one.id,), {"value": 5})])),
        ):
            times = []
            for _ in range(5):
                began = time.perf_counter()
                action()
                times.append(time.perf_counter() - began)
            print(f"{name}: median {statistics.median(times) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
