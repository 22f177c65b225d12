"""Captions: whether models draw combinations that they never saw, and whether the order of words counts.

    python scripts/bench/captions.py emoji TWEMOJI [--model vae --steps 1500] [--captions bag] [--seeds 2]
    python scripts/bench/captions.py shapes [--model gan --steps 1500]

emoji: TWEMOJI is a folder with `captions.csv` (file, caption) and `72x72/`. The captions are an attribute and a thing:
"thumbs up: dark skin tone", "red heart". One tone of each thing and six pairs of a colour and a thing are held out;
each part was seen in other pairs.
shapes: "red circle above blue square", drawn here; a fifth of the captions is held out. Three other captions have the
same words and say something else.

A classifier with a head for each part, trained on all real pictures (what it says of those that are held out is the
ceiling; one that learned without them stands below), judges samples of held-out and of as many seen captions at 32
px: the share that has all parts right, in percent, with 95 % intervals from captions drawn anew. Emoji: also each
part alone, and tones and colours by themselves. Shapes: also whether both things are there, whatever their order, and
whether all words are. The floor is what the samples show of other captions. At the end, encoder less bag at the same
captions, over all seeds. A fit takes two minutes on one core, the classifiers three on the first call.
"""

import csv
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import keras
import numpy as np
import tensorflow as tf
from common import kept_folder, show_table, talk, work_folder
from PIL import Image, ImageDraw

SIDE = 32
TONES = ("light", "medium-light", "medium", "medium-dark", "dark")
_TONE = re.compile(r"([^:,]+)[:,] (light|medium-light|medium|medium-dark|dark) skin tone")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white")
THINGS = ("heart", "circle", "square", "apple", "book", "question mark", "exclamation mark")
HELD_OUT = ("red heart", "green heart", "blue circle", "brown circle", "purple square", "yellow square")

SHAPES = ("circle", "square", "triangle", "cross")
PAINTS = {"red": "#d22", "green": "#2a2", "blue": "#24e", "yellow": "#ec1", "purple": "#a3c"}
RELATIONS = ("above", "beside")
_DRAWN = 8  # pictures of each caption of shapes
_SHARE = 0.2  # of the captions of shapes that are held out


class Captioned(NamedTuple):
    """Pictures uint8 [n, 32, 32, 3], each one's caption, the places of its parts [n, parts], and the held-out captions.

    names: of the parts. groups: held-out captions that are also judged by themselves, by name.
    """

    images: np.ndarray
    captions: list[str]
    parts: np.ndarray
    held_out: frozenset[str]
    names: tuple[str, ...]
    groups: dict[str, frozenset[str]]

    @property
    def sizes(self) -> list[int]:
        return [int(size) for size in self.parts.max(axis=0) + 1]

    def rows(self, held_out: bool) -> np.ndarray:
        return np.array([row for row, each in enumerate(self.captions) if (each in self.held_out) == held_out])


def emoji(folder: Path) -> Captioned:
    """Pairs of a skin tone and who has it, and of a colour and a thing."""
    found: list[tuple[str, str, str, str]] = []
    with open(folder / "captions.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            caption = row["caption"]
            tone = _TONE.fullmatch(caption)
            colour, _, thing = caption.partition(" ")
            if tone:
                found.append((row["file"], caption, tone[2], tone[1]))
            elif colour in COLOURS and thing.removeprefix("large ") in THINGS:
                found.append((row["file"], caption, colour, thing.removeprefix("large ")))
    found = list({caption: (file, caption, *parts) for file, caption, *parts in found}.values())
    tones: dict[str, list[str]] = {}
    for _, caption, attribute, thing in found:
        if attribute in TONES:
            tones.setdefault(thing, []).append(caption)
    found = [each for each in found if each[2] in COLOURS or len(tones[each[3]]) == len(TONES)]
    chance = np.random.default_rng(0)
    toned = frozenset(str(chance.choice(each)) for each in tones.values() if len(each) == len(TONES))
    heads = [list(TONES + COLOURS), sorted({thing for *_, thing in found})]
    images = np.stack([_on_white(folder / "72x72" / file) for file, *_ in found])
    parts = np.array([[head.index(part) for head, part in zip(heads, each[2:], strict=True)] for each in found])
    captions = [caption for _, caption, *_ in found]
    coloured = frozenset(HELD_OUT)
    groups = {"tone": toned, "colour": coloured}
    return Captioned(images, captions, parts, toned | coloured, ("attribute", "thing"), groups)


def _on_white(path: Path) -> np.ndarray:
    picture = Image.open(path).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return np.asarray(white.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))


