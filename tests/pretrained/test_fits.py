"""Fits that begin with a preset: whole or by LoRA, resumed, without the preset, and with harm done that is undone."""

import json
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import assert_same_state, fit_run, state_of, stopped_at
from tests.pretrained.conftest import STEPS, fit_from, sentences
from tfgen import checkpoints
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.representations.sequences.sampling import Sampling
from tfgen.restore import load_model
from tfgen.run import Run
from tfgen.training import stage


pytestmark = pytest.mark.slow


def losses_of(run):
    rows = run.history("quality.jsonl")
    return [row["step"] for row in rows], [row["validation_loss"] for row in rows]


@pytest.mark.parametrize("name", ["whole", "adapted"])
def test_a_fit_lowers_the_loss_of_text_that_is_held_out(name, request):
    run = request.getfixturevalue(name)
    steps, losses = losses_of(run)
    assert steps[0] == 0 and steps[-1] == STEPS and len(steps) == 4
    assert min(losses[1:]) < 0.9 * losses[0]
    assert run.record["status"] == "finished" and "warning" not in run.record and run.record["size"] is None


def test_a_run_needs_its_preset_no_more(whole, adapted, monkeypatch):
    def made(run):
        model = load_model(Run.open(str(run.path)))
        return model.generate(tf.constant([[5, 6]]), [2], tf.constant([9]), Sampling.greedy(1))[0].numpy()

    runs = (whole, adapted)
    expected = list(map(made, runs))
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    for run, text in zip(runs, expected, strict=True):
        np.testing.assert_array_equal(made(run), text)


def test_lora_leaves_the_frozen_weights_and_keeps_them_once(adapted):
    start = checkpoints.read(adapted.path / "start.npz", adapted.record["start"]["digest"])
    model = load_model(adapted)
    for name, variable in model.frozen().items():
        np.testing.assert_array_equal(variable.numpy(), start[name])
    arrays = state_of(adapted)
    learned = [name for name in arrays if "lora_kernel" in name]
    assert len(learned) == 8 and not start.keys() & arrays.keys()
    assert all(np.abs(arrays[name]).sum() > 0 for name in learned)
    newest = max(adapted.checkpoints.glob("*.npz"))
    assert newest.stat().st_size < 0.3 * (adapted.path / "start.npz").stat().st_size


def test_a_whole_fit_has_everything_in_its_checkpoints(whole):
    assert not (whole.path / "start.npz").exists()
    named = load_model(whole).network.named_variables()
    assert named.keys() <= state_of(whole).keys()


