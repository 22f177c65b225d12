"""Samples that are steered: truncation, rejection, walks, likenesses and completions, for every model of arrays."""

import json
import sys

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.conformance.cases import models_of
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.generate import Request, open_generator
from tfgen.generate.arrays import generate
from tfgen.generate.remade import remake
from tfgen.generate.steering import Steering, Waypoint
from tfgen.generate.variations import variations
from tfgen.restore import load_model, open_codec

FIRST, *OTHERS = models_of("arrays")


@pytest.fixture(scope="module", params=[FIRST, *[pytest.param(each, marks=pytest.mark.slow) for each in OTHERS]])
def run(request, fit_once):
    return fit_once(request.param, 200)


@pytest.fixture
def first_run(fit_once):
    """For what is the same whatever made the samples."""
    return fit_once(FIRST, 200)


def samples_of(run, prompt="", count=8, seed=0, **options):
    return open_generator(run, Request(prompt, count, seed, None, options)).samples()


def test_truncated_samples_lie_nearer_to_each_other(run):
    spread = [
        samples_of(run, "seven", 32, truncation=share).values.astype(float).std(axis=0).mean() for share in (1, 0.5, 0)
    ]
    assert spread[0] > spread[1] > spread[2] == 0
    np.testing.assert_array_equal(samples_of(run, "seven", 4, truncation=1.0).values, generate(run, "seven", 4).values)
    labels = samples_of(run, "", 32, truncation=0.0)
    assert len(np.unique(labels.values.reshape(32, -1), axis=0)) > 3  # each prompt has a mean of its own


def test_the_mean_of_latents_is_the_mean_of_what_is_drawn(run):
    import tensorflow as tf

    model, ids = load_model(run), run.vocabulary().ids("three")
    prompts = tf.constant(np.tile(ids, [4000, 1]), tf.int32)
    drawn = model.latents(tf.range(4000), prompts).numpy()
    expected = model.mean_latents(prompts[:1]).numpy()[0]
    assert np.all(np.abs(drawn.mean(axis=0) - expected) < 5 * drawn.std(axis=0) / np.sqrt(4000) + 1e-3)


@pytest.mark.slow
def test_what_is_rejected_is_the_models_own_worst(run):
    import tensorflow as tf

    kept, every = samples_of(run, "three", 12, reject=0.5), generate(run, "three", 24)
    assert kept.seeds == sorted(kept.seeds) and set(kept.seeds) <= set(range(24))
    np.testing.assert_array_equal(kept.values, every.values[kept.seeds])
    if run.record["model"] != "gan":
        return
    model = load_model(run)
    encoded = open_data(run.data_source()).codec.encode(every.values)
    prompts = tf.constant(np.tile(run.vocabulary().ids("three"), [24, 1]), tf.int32)
    scores = model.measurements()["scores"](tf.constant(encoded), prompts).numpy()
    others = [seed for seed in range(24) if seed not in kept.seeds]
    assert scores[kept.seeds].min() > scores[others].max() - 0.1  # rounded to bytes in between


def test_a_walk_begins_and_ends_at_its_places(run):
    frames = samples_of(run, seed=3, interpolate=("seven", "two@5"), frames=9)
    assert len(frames) == 9 and frames.prompts[0] == "seven" and frames.prompts[-1] == "two"
    for place, prompt, seed in ((0, "seven", 3), (-1, "two", 5)):
        expected = generate(run, prompt, 1, seed).values[0]
        assert np.abs(frames.values[place].astype(int) - expected).max() <= 1
    steps = np.abs(np.diff(frames.values.astype(float), axis=0)).mean(axis=(1, 2, 3))
    whole = np.abs(frames.values[0].astype(float) - frames.values[-1]).mean()
    assert steps.max() < 0.8 * whole


