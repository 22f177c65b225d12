"""Real data of every modality of the catalog, for the batteries; a new modality needs an entry here."""

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NOTES = "C D E F G A H".split()


@dataclass(frozen=True)
class Source:
    """A file, what writes it, settings under which a model learns it in seconds, and a prompt that a run knows.

    opening: what a run of sequences can go on from, where that is no prompt of arrays.
    """

    file: str
    write: Callable[[Path], None]
    prompt: str
    sequence_settings: tuple[str, ...] = ()
    opening: str = ""
    array_steps: int = 200  # after which a model of arrays is clearly better than at its start
    row_steps: int = 300  # the same, of a model of rows
    set_steps: int = 0  # the same, of a model of sets


def _digits(path: Path) -> None:
    """2,000 of the embedded digits, 28x28, with their names."""
    from tfgen.data import open_data

    examples = open_data("digits")
    images, labels = examples.values[:2000], examples.prompt_index[:2000]
    np.savez(path, images=images, labels=labels, label_names=examples.prompts)


def _plays(path: Path) -> None:
    """The first 60,000 characters of the embedded text."""
    folder = Path(__file__).resolve().parents[1] / "tfgen" / "modalities" / "text" / "embedded"
    whole = gzip.decompress(next(folder.glob("*.gz")).read_bytes()).decode()
    path.write_text(whole[:60_000], encoding="utf-8")


def _tunes(path: Path) -> None:
    """600 melodies that rise, fall or go up and down, with some rests."""
    chance = random.Random(0)
    moves = {"up": lambda place: place, "down": lambda place: -place, "up and down": lambda place: 2 * (place % 2)}
    lines = []
    for _ in range(600):
        mood, first = chance.choice(list(moves)), chance.randrange(7)
        notes = [NOTES[(first + moves[mood](place)) % 7] for place in range(16)]
        lines.append(f"{mood}: {' '.join('-' if chance.random() < 0.08 else note for note in notes)}\n")
    path.write_text("".join(lines), encoding="utf-8")


def _meadows(path: Path) -> None:
    """The embedded levels as files in a folder."""
    from tfgen.modalities.level.embedded import LEVELS, layout

    path.mkdir()
    for seed in range(LEVELS):
        (path / f"meadow-{seed}.txt").write_text("\n".join(layout(seed)) + "\n", encoding="utf-8")


def _till(path: Path) -> None:
    """The first 1,200 customers of the embedded till: who, what, and on which day."""
    from tfgen.modalities.basket.embedded import till

    found = till()
    rows = zip(found.users, found.items, found.times)
    lines = [f"{user},{found.names[item]},{int(day)}\n" for user, item, day in rows if user < 1200]
    path.write_text("user,item,day\n" + "".join(lines), encoding="utf-8")


def _insurance(path: Path) -> None:
    """The embedded table."""
    folder = Path(__file__).resolve().parents[1] / "tfgen" / "modalities" / "table" / "embedded"
    path.write_bytes(gzip.decompress(next(folder.glob("*.gz")).read_bytes()))


def _chimes(path: Path) -> None:
    """280 of the embedded sounds, cut to a quarter of a second, in a sub-folder for each kind."""
    from tfgen.modalities.audio.embedded import KINDS, chimes
    from tfgen.modalities.audio.wav import wav_of

    sounds, kinds = chimes()
    for number, (sound, kind) in enumerate(zip(sounds[:280, :2000], kinds)):
        (path / KINDS[kind]).mkdir(parents=True, exist_ok=True)
        (path / KINDS[kind] / f"{number}.wav").write_bytes(wav_of(sound * np.linspace(1, 0, 2000), 8000, {}))


SOURCES = {
    "image": Source("digits.npz", _digits, "seven"),
    "table": Source("insurance.csv", _insurance, "smoker=yes"),
    "audio": Source("chimes", _chimes, "bell"),
    "basket": Source("till.csv", _till, "nori, wasabi", set_steps=100),
    "text": Source("plays.txt", _plays, "ROMEO:", ("context=32", "batch_size=8")),
    "level": Source("meadows", _meadows, "pipes", ("context=64", "batch_size=8"), "no gaps", 600),
    "melody": Source("tunes.melodies", _tunes, "down", ("context=16", "batch_size=8"), "C D", 1500),
}
