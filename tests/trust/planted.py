"""Small data with a factor that is known, the settings that learn it in seconds, and whether an explanation names it.

Used by the tests with one seed, and by scripts/bench/explain.py with ten.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 16
KEYS, FILLERS, FILLED = "ABCDEF", string.ascii_lowercase[:8], 6


@dataclass(frozen=True)
class Planted:
    """write: a file or folder of data for a seed, below a folder. settings: of the fit. prompts: what is explained.

    finds: of the explanations of all prompts, whether they name what was planted.
    """

    model: str
    write: Callable[[Path, int], Path]
    steps: int
    settings: dict[str, Any]
    prompts: tuple[str, ...]
    finds: Callable[[list[dict[str, Any]]], bool]


def bars(folder: Path, seed: int) -> Path:
    """1,000 bars that differ in their slant and their brightness alone, which have nothing to do with each other."""
    chance = np.random.default_rng(seed)
    slants, levels = chance.uniform(-0.6, 0.6, 1000), chance.uniform(0.35, 1.0, 1000)
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    apart = np.abs(columns + slants[:, None, None] * rows)
    drawn = np.clip(2.2 - apart, 0.0, 1.0) * (np.abs(rows) < 6.0) * levels[:, None, None]
    path = folder / "bars.npy"
    np.save(path, np.rint(255 * drawn).astype(np.uint8))
    return path


def names_bars(found: list[dict[str, Any]]) -> bool:
    """Both are borne out: of pictures on black, brightness and contrast are the same."""
    kinds = [part for part in found[0]["parts"].values() if "directions" in part]
    names = {name.removeprefix("less ") for part in kinds for each in part["directions"] for name in each["borne_out"]}
    return "slant" in names and bool({"brightness", "contrast"} & names)


def riddles(folder: Path, seed: int) -> Path:
    """Lines whose last letter is their first, with letters between that say nothing of it."""
    chance = np.random.default_rng(seed)
    path = folder / "riddles.txt"
    path.write_text("".join(f"{riddle(chance)}\n" for _ in range(4000)), encoding="utf-8")
    return path


def riddle(chance: np.random.Generator) -> str:
    """One line."""
    key = KEYS[chance.integers(len(KEYS))]
    return key + "".join(FILLERS[place] for place in chance.integers(len(FILLERS), size=FILLED)) + key


def names_riddles(found: list[dict[str, Any]]) -> bool:
    """Of most lines, the first letter is what weighed most for the last."""
    right = 0
    for each in found:
        text = each["prompt"]
        last = next(one for one in each["parts"]["tokens"]["targets"] if one["place"] == len(text))
        right += last["because"][0]["place"] == 1 and last["because"][0]["nats"] > 0
    return right > len(found) / 2


def patients(folder: Path, seed: int) -> Path:
    """Rows in which the dose goes by the ward, and age and town by nothing."""
    chance = np.random.default_rng(seed)
    wards, towns = chance.integers(3, size=1200), chance.integers(4, size=1200)
    doses, ages = 20 + 30 * wards + chance.normal(0, 4, 1200), chance.normal(50, 12, 1200)
    lines = [
        f"{'ABC'[ward]},{age:.0f},{dose:.1f},{('Ulm', 'Bern', 'Graz', 'Lyon')[town]}\n"
        for ward, age, dose, town in zip(wards, ages, doses, towns)
    ]
    path = folder / "patients.csv"
    path.write_text("ward,age,dose,town\n" + "".join(lines), encoding="utf-8")
    return path


def names_patients(found: list[dict[str, Any]]) -> bool:
    """The dose is first of all that wasn't asked for, and nothing else changes by much."""
    columns = [each for each in found[0]["parts"]["conditions"]["columns"] if each["verdict"] != "asked for"]
    return columns[0]["column"] == "dose" and columns[0]["total_variation"] > 2 * columns[1]["total_variation"]


def carts(folder: Path, seed: int) -> Path:
    """Sets of four or five items, in which each of eight leads brings its own follower."""
    chance = np.random.default_rng(seed)
    lines = ["user,item,day\n"]
    for cart in range(3000):
        pair = chance.integers(8)
        others = [f"other {place}" for place in chance.choice(12, size=3, replace=False)]
        items = [f"lead {pair}", *([f"follower {pair}"] if chance.random() < 0.9 else []), *others]
        lines += [f"{cart},{items[place]},{1 + cart % 28}\n" for place in chance.permutation(len(items))]
    path = folder / "carts.csv"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def names_carts(found: list[dict[str, Any]]) -> bool:
    """The follower is suggested first, and the lead spoke for it."""
    (each,) = found[0]["parts"]["reasons"]["sets"]
    first = each["suggestions"][0]
    return first["item"] == "follower 3" and next(iter(first["because"]), None) == "lead 3"


PLANTED = {
    "bars-gan": Planted("gan", bars, 1000, {"batch_size": 32, "latent_dim": 8}, ("",), names_bars),
    "bars-vae": Planted("vae", bars, 500, {"batch_size": 32, "latent_dim": 8}, ("",), names_bars),
    "riddles": Planted(
        "gpt", riddles, 400, {"context": 24, "batch_size": 32},
        tuple(riddle(np.random.default_rng([number, 1])) for number in range(3)), names_riddles,
    ),
    "patients": Planted("gpt", patients, 300, {}, ("ward=A",), names_patients),
    "carts": Planted("vae", carts, 150, {}, ("lead 3, other 5",), names_carts),
}