def test_damaged_frozen_weights_are_noticed(adapted, tmp_path):
    shutil.copytree(adapted.path, tmp_path / "copy")
    content = bytearray((tmp_path / "copy" / "start.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "copy" / "start.npz").write_bytes(content)
    with pytest.raises(UserError, match="'start.npz' of the run 'copy' is damaged"):
        load_model(Run.open(str(tmp_path / "copy")))


def test_a_repeat_by_lora_is_stopped_and_ends_with_the_same_weights_without_the_preset(adapted, copies, tmp_path):
    preset, run = copies(adapted)
    with stopped_at(30):
        stopped = repeat(run, tmp_path / "stopped")
    assert stopped.record["status"] == "stopped" and stopped.record["start"]["lora"] == 4
    shutil.rmtree(preset)
    resumed = resume(stopped.path)
    assert resumed.record["status"] == "finished"
    assert_same_state(state_of(adapted), state_of(resumed))
    assert losses_of(adapted) == losses_of(resumed)


def test_a_repeat_goes_on_that_is_killed_before_its_first_checkpoint_and_stopped(whole, copies, tmp_path, monkeypatch):
    """Until its first checkpoint it needs the preset, then no more."""
    def killed(*arguments):
        raise KeyboardInterrupt

    preset, run = copies(whole)
    with monkeypatch.context() as patch:
        patch.setattr(stage, "_save_start", killed)
        with pytest.raises(KeyboardInterrupt):
            repeat(run, tmp_path / "again")
    assert not list((tmp_path / "again" / "checkpoints").iterdir())
    with stopped_at(30):
        stopped = resume(tmp_path / "again")
    assert stopped.record["status"] == "stopped" and stopped.record["start"]["lora"] == 0
    shutil.rmtree(preset)
    resumed = resume(stopped.path)
    assert_same_state(state_of(whole), state_of(resumed))
    assert losses_of(whole) == losses_of(resumed)


def test_a_repeat_is_refused_where_the_preset_has_changed(whole, copies, tmp_path):
    _, run = copies(whole)
    Run(run.path, {**run.record, "start": {**run.record["start"], "digest": "0" * 32}}).save()
    with pytest.raises(UserError, match="The preset has changed since the run began"):
        repeat(run, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.fixture
def copies(preset, tmp_path):
    """Gives a preset to take away, and a copy of a run that began with it."""

    def copied(run):
        own = shutil.copytree(preset, tmp_path / "preset")
        copy = shutil.copytree(run.path, tmp_path / "run")
        begun = Run(copy, {**run.record, "start": {**run.record["start"], "preset": str(own)}})
        begun.save()
        return own, begun

    return copied


def repeat(run, output):
    return fit_run("gpt", output, None, None, size=None, repeat=str(run.path))


def resume(path):
    return fit_run("gpt", path, None, None, size=None, resume=True)


def test_a_fit_that_makes_it_worse_says_so_and_keeps_the_start(preset, tmp_path, capsys):
    import keras_hub

    known = tmp_path / "known.txt"
    known.write_text(sentences(4, 500, "In {5}, the {0} {2} {4} the {1} {3}."), encoding="utf-8")
    run = fit_from(preset, known, tmp_path / "run", 40, "learning_rate=1")
    _, losses = losses_of(run)
    assert min(losses[1:]) > losses[0] and run.record["kept"] == 0 and run.record["reached"] == 40
    assert "No step made it better: the validation loss was" in run.record["warning"]
    assert f"{run.record['warning']} Lower the learning rate with --set learning_rate=..., use --lora 8" in (
        capsys.readouterr().err
    )
    start = keras_hub.models.Backbone.from_preset(str(preset))
    kept = load_model(run).network.named_variables()
    for variable in start.weights:
        ours = kept[variable.path.replace("/self_attention/", "/")].numpy()
        np.testing.assert_array_equal(ours, variable.numpy().reshape(ours.shape))


def test_chats_add_tokens_to_a_whole_fit_and_are_refused_with_lora(preset, tmp_path):
    path = tmp_path / "chats.jsonl"
    turns = sentences(2, 200, "{0} {2} {4}|{1} {3}").splitlines()
    with path.open("w", encoding="utf-8") as file:
        for turn in turns:
            asked, answered = turn.split("|")
            messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
            file.write(json.dumps({"messages": messages}) + "\n")
    run = fit_from(preset, path, tmp_path / "run", 5)
    example = load_model(run).example
    assert example.vocabulary_size > 400 and example.end == example.vocabulary_size - 1
    examples = open_data(str(path), **run.data_settings())
    assert examples.fingerprint == run.record["data"]["fingerprint"]
    with pytest.raises(UserError, match="which LoRA can't learn. Leave out --lora."):
        fit_from(preset, path, tmp_path / "lora", 5, lora=4)
    assert not (tmp_path / "lora").exists()


def test_a_run_is_judged_and_exported_like_any_other(adapted, tmp_path):
    """A network with LoRA stands for one without: the same layers, and what was added to them."""
    from tfgen.evaluate.request import EvaluateRequest
    from tfgen.evaluate.stage import evaluate
    from tfgen.export.request import ExportRequest
    from tfgen.export.stage import export

    evaluation = evaluate(adapted, EvaluateRequest(count=20, metrics=("perplexity", "distinct")))
    assert 1 < evaluation.scores["perplexity"].value < 400  # tokens
    artefacts = export(adapted, ExportRequest(("saved-model", "tflite"), output=tmp_path / "out"))
    assert all(artefact.path.exists() for artefact in artefacts)
