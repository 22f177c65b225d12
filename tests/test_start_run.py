"""Fits that begin with an earlier run: its weights, its words and tokens, and what stays as it is."""

import json
import shutil

import numpy as np
import pytest

from tests.conformance.cases import SLOW, covering
from tests.conftest import BARE_GAN, assert_same_state, fit_run, state_of, stopped_at
from tests.sources import SOURCES
from tfgen import checkpoints
from tfgen.errors import UserError
from tfgen.restore import load_model, symbols_of
from tfgen.run import Run, runs_folder
from tfgen.run_comparison import details, outline
from tfgen.training.start_run import _fitted

QUICK = ("batch_size=8", "width=2", "latent_dim=4")


def go_on(model, base, output, data, *overrides, steps=4, **options):
    bare = BARE_GAN if model == "gan" else ()
    return fit_run(model, output, data, steps, *bare, *overrides, size=None, start=str(base.path), **options)


def begun(run):
    """The state that a run began with, by name."""
    path = min(run.checkpoints.glob("*-step-00000000-*.npz"))
    return checkpoints.read(path, path.stem.rsplit("-", 1)[1])


def weights_of(run):
    """The live model's variables by their paths, as the run has them now."""
    parts = load_model(run).parts().values()
    return {variable.path: variable.numpy() for part in parts for variable in part.weights}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A function that writes an .npz of grey pictures with these labels, 20 of each; without any, 40 pictures."""
    folder = tmp_path_factory.mktemp("pictures")

    def write(*labels):
        path = folder / ("-".join(labels or ("none",)) + ".npz")
        generator = np.random.default_rng(len(labels))
        values = generator.integers(0, 256, [20 * (len(labels) or 2), 9, 12], np.uint8)
        named = {"labels": np.repeat(np.arange(len(labels)), 20), "label_names": list(labels)} if labels else {}
        np.savez(path, images=values, **named)
        return path

    return write


@pytest.fixture(scope="module")
def base(tmp_path_factory, pictures):
    """A function that gives a small run, by model and network, that learned the labels a and b. Don't change it."""
    made = {}

    def base_of(model, network="convolutional", *labels):
        key = (model, network, *labels)
        if key not in made:
            output = tmp_path_factory.mktemp("base") / "first"
            bare = BARE_GAN if model == "gan" else ()
            made[key] = fit_run(model, output, pictures(*labels), 4, *QUICK, *bare, f"network={network}")
        return made[key]

    return base_of


# How a model is given its weights knows nothing of the kind of data; what is added for new words or tokens is below.
@pytest.mark.slow
@pytest.mark.parametrize("learner", [*covering("arrays")[:2], *covering("sequences")[:1]], ids="-".join)
def test_a_fit_begins_with_what_the_run_has_learned(learner, fit_once, sources, tmp_path):
    modality, model = learner
    source = SOURCES[modality]
    arrays = "gpt" not in model
    steps, settings = (source.array_steps, ()) if arrays else (120, source.sequence_settings)
    first = fit_once(model, steps, *settings, modality=modality, **({} if arrays else {"seed": 1}))
    run = go_on(model, first, tmp_path / "run", sources(modality))
    learned, state = state_of(first), begun(run)
    assert state.keys() == learned.keys()
    others = ("step", "horizon", *(f"{name}/" for name in (*load_model(first).optimizers(), "prior")))
    same = [name for name in state if not name.startswith(others)]
    assert same
    for name in same:
        np.testing.assert_array_equal(state[name], learned[name])
    assert run.record["lineage"] == {"from": first.name, "steps": steps, "before": None}
    assert outline(run)["from"] == f"{first.name} ({steps} steps)"
    assert not (run.path / "start.npz").exists()


@pytest.mark.parametrize("model, network", [("vae", "dense"), ("gan", "residual"), ("gan", "style")])
@SLOW
def test_new_words_begin_as_the_mean_of_the_old_ones(model, network, base, pictures, tmp_path):
    first = base(model, network, "a", "b")
    run = go_on(model, first, tmp_path / "run", pictures("b", "c"))
    assert symbols_of(run) == ("a", "b", "c") and run.vocabulary().prompts == ("b", "c")
    before, after = state_of(first), begun(run)
    part = {"gan": "generator", "vae": "decoder"}[model]
    grown = [name for name in after if name.startswith(f"{part}/") and after[name].shape != before[name].shape]
    (name,) = grown
    np.testing.assert_array_equal(after[name][:2], before[name])
    np.testing.assert_allclose(after[name][2], before[name].mean(axis=0), rtol=1e-6)
    for name in after.keys() - {name for name in after if "optimizer" in name or name.startswith("prior")}:
        smaller = tuple(slice(side) for side in before[name].shape)
        if before[name].shape:
            np.testing.assert_array_equal(after[name][smaller], before[name])
    from tfgen.generate.arrays import generate

    assert len(generate(run, "c", 2).values) == 2
    with pytest.raises(UserError, match="never saw the word 'a'|No example has the label 'a'"):
        generate(run, "a", 2)


@pytest.mark.slow
@pytest.mark.parametrize("model, network", [("gan", "convolutional"), ("gan", "style"), ("vae", "convolutional")])
def test_a_run_without_prompts_learns_them(model, network, base, pictures, tmp_path):
    first = base(model, network)
    labels = tuple("bcdefghijklmnopqrstuvwxyz0123456789!")  # more than a prompt's embedding has numbers
    run = go_on(model, first, tmp_path / "run", pictures(*labels))
    assert symbols_of(first) == () and set(symbols_of(run)) == set(labels)
    part = {"gan": "discriminator", "vae": "encoder"}[model]
    before, after = state_of(first), begun(run)
    np.testing.assert_array_equal(after[f"{part}/000"], before[f"{part}/000"])
    for name in (name for name in before if name.split("/")[0] in ("generator", "decoder")):
        corners = [
            value[tuple(map(slice, before[name].shape))]
            for other, value in after.items()
            if other.split("/")[0] == name.split("/")[0] and value.ndim == before[name].ndim
        ]
        assert any(np.array_equal(corner, before[name]) for corner in corners), name


