"""The Python door as a notebook meets it: what may be passed, what comes back, and that nothing is said unasked."""

import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.conftest import BARE_GAN, fit_run, stopped_at, tfgen_environment
from tfgen import restore
from tfgen.config import parse_pairs
from tfgen.console import talking

QUICK = {"network": "dense", "width": 2, "batch_size": 8, **parse_pairs(BARE_GAN)}
PICTURES = np.random.default_rng(0).integers(0, 200, [40, 16, 16], np.uint16)
LABELS = ["left" if number % 2 else "right" for number in range(40)]


@pytest.fixture(autouse=True)
def silent():
    """As in a notebook: nobody asked for words."""
    with talking(False):
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny run on an array with labels. Don't change it."""
    path = tmp_path_factory.mktemp("door") / "run"
    return tfgen.fit("gan", PICTURES, labels=LABELS, output=path, size="tiny", steps=np.int64(4), seed=np.int64(3),
                     white=PICTURES.max(), channels=np.int64(1), data_settings={"size": (12, 16)}, **QUICK)


def test_numpys_numbers_are_numbers(run):
    assert run.record["steps"] == 4 and run.record["seed"] == 3
    assert run.record["data"]["settings"] == {"white": 199, "channels": 1, "size": (12, 16)}
    assert run.generate(n=np.int64(2), seed=np.int32(5)).seeds == [5, 6]
    assert tfgen.open_data(PICTURES, size=(16, 32)).values.shape == (40, 16, 32, 1)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"size": 32}, "data_settings={'size': 32}"),
        ({"minutes": "3"}, "minutes must be a number, not '3'"),
        ({"seed": "3"}, "seed must be a whole number, not '3'"),
        ({"steps": 2.5}, "steps must be a whole number, not 2.5"),
        ({"size": "tiney"}, "Did you mean 'tiny'"),
    ],
)
def test_what_can_not_be_a_fit_is_refused_in_words(options, words):
    with pytest.raises(tfgen.UserError, match=words):
        tfgen.fit("gan", PICTURES, **options)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda run: run.generate(["left", "right"]), "prompt must be a text, not list"),
        (lambda run: run.generate("left", temperatur=1), "Did you mean 'temperature'"),
        (lambda run: run.generate("left", n="20"), "n must be a whole number, not '20'"),
        (lambda run: run.evaluate(n="20"), "n must be a whole number, not '20'"),
        (lambda run: run.evaluate(metrics="frechett"), "Did you mean 'frechet'"),
        (lambda run: run.export(tflite="int9"), "No number format named 'int9'"),
        (lambda run: run.model.save("a.keras"), r"run.export\(\)"),
        (lambda run: run.model.get_config(), "tfgen.load"),
        (lambda run: run.evaluate(PICTURES), "pictures are read from files alone.* of type ndarray"),
        (lambda run: run.generate(like={"a": [1]}), "pictures are read from files alone.* of type dict"),
    ],
)
def test_mistakes_are_sentences(run, call, words):
    with pytest.raises(tfgen.UserError, match=words):
        call(run)


def test_a_part_of_the_samples_has_its_own_seeds(run, tmp_path):
    samples = run.generate("left", n=8, seed=7)
    for part, seeds in ((samples[:3], [7, 8, 9]), (samples[::-1], [*range(14, 6, -1)]), (samples[[4, 0]], [11, 7]),
                        (samples[samples.values.max(axis=(1, 2, 3)) >= 0], [*range(7, 15)])):
        assert part.seeds == seeds and part.prompts == ["left"] * len(seeds)
        for value, seed in zip(part.values, seeds, strict=True):
            np.testing.assert_array_equal(value, samples.values[seed - 7])
    samples[::-1].save(tmp_path / "turned.npz")
    with np.load(tmp_path / "turned.npz") as stored:
        assert stored["seeds"].tolist() == [*range(14, 6, -1)] and len(stored["images"]) == 8
    assert samples[:2].save(str(tmp_path / "two")) == f"2 files in {tmp_path / 'two'}"
    assert samples._repr_html_().count("<img") == 8


def test_what_is_calculated_of_samples_is_no_sample(run, tmp_path):
    samples = run.generate("left", n=3)
    for made in (samples / 255.0, samples.mean(), samples[0], samples[:, :4], samples + samples, np.flip(samples)):
        assert not hasattr(made, "seeds")
    with pytest.raises(tfgen.UserError, match="no longer samples as they were made"):
        samples.astype(np.float32).save(tmp_path / "a.png")
    assert samples.astype(np.float32)._repr_html_() is None
    total = np.zeros(samples.shape)
    total += samples
    np.testing.assert_array_equal(total, samples.values)


@pytest.mark.slow
def test_data_in_memory_is_resumed_and_repeated(tmp_path):
    options = {"labels": LABELS, "size": "tiny", "steps": 256, **QUICK}
    with stopped_at(64):
        stopped = tfgen.fit("gan", PICTURES, **options)
    assert stopped.record["status"] == "stopped"
    resumed = tfgen.fit("gan", PICTURES, labels=LABELS, resume=True)
    assert resumed.path == stopped.path and resumed.record["status"] == "finished"
    repeated = tfgen.fit(data=PICTURES, labels=LABELS, repeat=resumed)
    assert repeated.name == f"{resumed.name}-2"
    np.testing.assert_array_equal(repeated.generate("left", 3).values, resumed.generate("left", 3).values)


