"""Baskets: rankings against EASE, nearest items and the commonest; invented baskets; time, memory, TFLite's ranking.

    python scripts/bench/baskets.py rankings DATA [--only groceries]
    python scripts/bench/baskets.py memory [--count 1000000]

`rankings` fits a vae on groceries (a basket a line), a vae and a gpt on online retail (users, items and times; the vae
without times), evaluates each and exports it to TFLite, whose first 20 items are compared with the model's. Goals: the
blend never below EASE, at least 1.1 times nearest items' NDCG on retail, with times at least 1.05 times EASE's; lifts
of pairs at least .8 of those of as many held-out baskets; a fit within 2 minutes. `memory` fits a million interactions:
at most 3 GiB. Minutes each, on two cores.
"""

import contextlib
import json
import resource
import time
from pathlib import Path

import click
import numpy as np
from common import must, show_table, talk, tfgen, work_folder

FITS = {
    "groceries vae": ("vae", "groceries/groceries.csv", ()),
    "retail vae": ("vae", "online_retail", ("user=CustomerID", "time=")),
    "retail gpt": ("gpt", "online_retail", ("user=CustomerID",)),
}
SHOWN = ("recall_at_20", "ndcg_at_100", "catalog_coverage", "novelty", "popularity_bias", "pair_lifts")
OTHERS = ("ease", "nearest items", "popularity", "random", "real", "independent")


@click.group()
def main() -> None:
    """Print the figures."""


@main.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--only", default="", help="Fits whose name has this in it.")
@click.option("--keep", type=click.Path(path_type=Path), help="A folder in which the runs stay.")
def rankings(data: Path, only: str, keep: Path | None) -> None:
    """Fits, evaluates and exports."""
    with contextlib.nullcontext(keep) if keep else work_folder("baskets") as folder:
        for name, (model, source, settings) in FITS.items():
            if only in name:
                run = folder / name.replace(" ", "-")
                words = [word for each in settings for word in ("--set", each)]
                talk(f"{name}: fitting ...")
                began = time.monotonic()
                must(tfgen("fit", model, data / source, "-o", run, *words))
                seconds = time.monotonic() - began
                found = json.loads(must(tfgen("evaluate", run, "--json")).stdout)
                exported = json.loads(must(tfgen("export", run, "--tflite", "--json")).stdout)
                _show(name, seconds, found, exported)


def _show(name: str, seconds: float, found: dict, exported: list) -> None:
    print(f"\n{name}: fitted, with all around it, in {seconds:.0f} s")
    rows = [
        [score, found["scores"][score]["value"], *(found["baselines"][other].get(score, "-") for other in OTHERS)]
        for score in SHOWN
    ]
    show_table(("", "model", *OTHERS), rows)
    for other in ("ease", "nearest", "popular"):
        gain = found["scores"][f"gain_over_{other}"]
        print(f"NDCG over {other}: {1 + gain['value']:.3f} ± {gain['half_width'] or np.nan:.3f}")
    lifts, real = found["scores"]["pair_lifts"]["value"], found["baselines"]["real"]["pair_lifts"]
    print(f"lifts of pairs: {lifts / real:.2f} of those of as many held-out baskets")
    for artefact in exported:
        same = [each for each in artefact["proof"]["agreements"] if each["output"] == "items"]
        words = "identical" if all(each["difference"] == 0 for each in same) else "different"
        took = f"{artefact['size'] / 1e6:.2f} MB, {artefact['proof']['latency']['1']['p50']:.2f} ms"
        print(f"{artefact['name']}: {took}, first 20 items {words}")


@main.command()
@click.option("--count", default=1_000_000, show_default=True, help="How many interactions.")
@click.option("--items", default=4_000, show_default=True, help="How many items.")
@click.option("--steps", default=60, show_default=True, help="Of the fit; its memory doesn't grow with them.")
def memory(count: int, items: int, steps: int) -> None:
    """Fits a vae to interactions by a power law, and prints the peak of its resident memory."""
    with work_folder("baskets", None) as folder:
        path, generator = folder / "interactions.csv", np.random.default_rng(0)
        users = np.repeat(np.arange(count // 40), 60)[: int(1.3 * count)]  # some are repeated
        shares = 1.0 / np.arange(20, items + 20)
        drawn = generator.choice(items, size=len(users), p=shares / shares.sum())
        pairs = np.unique(users * items + drawn)[:count]
        np.savetxt(path, np.stack([pairs // items, pairs % items], axis=1), "%d", ",", header="user,item", comments="")
        began = time.monotonic()
        said = must(tfgen("fit", "vae", path, "-o", folder / "run", "--steps", steps)).stderr
        seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(next(line for line in said.splitlines() if line.startswith("Data: ")))
    print(f"{len(pairs):,} interactions: peak {peak:.2f} GiB, {seconds:.0f} s")


if __name__ == "__main__":
    main()