@pytest.mark.parametrize("words", [2, 40, 100])
def test_what_was_learned_without_prompts_is_kept_whole(words):
    old, fresh = np.ones([64, 4]), np.zeros([96, 4])  # latents, and an embedding of prompts behind them
    found = _fitted(old, fresh, np.full(words, -1))
    np.testing.assert_array_equal(found, np.concatenate([old, fresh[64:]]))


@pytest.mark.slow
def test_prompts_that_the_new_data_lacks_are_empty(base, pictures, tmp_path):
    run = go_on("gan", base("gan", "convolutional", "a", "b"), tmp_path / "run", pictures())
    from tfgen.generate.arrays import generate

    assert symbols_of(run) == ("a", "b") and len(generate(run, "", 3).values) == 3


@pytest.mark.slow
def test_what_is_frozen_stays_bit_for_bit(base, pictures, tmp_path):
    first = base("gan", "convolutional", "a", "b")
    run = go_on("gan", first, tmp_path / "run", pictures("a", "b"), "freeze=1")
    before, after = weights_of(first), weights_of(run)
    changed = {path for path in before if not np.array_equal(before[path], after[path])}
    assert not any(path.startswith("discriminator/down_0/") for path in changed)
    assert any(path.startswith("discriminator/features/") for path in changed)
    with pytest.raises(UserError, match="freeze is 9, and there are 1 blocks"):
        go_on("gan", first, tmp_path / "other", pictures("a", "b"), "freeze=9")
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_resumed_and_repeated_it_ends_with_the_same_bits(base, pictures, tmp_path):
    first = Run.open(str(shutil.copytree(base("vae", "dense", "a", "b").path, tmp_path / "first")))
    data = pictures("b", "c")
    straight = go_on("vae", first, tmp_path / "straight", data, steps=96)
    again = fit_run("vae", tmp_path / "again", None, None, size=None, repeat=str(straight.path))
    assert_same_state(state_of(straight), state_of(again))
    assert again.record["lineage"] == {**straight.record["lineage"], "repeat": "straight"}
    with stopped_at(32):
        stopped = go_on("vae", first, tmp_path / "stopped", data, steps=96)
    assert stopped.record["status"] == "stopped"
    first.remove()
    resumed = fit_run("vae", stopped.path, None, None, size=None, resume=True)
    assert_same_state(state_of(straight), state_of(resumed))
    assert details(resumed)["lineage.from"] == "first"


@pytest.mark.slow
def test_text_goes_on_to_chats(tmp_path, plain_steps):
    tale = "the old king rode over a hill and met one grey wolf who spoke of rain.\n"
    (tmp_path / "tale.txt").write_text(tale * 40, encoding="utf-8")
    with (tmp_path / "chats.jsonl").open("w", encoding="utf-8") as file:
        for number in range(40):
            turns = [("user", f"who rode over hill {number}?"), ("assistant", "the old king rode")]
            messages = [{"role": role, "content": content} for role, content in turns]
            file.write(json.dumps({"messages": messages}) + "\n")
    first = fit_run("gpt", tmp_path / "first", tmp_path / "tale.txt", 20, "context=32", "batch_size=8")
    run = go_on("gpt", first, tmp_path / "run", tmp_path / "chats.jsonl")
    old, new = symbols_of(first), symbols_of(run)
    assert new[: len(old) - 1] == old[:-1] and new[-1] == old[-1] and len(new) > len(old)
    before, after = state_of(first), begun(run)
    name = next(name for name in after if name.startswith("network/") and after[name].shape[0] == len(new))
    np.testing.assert_array_equal(after[name][: len(old) - 1], before[name][:-1])
    np.testing.assert_array_equal(after[name][-1], before[name][-1])
    np.testing.assert_allclose(after[name][-2], before[name].mean(axis=0), rtol=1e-4, atol=1e-6)
    from tfgen.generate import Request, open_generator

    assert len(open_generator(run, Request("the old king?", 1, 0, None, {"length": 5})).samples()) == 1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"model": "vae"}, "'first' is a gan, not a vae. Fit a gan, or name another run"),
        ({"size": "tiny"}, "--size and --from are both given. Leave out --size"),
        ({"lora": 4}, "--lora is for a preset"),
        ({"overrides": ("widht=8",)}, "No setting named 'widht'. Did you mean 'width'?"),
        ({"overrides": ("learning_rate=-1",)}, "learning_rate must be between"),
        ({"overrides": ("width=8",)}, "'width' comes with what --from names"),
        ({"overrides": ("size=16",)}, "'size' comes with what --from names"),
        ({"start": "frist"}, "There is no run 'frist'. Did you mean 'first'?"),
        ({"data": "shakespeare"}, "'first' learned pictures, and 'shakespeare' is texts. Give data of its kind"),
        ({"start": None, "overrides": ("freeze=1",)}, "There is nothing yet to leave as it is. Name a run with --from"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_written(base, pictures, options, words):
    shutil.copytree(base("gan", "convolutional", "a", "b").path, runs_folder() / "first")
    request = {"model": "gan", "data": pictures("a", "b"), "start": "first", "size": None, **options}
    model, data, overrides = request.pop("model"), request.pop("data"), request.pop("overrides", ())
    with pytest.raises(UserError, match=words):
        fit_run(model, "new", data, 5, *overrides, **request)
    assert [path.name for path in runs_folder().iterdir()] == ["first"]
