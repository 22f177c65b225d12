"""Explanations: whether they find what was planted, and whether randomised weights destroy them.

    python scripts/bench/explain.py [bars-gan bars-vae riddles patients carts] [--seeds 10]

Each seed draws data with a known factor (tests/trust/planted.py), fits the tiny model to it, and explains it by
`run.explain`. Bars: both their slant and their brightness must be borne out for directions. Riddles: of three lines
most must have their last letter explained by their first. Patients: the dose must be what the condition on the ward
changes most, by twice as much as what comes next. Carts: the lead must be what spoke for its follower, which must come
first. Counted are the seeds in which that is so; beside it is the mean rank correlation of each part with the same of
three copies with randomised weights, the highest of any seed, and how often it was flagged. A seed takes a minute or
so.
"""

import time
from collections import defaultdict

import click
import numpy as np
from common import show_table, work_folder

from tests.trust.planted import PLANTED


@click.command()
@click.argument("kinds", nargs=-1, type=click.Choice(list(PLANTED)))
@click.option("--seeds", default=10, show_default=True)
@click.option("--first", default=0, show_default=True, help="The first seed.")
def main(kinds: tuple[str, ...], seeds: int, first: int) -> None:
    """Fits, explains and counts."""
    import tfgen

    rows = []
    for kind in kinds or PLANTED:
        planted, found, seconds = PLANTED[kind], [], []
        alike: dict[str, list[dict]] = defaultdict(list)
        for seed in range(first, first + seeds):
            with work_folder("explain") as folder:
                options = {**planted.settings, "output": folder / "run", "size": "tiny", "seed": seed}
                run = tfgen.fit(planted.model, planted.write(folder, seed), steps=planted.steps, **options)
                began = time.monotonic()
                each = [run.explain(prompt, output=folder / "why", seed=seed).to_json() for prompt in planted.prompts]
                seconds.append((time.monotonic() - began) / len(each))
            found.append(planted.finds(each))
            for explanation in each:
                for name, part in explanation["parts"].items():
                    if isinstance(part["randomised_weights"], dict):
                        alike[name].append(part["randomised_weights"])
            print(f"{kind}, seed {seed}: {'found' if found[-1] else 'not found'}, {_in_words(each[0])}", flush=True)
        for name, checks in alike.items():
            correlations = [check["rank_correlation"] for check in checks]
            flagged = sum(check["verdict"] == "untrustworthy" for check in checks)
            counted = f"{sum(found)} of {len(found)}", f"{np.mean(correlations):.2f}", f"{max(correlations):.2f}"
            rows.append([kind, name, *counted, f"{flagged} of {len(checks)}", f"{np.median(seconds):.0f} s"])
    show_table(["data", "part", "found", "rank correlation", "highest", "flagged", "an explanation takes"], rows)


def _in_words(explanation: dict) -> str:
    parts = explanation["parts"]
    said = {name: part["randomised_weights"] for name, part in parts.items()}
    numbers = ", ".join(f"{name} {one['rank_correlation']:.2f}" for name, one in said.items() if isinstance(one, dict))
    names = [
        f"{each['direction']}: {each['name']}" for part in parts.values() for each in part.get("directions", [])
    ]
    return f"{numbers}. {', '.join(names)}"


if __name__ == "__main__":
    main()