def shapes() -> Captioned:
    """Two shapes of different colours and sorts, one above or beside the other."""
    chance = np.random.default_rng(0)
    paints = list(PAINTS)
    every = [
        (relation, paints.index(first), one, paints.index(second), other)
        for relation in range(len(RELATIONS))
        for first in paints for second in paints if first != second
        for one in range(len(SHAPES)) for other in range(len(SHAPES)) if one != other
    ]
    parts = np.repeat(np.array(every), _DRAWN, axis=0)
    captions = [_caption_of(row) for row in parts]
    images = np.stack([_drawn(row, chance) for row in parts])
    each = [_caption_of(row) for row in every]
    out = frozenset(str(caption) for caption in chance.permutation(each)[: int(_SHARE * len(each))])
    names = ("relation", "first colour", "first shape", "second colour", "second shape")
    return Captioned(images, captions, parts, out, names, {})


def _caption_of(parts: Sequence[int]) -> str:
    relation, *places = parts
    paints = list(PAINTS)
    first, one, second, other = places
    return f"{paints[first]} {SHAPES[one]} {RELATIONS[relation]} {paints[second]} {SHAPES[other]}"


def _drawn(parts: Sequence[int], chance: np.random.Generator) -> np.ndarray:
    relation, first, one, second, other = parts
    scale, paints = 4, list(PAINTS.values())
    picture = Image.new("RGB", (SIDE * scale, SIDE * scale), "white")
    draw = ImageDraw.Draw(picture)
    for sign, paint, shape in ((-1, first, one), (1, second, other)):
        along, across, radius = sign * 7.5 + chance.uniform(-1, 1), chance.uniform(-4, 4), chance.uniform(4.5, 6.5)
        x, y = (across, along) if RELATIONS[relation] == "above" else (along, across)
        _draw_shape(draw, SHAPES[shape], paints[paint], *(scale * each for each in (16 + x, 16 + y, radius)))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX))


def _draw_shape(draw: ImageDraw.ImageDraw, shape: str, paint: str, x: float, y: float, radius: float) -> None:
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "circle":
        draw.ellipse(box, fill=paint)
    elif shape == "square":
        inner = 0.9 * radius
        draw.rectangle((x - inner, y - inner, x + inner, y + inner), fill=paint)
    elif shape == "triangle":
        draw.polygon([(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)], fill=paint)
    else:
        thin = 0.35 * radius
        draw.rectangle((x - radius, y - thin, x + radius, y + thin), fill=paint)
        draw.rectangle((x - thin, y - radius, x + thin, y + radius), fill=paint)


# The judge.

def classifier(data: Captioned, rows: np.ndarray, epochs: int, seed: int = 0) -> keras.Model:
    """One head for each part, trained on the pictures `rows` with shifts, sizes, blur and noise."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((SIDE, SIDE, 3))
    features = inputs
    for channels in (32, 64, 128):
        features = layers.Conv2D(channels, 3, padding="same", use_bias=False)(features)
        features = layers.Activation("relu")(layers.BatchNormalization()(features))
        features = layers.MaxPool2D()(features)
    features = layers.Dropout(0.3)(layers.Flatten()(features))
    features = layers.Dropout(0.3)(layers.Dense(256, activation="relu")(features))
    model = keras.Model(inputs, [layers.Dense(size)(features) for size in data.sizes])
    images, parts = data.images[rows], data.parts[rows]
    steps = max(1, len(rows) // 64) * epochs
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        [keras.losses.SparseCategoricalCrossentropy(from_logits=True) for _ in data.sizes],
    )
    flow = tf.data.Dataset.from_tensor_slices((images, parts)).shuffle(len(rows), seed=seed).repeat()
    flow = flow.batch(64).map(_varied, num_parallel_calls=2).prefetch(4).take(steps)
    model.fit(flow, epochs=1, verbose=0)
    return model


def _varied(images: tf.Tensor, parts: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    images = _scaled(images)
    rows = tf.shape(images)[0]
    zoom = tf.random.uniform([rows, 2], 0.9, 1.1)
    shift = tf.random.uniform([rows, 2], -2.0, 2.0) + 0.5 * SIDE * (1 - zoom)
    zero = tf.zeros([rows, 1])
    moves = tf.concat([zoom[:, :1], zero, shift[:, :1], zero, zoom[:, 1:], shift[:, 1:], zero, zero], axis=1)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images, transforms=moves, output_shape=[SIDE, SIDE], fill_value=1.0, interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    soft = tf.nn.avg_pool2d(moved, 3, 1, "SAME")
    share = tf.random.uniform([rows, 1, 1, 1])
    moved += share * (soft - moved) + tf.random.uniform([rows, 1, 1, 1], 0, 0.1) * tf.random.normal(tf.shape(moved))
    return moved, tuple(tf.unstack(parts, axis=1))


def _scaled(images: np.ndarray | tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def seen_by(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The likeliest place of each part, int [n, parts]."""
    answers = model.predict(_scaled(images), batch_size=256, verbose=0)
    return np.stack([each.argmax(axis=1) for each in answers], axis=1)