@pytest.mark.slow
def test_the_model_is_the_newest(tmp_path, digits):
    with stopped_at(64):
        run = tfgen.load(fit_run("gan", tmp_path / "run", digits, 256, *[f"{k}={v}" for k, v in QUICK.items()]).path)
    assert int(run.model.step) < 256
    tfgen.fit("gan", output=run.path, resume=True)
    assert int(run.model.step) == 256


@pytest.mark.slow
@pytest.mark.slow
def test_the_next_call_loads_no_model_unless_it_must(run, tmp_path, monkeypatch):
    """A notebook generates again and again; what it gets is what a fresh process makes."""
    loaded = []
    load = restore.load_model_and_checkpoint
    monkeypatch.setattr(restore, "load_model_and_checkpoint", lambda run: loaded.append(run.name) or load(run))
    first = run.generate("left", 3, seed=7)
    np.testing.assert_array_equal(run.generate("left", 3, seed=7), first)
    np.testing.assert_array_equal(tfgen.load(run.path).generate("left", 2, seed=8), first[1:])
    assert len(loaded) <= 1
    # Another run under its name, with as many steps.
    other, another = (
        tfgen.fit("gan", PICTURES, output=tmp_path / name, steps=4, seed=seed, **QUICK)
        for name, seed in (("other", 1), ("another", 2))
    )
    before = other.generate(n=2)
    shutil.rmtree(other.path)
    another.path.rename(other.path)
    other = tfgen.load(other.path)
    made = other.generate(n=2)
    assert not np.array_equal(made, before)
    # What a person does to a model is done to that one alone.
    for variable in other.model.generator_average.weights:
        variable.assign(tf.zeros_like(variable))
    np.testing.assert_array_equal(other.generate(n=2), made)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_a_warning_and_is_written_anew(tmp_path):
    options = {"labels": LABELS, "size": "tiny", "steps": 256, **QUICK}
    with stopped_at(64):
        run = tfgen.fit("gan", PICTURES, output=tmp_path / "run", **options)
    whole = tfgen.fit("gan", PICTURES, output=tmp_path / "whole", **options)
    with stopped_at(128):
        tfgen.fit("gan", output=run.path, resume=True)
    newest = max(run.checkpoints.glob("*.npz"))
    newest.write_bytes(newest.read_bytes()[:-9] + b"different")
    with pytest.warns(UserWarning, match=f"The checkpoint {newest.name} is damaged"):
        run.generate()
    resumed = tfgen.fit("gan", output=run.path, resume=True)
    assert resumed.record["status"] == "finished"
    np.testing.assert_array_equal(resumed.generate("left", 3).values, whole.generate("left", 3).values)


def test_a_checkpoint_that_was_damaged_after_its_steps_is_written_again(tmp_path):
    from tfgen import checkpoints

    first = checkpoints.save(tmp_path, {"a": np.ones(3)}, 5)
    assert checkpoints.save(tmp_path, {"a": np.ones(3)}, 5) == first
    first.write_bytes(b"damaged")
    second = checkpoints.save(tmp_path, {"a": np.ones(3)}, 5)
    assert second != first and checkpoints.load_newest(tmp_path).name == second.name


def test_an_error_of_a_callers_callback_is_the_callers(tmp_path):
    class Broken(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise FileNotFoundError(2, "no such folder of mine")

    with pytest.raises(FileNotFoundError, match="no such folder of mine"):
        tfgen.fit("gan", PICTURES, output=tmp_path / "run", size="tiny", steps=4, callbacks=[Broken()], **QUICK)


def test_another_packages_mistake_costs_only_what_it_brings(monkeypatch):
    from tfgen import catalog

    broken = {**catalog.MODALITIES._entries, "broken": "json:loads", "worse": "no colon", "worst": "nowhere:Here"}
    monkeypatch.setattr(catalog.MODALITIES, "_entries", broken)
    with pytest.warns(UserWarning, match="'worst' of another package can't be loaded"):
        found = catalog.MODALITIES.all()
    assert {"image", "text"} <= {getattr(each, "name", "") for each in found}


@pytest.mark.slow
def test_a_fit_says_nothing_unless_asked(isolated):
    np.save("pictures.npy", PICTURES[:20].astype(np.uint8))
    code = "import tfgen; run = tfgen.fit('gan', 'pictures.npy', size='tiny', steps=4, network='dense', batch_size=4)"
    code += "; run.generate(n=2)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=_without_log_level())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _without_log_level():
    environment = tfgen_environment()
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return environment


def test_texts_have_parts_too():
    from tfgen.generate import Origin
    from tfgen.generate.sequence_files import Rows
    from tfgen.generate.sequences import SequenceSamples
    from tfgen.representations.sequences.sampler import Text

    texts = [Text(f"seed {seed}", seed, text=str(seed)) for seed in range(4)]
    samples = SequenceSamples(texts, Rows(Origin("run", "gpt", "text"), {}))
    assert list(samples[1:3]) == ["1", "2"] and samples[-1] == "3" and "2" in samples and len(samples[::2]) == 2


@pytest.mark.parametrize("options, words", [({"stop": ""}, "must not be empty"), ({"top_k": 1.5}, "whole number"),
                                            ({"temperature": "hot"}, "must be a number")])
def test_options_of_sequences_are_checked(options, words):
    from tfgen.representations.sequences.sampling_settings import SamplingSettings

    assert SamplingSettings.of({"stop": "\n", "top_k": np.int64(5)}).stop == ("\n",)
    with pytest.raises(tfgen.UserError, match=words):
        SamplingSettings.of(options)
