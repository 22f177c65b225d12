"""Sounds: what is lost there and back, and how like spoken digits those of a run are, by judges of the bench's own.

    python scripts/bench/sound.py RECORDINGS [RUN]... [-n 1000]

RECORDINGS is the `recordings/` of the Free Spoken Digit Dataset, its files called DIGIT_SPEAKER_INDEX.wav; indices
0 to 4 are held out. A RUN is one of `tfgen fit MODEL FOLDER`, where FOLDER is what `--lay-out FOLDER` makes of them:
train/ and test/ with a sub-folder for each digit.

there and back: spectral convergence of real test recordings through spectrogram and vocoder (at most .23), and how
often the judges recognise them before and after (at most a point apart).
runs: as asked, the share of samples that the judges hear as what was asked for; Fréchet distance to training
recordings in each judge's features, beside other recordings; spread within a digit as a share of real ones';
harmonicity, beside real recordings and the same through the vocoder; milliseconds a sound takes. Of what differs from
judge to judge, the median and the range.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from common import show_table, talk

DIGITS = "zero one two three four five six seven eight nine".split()
HELD_OUT = 5  # indices of each speaker and digit
EPOCHS, BATCH = 14, 50


def lay_out(recordings: Path, folder: Path) -> None:
    """Links to every recording, by part and digit."""
    for path in sorted(recordings.glob("*.wav")):
        digit, _, index = path.stem.split("_")
        place = folder / ("test" if int(index) < HELD_OUT else "train") / DIGITS[int(digit)]
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).exists() or (place / path.name).symlink_to(path.resolve())


def read(recordings: Path, held_out: bool):
    """Samples [n, samples] as tfgen learns them, and their digits [n]."""
    from tfgen.modalities.audio.folder import padded
    from tfgen.modalities.audio.reading import read_sound

    paths = [path for path in sorted(recordings.glob("*.wav")) if (int(path.stem.split("_")[2]) < HELD_OUT) == held_out]
    sounds = [read_sound(path, 8000) for path in paths]
    return padded(sounds, 48 * 128), np.array([int(path.stem[0]) for path in paths])


def judge_of(values: np.ndarray, digits: np.ndarray, seed: int):
    """What hears the digits of spectrograms [n, frames, bands, 1], and what sees 32 features in them."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Rescaling(1 / 65535), keras.layers.AveragePooling2D(2)]
    for width in (24, 48, 96):
        layers += [keras.layers.Conv2D(width, 3, 2, "same", use_bias=False), keras.layers.BatchNormalization()]
        layers += [keras.layers.Activation("relu")]
    layers += [keras.layers.Flatten(), keras.layers.Dropout(0.3), keras.layers.Dense(32, "relu")]
    layers += [keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input(values.shape[1:]), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    decay = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * len(values) // BATCH)
    model.compile(keras.optimizers.Adam(decay), loss)
    model.fit(values.astype(np.float32), digits, BATCH, EPOCHS, verbose=0)
    features = keras.Model(model.inputs, model.layers[-2].output)

    def hears(heard: np.ndarray) -> np.ndarray:
        return model.predict(heard.astype(np.float32), verbose=0).argmax(axis=1)

    def sees(heard: np.ndarray) -> np.ndarray:
        return features.predict(heard.astype(np.float32), verbose=0)

    return hears, sees


@click.command()
@click.argument("recordings", type=click.Path(exists=True, path_type=Path))
@click.argument("runs", nargs=-1)
@click.option("-n", "count", default=1000, help="Samples of each run.")
@click.option("--lay-out", "folder", type=click.Path(path_type=Path), help="Make train/ and test/ here, no more.")
@click.option("--judges", default=5, show_default=True, help="Classifiers to judge by, each from another seed.")
def main(recordings: Path, runs: tuple[str, ...], count: int, folder: Path | None, judges: int):
    if folder:
        return lay_out(recordings, folder)
    import tfgen
    from tfgen.evaluate.metrics.diversity import diversity
    from tfgen.evaluate.metrics.frechet import frechet_distance
    from tfgen.modalities.audio.attributes import harmonicity
    from tfgen.modalities.audio.preview import waveforms_of
    from tfgen.modalities.audio.spectrogram import RATES, magnitudes, spectrograms_of

    frames = RATES[8000]
    sounds, digits = read(recordings, held_out=False)
    unseen, unseen_digits = read(recordings, held_out=True)
    order = np.random.default_rng(0).permutation(len(sounds))
    sounds, digits = sounds[order], digits[order]
    talk(f"Teaching {judges} judges ...")
    values = spectrograms_of(sounds, frames)
    judged_by = [judge_of(values, digits, seed) for seed in range(judges)]

    began = spectrograms_of(unseen, frames)
    again = waveforms_of(began)
    before, after = magnitudes(unseen, frames), magnitudes(again, frames)
    lost = np.linalg.norm(before - after, axis=(1, 2)) / np.linalg.norm(before, axis=(1, 2))
    right = [
        np.mean([hears(each) == unseen_digits for hears, _ in judged_by])
        for each in (began, spectrograms_of(again, frames))
    ]
    tones = [harmonicity(each, frames.rate).mean() for each in (unseen, again)]
    show_table(
        ["there and back", "recognised", "convergence", "harmonicity"],
        [["before", f"{right[0]:.1%}", "", f"{tones[0]:.3f}"],
         ["after", f"{right[1]:.1%}", f"{lost.mean():.3f}", f"{tones[1]:.3f}"]],
    )
    if not runs:
        return
    count = min(count, len(values) // 2)

    def apart(others: np.ndarray) -> np.ndarray:
        """Fréchet distances from learned recordings, of each judge."""
        pairs = [(sees(values[:count]), sees(others)) for _, sees in judged_by]
        return np.array([frechet_distance.function(*pair)["frechet_distance"] for pair in pairs])

    between = apart(values[-count:])
    rows = [["other real ones", "", _span(between, 2), "1", "1.00", f"{tones[0]:.3f}", "1.00"]]
    for name in runs:
        run, start = tfgen.load(name), time.time()
        each = count // len(DIGITS)
        made = np.concatenate([run.generate(digit, n=each, seed=1000).values for digit in DIGITS])
        heard = waveforms_of(made)
        took = 1000 * (time.time() - start) / len(made)
        asked = np.repeat(np.arange(10), each)
        through = spectrograms_of(heard, frames)
        distances = apart(through)
        spreads = [
            diversity.function(sees(values[:count]), sees(through), digits[:count], asked)["diversity"]
            for _, sees in judged_by
        ]
        tone = harmonicity(heard, frames.rate).mean()
        rows.append([
            name, f"{np.mean([hears(through) == asked for hears, _ in judged_by]):.1%}", _span(distances, 2),
            _span(distances / between, 1), _span(spreads, 2), f"{tone:.3f}", f"{tone / tones[1]:.2f}", f"{took:.0f}",
        ])
    head = ["run", "as asked", "Frechet", "of real", "spread", "harmonicity", "of the vocoder's", "ms a sound"]
    show_table(head, [row + [""] * (len(head) - len(row)) for row in rows])


def _span(values: Sequence[float], places: int) -> str:
    """The median, and from where to where."""
    return f"{np.median(values):.{places}f} ({min(values):.{places}f} to {max(values):.{places}f})"


if __name__ == "__main__":
    main()