# What is asked of samples.

def judged(data: Captioned, seen: np.ndarray, asked: np.ndarray) -> dict[str, np.ndarray]:
    """Whether samples are right, bool [n] by question, from the parts seen and asked for [n, parts]."""
    right = seen == asked
    answers = {"all parts": right.all(axis=1)}
    if len(data.names) == 2:
        return {**answers, **{name: right[:, place] for place, name in enumerate(data.names)}}
    things = [np.sort(10 * each[:, [1, 3]] + each[:, [2, 4]], axis=1) for each in (seen, asked)]
    words = [np.sort(each.reshape(-1, 2, 2), axis=1).reshape(-1, 4) for each in (seen[:, 1:], asked[:, 1:])]
    answers["both things"] = (things[0] == things[1]).all(axis=1)
    answers["all words"] = (words[0] == words[1]).all(axis=1) & right[:, 0]
    return answers


def interval(values: np.ndarray) -> str:
    """The mean of what captions have [captions], in percent, with its 95 % interval."""
    chance = np.random.default_rng(0)
    means = values[chance.integers(0, len(values), [2000, len(values)])].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{100 * values.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"


class Bench:
    """One set, its judge, and what was measured."""

    def __init__(self, data: Captioned, which: str, epochs: int, each: int, sheets: Path | None):
        self.data, self.which, self.each, self.sheets = data, which, each, sheets
        out = data.rows(True)
        talk(f"{which}: {len(data.rows(False))} pictures learned, {len(out)} held out; parts: {data.sizes}")
        self.judge = self._kept_judge("all", np.arange(len(data.images)), epochs)
        others = self._kept_judge("seen", data.rows(False), epochs)
        self.rows = []
        for name, judge in (("real", self.judge), ("real, to a judge that learned without", others)):
            answers = judged(data, seen_by(judge, data.images[out]), data.parts[out])
            self.rows.append((name, "held out", "", *[interval(np.float64(each)) for each in answers.values()], ""))
        self.headings = ["samples", "captions", "seed", *answers, "s"]
        self.shares: dict[tuple[str, str, str], list[np.ndarray]] = {}
        self.parts = dict(zip(data.captions, data.parts, strict=True))
        seen, count = sorted(set(data.captions) - data.held_out), len(data.held_out)
        seen = sorted(np.random.default_rng(1).choice(seen, min(len(seen), count), replace=False).tolist())
        self.captions = {"held out": sorted(data.held_out), "seen": seen}

    def _kept_judge(self, name: str, rows: np.ndarray, epochs: int) -> keras.Model:
        path = kept_folder() / f"captions-{self.which}-{name}.keras"
        if not path.exists():
            began = time.monotonic()
            classifier(self.data, rows, epochs).save(path)
            talk(f"The judge of {name} pictures took {time.monotonic() - began:.0f} s.")
        return keras.models.load_model(path)

    def measure(self, model: str, kind: str, seed: int, steps: int) -> None:
        """One fit, and what its samples show."""
        import tfgen

        data, learned, began = self.data, self.data.rows(False), time.monotonic()
        with work_folder("captions") as folder:
            run = tfgen.fit(
                model, data.images[learned], labels=[data.captions[row] for row in learned], output=folder / "run",
                steps=steps, seed=seed, save_every=10000, captions=kind,
            )
            seconds = f"{time.monotonic() - began:.0f}"
            images = {which: _samples(run, captions, self.each, seed) for which, captions in self.captions.items()}
        for which, captions in self.captions.items():
            asked = np.stack([self.parts[caption] for caption in captions])
            seen = seen_by(self.judge, images[which]).reshape(len(captions), self.each, -1)
            shares = self._shares(seen, asked)
            self.shares.setdefault((model, which, kind), []).append(shares[0])
            self._add(f"{model}, {kind}", which, seed, shares, seconds)
            if which == "held out":
                for group, members in data.groups.items():
                    own = np.array([caption in members for caption in captions])
                    self._add(f"{model}, {kind}", group, seed, shares[:, own])
                others = np.roll(asked, len(asked) // 2, axis=0)
                self._add(f"{model}, {kind}", "floor", seed, self._shares(seen, others))
            if self.sheets:
                self._sheet(images[which], f"{self.which}-{model}-{kind}-{seed}-{which.replace(' ', '-')}.png")

    def _shares(self, seen: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """The share of each caption's samples that is right, [questions, captions]."""
        every = np.repeat(asked, self.each, axis=0)
        answers = judged(self.data, seen.reshape(len(every), -1), every).values()
        return np.stack([answer.reshape(-1, self.each).mean(axis=1) for answer in answers])

    def _add(self, name: str, which: str, seed: int, shares: np.ndarray, seconds: str = "") -> None:
        self.rows.append((name, which, str(seed), *map(interval, shares), seconds))
        talk("  ".join(filter(None, self.rows[-1])))

    def _sheet(self, images: np.ndarray, name: str) -> None:
        self.sheets.mkdir(parents=True, exist_ok=True)
        rows = [np.concatenate(list(images[at : at + self.each]), axis=1) for at in range(0, 24 * self.each, self.each)]
        Image.fromarray(np.concatenate(rows)).save(self.sheets / name)

    def show(self) -> None:
        """All tables."""
        show_table(self.headings, self.rows)
        pairs = [key for key in self.shares if key[2] == "encoder" and (*key[:2], "bag") in self.shares]
        more = [(model, which, np.mean(self.shares[model, which, "encoder"], axis=0)
                 - np.mean(self.shares[model, which, "bag"], axis=0)) for model, which, _ in pairs]
        show_table(["encoder less bag", "captions", "all parts"],
                   [(model, which, interval(apart)) for model, which, apart in more])


def _samples(run, captions: list[str], each: int, seed: int) -> np.ndarray:
    """uint8 [captions * each, ...], at the same seeds for each kind of captions."""
    from tfgen.restore import open_codec

    generate = tf.function(run.model.generate, reduce_retracing=True)
    ids = np.repeat(np.stack([run.vocabulary().ids(caption) for caption in captions]), each, axis=0)
    seeds = np.arange(len(ids), dtype=np.int32) + 10**6 * seed
    made = [generate(tf.constant(seeds[at : at + 64]), tf.constant(ids[at : at + 64])) for at in range(0, len(ids), 64)]
    return np.concatenate([np.asarray(open_codec(run).decode(part)) for part in made])


@click.group()
def main() -> None:
    """Measure what models make of captions."""


def fits(command):
    """The options of both sets."""
    options = [
        click.option("--model", "models", multiple=True, default=["vae", "gan"], show_default=True),
        click.option("--captions", "kinds", multiple=True, default=["bag", "encoder"], show_default=True),
        click.option("--steps", default=1500, show_default=True),
        click.option("--seeds", default=1, show_default=True, help="Fits of each."),
        click.option("--each", default=8, show_default=True, help="Samples of a caption."),
        click.option("--sheets", type=Path, help="A folder for sheets of the samples."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command("emoji")
@click.argument("twemoji", type=Path)
@fits
def emoji_command(twemoji, each, sheets, **options) -> None:
    """Colours and skin tones of things in combinations that were not learned."""
    run(Bench(emoji(twemoji), "emoji", 60, each, sheets), **options)


@main.command("shapes")
@fits
def shapes_command(each, sheets, **options) -> None:
    """Two shapes, in captions whose order counts."""
    run(Bench(shapes(), "shapes", 25, each, sheets), **options)


def run(bench: Bench, models: Sequence[str], kinds: Sequence[str], steps: int, seeds: int) -> None:
    """Every fit, and the tables."""
    for model in models:
        for seed in range(seeds):
            for kind in kinds:
                bench.measure(model, kind, seed, steps)
    bench.show()


if __name__ == "__main__":
    main()