@pytest.mark.slow
def test_a_loop_comes_back(run):
    frames = samples_of(run, interpolate=[("@1", "@2"), ("@2", "three@5")], frames=30, loop=True)
    around = np.abs(np.roll(frames.values.astype(float), -1, axis=0) - frames.values).mean(axis=(1, 2, 3))
    assert around[-1] < 3 * np.median(around) and len(np.unique(frames.values.reshape(30, -1), axis=0)) == 30


@pytest.mark.parametrize("ending", [".gif", ".webp", ".mp4", ".png", "/"])
def test_a_walk_is_written_as_the_path_says(first_run, command, isolated, ending):
    if ending == ".mp4":
        av = pytest.importorskip("av", reason="an .mp4 needs PyAV, the extra [video]")
    path = f"walk{ending}"
    done = command("generate", first_run.path, "--interpolate", "seven", "two", "--frames", 6, "-o", path)
    assert done.exit_code == 0 and path.rstrip("/") in done.stderr, done.output
    if ending == "/":
        assert sorted(each.name for each in (isolated / "walk").iterdir())[0] == "frame-00000.png"
        assert len(list((isolated / "walk").iterdir())) == 6
    elif ending == ".mp4":
        with av.open(path) as video:
            assert sum(1 for _ in video.decode(video=0)) == 6 and "tfgen" in video.metadata["comment"]
    elif ending != ".png":
        with Image.open(path) as image:
            assert sum(1 for _ in ImageSequence.Iterator(image)) == 6 and image.width >= 256


def test_without_pyav_it_says_what_to_do(first_run, command, isolated, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    done = command("generate", first_run.path, "--interpolate", "seven", "two", "--frames", 3, "-o", "walk.mp4")
    assert done.exit_code == 2 and "tfgen[video]" in done.stderr and not (isolated / "walk.mp4").exists()


@pytest.fixture
def picture(isolated, digits):
    """A real digit as a file, its pixels, and a mask of its lower half."""
    pixels = np.load(digits)["images"][3].reshape(28, 28)
    Image.fromarray(pixels).save("mine.png")
    mask = np.zeros([28, 28], np.uint8)
    mask[14:] = 255
    Image.fromarray(mask).save("mask.png")
    return pixels


@pytest.mark.slow
def test_variations_are_like_the_picture_and_differ(run, picture, command):
    alike = samples_of(run, count=6, like="mine.png").values[..., 0].astype(float)
    others = generate(run, "", 6).values[..., 0].astype(float)
    apart = [np.sqrt(np.square(made - picture).mean(axis=(1, 2))).mean() for made in (alike, others)]
    assert apart[0] < 0.75 * apart[1]
    assert len(np.unique(alike.reshape(6, -1), axis=0)) == 6
    done = command("generate", run.path, "--like", "mine.png", "-n", 2, "-o", "like.png")
    assert "of the values' range away" in done.stderr


def test_variations_are_truncated_as_what_they_are_of(run):
    samples = [Sample.of(run, "three", 5, settings={"truncation": share} if share < 1 else {}) for share in (1, 0.4, 0)]
    varied = [variations(run, each, 8) for each in samples]
    spread = [values.astype(float).std(axis=0).mean() for values, _ in varied]
    assert spread[0] > spread[1] > spread[2] == 0
    for values, known in varied:
        np.testing.assert_array_equal(open_codec(run).decode(remake(run, known)), values)


def test_a_completion_keeps_what_is_known(run, picture):
    made = samples_of(run, count=5, like="mine.png", fill="mask.png").values[..., 0]
    assert np.abs(made[:, :14].astype(int) - picture[:14]).max() <= 1
    assert len(np.unique(made[:, 14:].reshape(5, -1), axis=0)) > 1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"truncation": 3}, "truncation must be between 0 and 2, not 3"),
        ({"reject": 1.0}, "reject must be between 0 and 0.99"),
        ({"frames": 9}, "There is no walk to make frames of. Name its ends"),
        ({"interpolate": ("seven", "seven")}, "The walk stays where it begins"),
        ({"interpolate": ("seven", "tow")}, "Did you mean 'two'"),
        ({"interpolate": ("seven", "two@x")}, "'x' is no seed"),
        ({"interpolate": ("seven", "two"), "frames": 1}, "frames must be between 2 and"),
        ({"interpolate": ("seven", "two"), "reject": 0.5}, "Leave one of them out"),
        ({"fill": "mask.png"}, "A mask needs an example to complete"),
        ({"like": "nothing.png"}, "'nothing.png' can't be used"),
        ({"like": "mine.png", "fill": "mine.png", "truncation": 0.5}, "Leave --truncation and --reject out"),
        ({"like": "mine.png", "fill": "black.png"}, "Nothing in the mask is white"),
    ],
)
def test_what_can_not_be_is_refused(gan_run, picture, options, words):
    Image.fromarray(np.zeros([28, 28], np.uint8)).save("black.png")
    with pytest.raises(UserError, match=words):
        samples_of(gan_run, **options)


@pytest.mark.parametrize(
    "words, what",
    [
        (["--interpolate", "seven", "--frames", "5"], "A walk needs two places, and '--frames' is an option. Name"),
        (["--interpolate", "seven", "--frames=5"], "A walk needs two places, and '--frames=5' is an option"),
        (["--interpolate", "seven", "two", "--interpolate", "two", "--loop"], "and '--loop' is an option"),
        (["two", "--interpolate", "seven", "two"], "'two' has no place in it"),
        (["--interpolate", "seven", "two", "-n", "5"], "Say how many frames with --frames"),
    ],
)
def test_a_walk_that_was_typed_wrong_is_refused(gan_run, command, isolated, words, what):
    done = command("generate", gan_run.path, *words)
    assert done.exit_code == 2 and what in done.stderr and not list(isolated.glob("*.gif"))


def test_places_of_a_walk():
    assert [Waypoint.parse(text) for text in ("a@b@3", "@4", "x")] == [("a@b", 3), ("", 4), ("x", None)]
    assert Steering.of({"interpolate": [("a", "b"), ("b", "c"), ("d", "e")]}).walk == tuple(
        Waypoint(name, None) for name in "abcde"
    )


@pytest.mark.slow
def test_a_ladder_has_the_same_seeds_at_several_temperatures(gpt_run, command):
    done = command("generate", gpt_run.path, "--ladder", "0,0.5,1.5", "-n", 2, "--length", 20, "-o", "out.jsonl")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in open("out.jsonl", encoding="utf-8")]
    made = [(row["settings"]["temperature"], row["seed"]) for row in rows]
    assert made == [(0, 0), (0.5, 0), (0.5, 1), (1.5, 0), (1.5, 1)]
    alone = command("generate", gpt_run.path, "--temperature", 0.5, "--seed", 1, "--length", 20, "-o", "one.jsonl")
    assert json.loads(open("one.jsonl", encoding="utf-8").read())["text"] == rows[2]["text"], alone.output
    shown = command("generate", gpt_run.path, "--ladder", "0.5,1.5", "--length", 5)
    assert "--- temperature 0.5, seed 0 ---" in shown.stdout and "--- temperature 1.5, seed 0 ---" in shown.stdout


@pytest.mark.slow
def test_the_likeliest_text_is_made_once(gpt_run, command):
    done = command("generate", gpt_run.path, "--temperature", 0, "-n", 3, "--length", 10)
    assert "every seed gives the same" in done.stderr and "---" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, words",
    [
        ({"ladder": "a,b"}, "is no ladder of temperatures"),
        ({"ladder": "1", "temperature": 1.0}, "Leave --temperature out"),
        ({"ladder": "1", "beams": 2}, "A search has no temperature"),
        ({"truncation": 0.5}, "'--truncation' is for pictures"),
    ],
)
def test_ladders_that_can_not_be(gpt_run, options, words):
    with pytest.raises(UserError, match=words):
        samples_of(gpt_run, count=1, **options)
