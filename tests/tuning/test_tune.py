"""From answers to a version that is used, kept apart or refused, and back."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from tests.conformance.cases import models_of
from tests.conftest import run_tfgen
from tfgen import versions
from tfgen.api import load
from tfgen.errors import UserError
from tfgen.feedback.store import open_store
from tfgen.generate.arrays import generate
from tfgen.run import Run
from tfgen.tuning import guards
from tfgen.tuning.guards import Measured


def measured(asked=0.95, by_prompt=None, diversity=0.9, copied=0.01):
    values = {"as asked": asked, "diversity": diversity, "copied": copied}
    return Measured(values, by_prompt or {0: 0.95, 1: 0.95}, np.zeros(0), np.zeros(0))


@pytest.mark.parametrize(
    "new, words",
    [
        (measured(asked=0.94), []),
        (measured(asked=0.93), ["does what is asked less often"]),
        (measured(by_prompt={0: 0.95, 1: 0.9}), ["'two' suffers"]),
        (measured(by_prompt={0: 0.3, 1: 0.95}), ["'one' is lost"]),
        (measured(diversity=0.6), ["0.67 times as much as before, which is too little"]),
        (measured(diversity=1.3), ["too much"]),
        (measured(copied=0.05), ["near copies"]),
    ],
)
def test_what_a_version_may_not_cost(new, words):
    guard = guards.Guards.__new__(guards.Guards)
    guard.names = ("one", "two")
    found = guard.concerns(measured(), new)
    assert len(found) == len(words) and all(word in each for word, each in zip(words, found))


@pytest.mark.slow
def test_the_steering_of_a_private_run_is_kept_without_a_look_at_its_examples(gan_run, monkeypatch):
    from tfgen.evaluate.arrays.reference_data import ReferenceData
    from tfgen.restore import load_model, open_codec
    from tfgen.tuning.arrays import ArrayTuner

    monkeypatch.setattr(ReferenceData, "of", lambda *_: pytest.fail("examples were looked at"))
    model = load_model(gan_run)
    guard = guards.Guards(Run(gan_run.path, {**gan_run.record, "privacy": {}}), model, open_codec(gan_run))
    assert "the run is private" in guard.missing
    first = guard.measure(0, 128)
    assert first.values == {"diversity": 1.0} and guard.most_lost(first, first) is None
    assert guard.measure(128, 128, old=first).values["diversity"] == pytest.approx(1.0, abs=0.3)
    shape = 1 + len(guard.names), model.latent_dim
    arrays = {"mean": np.ones(shape, np.float32), "scale": np.ones(shape, np.float32)}
    assert (ArrayTuner._drawn_back(None, guard, arrays) == 1.0).all()


@pytest.fixture
def quick(monkeypatch):
    """Fewer samples are looked at."""
    from tfgen.tuning import arrays, prior

    monkeypatch.setattr(guards.Guards.measure, "__defaults__", (640, None))
    for name, value in (("_BANK", 512), ("_JUDGED", 128), ("STEPS", 45), ("_LOOKED_AT", 1000), ("_COPIES", 500)):
        monkeypatch.setattr(arrays, name, value)
    monkeypatch.setattr(prior, "_BATCH", 64)


@pytest.mark.slow
def test_a_version_is_made_used_and_left(gan_run, judged, command, quick, quick_cache):
    run = judged(gan_run)
    planned = command("tune", run.path, "--plan")
    assert planned.exit_code == 0 and "80 comparisons of 1 person" in planned.stdout
    done = command("tune", run.path, "--json", "--name", "brighter")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    assert (record["kind"], record["parent"], record["version"]) == ("tuned", "base", "brighter")
    assert record["held_out"]["count"] == 80 and record["held_out"]["p_value"] < 0.05
    assert record["energy"]["joules"] > 0 and "Energy: " in done.stderr
    assert len(record["watermark"]) == 26 and record["answers"] == 80 and record["strength"] == 1.0
    low, high = record["win_rate"][1:]
    assert 0 <= low <= record["win_rate"][0] <= high <= 1 and record["win_rate"][0] > 0.5
    assert set(record["before"]) == set(record["after"]) >= {"as asked", "diversity", "precision", "copied"}
    used = load(run.path)
    assert used.version == ("base" if record["concerns"] else "brighter")
    version = load(f"{run.path}@brighter")
    made = [generate(each, "", 128, 9000).values for each in (load(f"{run.path}@base"), version)]
    assert made[1].mean() > made[0].mean()
    assert command("runs", "revert", run.path, "brighter").exit_code == 0
    # Of all prompts: any one of them may have been drawn back to where it was.
    np.testing.assert_array_equal(generate(load(run.path), "", 128, 9000).values, made[1])
    shown = command("runs", "show", run.path)
    assert "brighter" in shown.stdout and "in use" in shown.stdout and " Wh" in shown.stdout
    listed = json.loads(command("runs", "show", run.path, "--json").stdout)["versions"]
    assert [each["name"] for each in listed] == ["brighter"] and listed[0]["in_use"]
    back = command("runs", "revert", run.path)
    assert back.exit_code == 0 and "'base'" in back.stderr
    np.testing.assert_array_equal(generate(load(run.path), "", 128, 9000).values, made[0])
    again = command("runs", "revert", run.path)
    assert again.exit_code == 2 and "as its fit left it" in again.stderr
    taken = command("tune", run.path, "--name", "brighter")
    assert taken.exit_code == 2 and "has a version 'brighter' already" in taken.stderr


@pytest.mark.slow
def test_answers_that_mean_nothing_teach_nothing(gan_run, judged, command, quick):
    run = judged(gan_run, random=1.0, seed=1)
    done = command("tune", run.path)
    assert done.exit_code == 2 and "chance does too" in done.stderr and "binomial" in done.stderr
    assert load(run.path).version_names == []


def test_too_few_answers_are_refused_before_tensorflow_loads(gan_run, judged, tmp_path):
    run = judged(gan_run, answers=3)
    done = run_tfgen("--debug", "tune", run.path)
    assert done.returncode != 0 and "3 comparisons of samples of 'judged' can be learned from" in done.stderr
    code = (
        "import sys\nfrom tfgen.api import load\n"
        f"try: load({str(run.path)!r}).tune()\nexcept Exception as error: print(error)\n"
        "print('tensorflow' in sys.modules)"
    )
    import subprocess
    import sys

    from tests.conftest import tfgen_environment

    done = subprocess.run([sys.executable, "-c", code], env=tfgen_environment(), capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False", done.stdout + done.stderr


@pytest.mark.parametrize(
    "words, said",
    [
        (["--strength", "much"], "'much' is no strength"),
        (["--strength", "0"], "above 0 and at most 4"),
        (["--method", "magic"], "No method named 'magic'"),
        (["--name", "base"], "'base' is what the fit ended with"),
        (["--who", "nobody"], "No comparisons of samples"),
        (["--blind"], "no version in use"),
    ],
)
def test_bad_requests_are_answered_in_a_sentence(gan_run, judged, command, words, said):
    done = command("tune", judged(gan_run, answers=12).path, *words)
    assert done.exit_code == 2 and said in done.stderr


def test_blind_pairs_are_kept_and_counted(gan_run, judged, isolated):
    from tfgen.cli import main

    run = judged(gan_run, answers=1)
    arrays = {
        "words": np.zeros([1, run.vocabulary().longest], np.int32),
        "mean": np.ones([1, run.record["config"]["latent_dim"]], np.float32),
        "scale": np.ones([1, run.record["config"]["latent_dim"]], np.float32),
    }
    versions.create(run, "v1", arrays, {"kind": "tuned"})
    versions.use(run, "v1")
    given = ["tune", str(run.path), "--blind", "-n", "6", "--prompt", "seven", "--json"]
    done = CliRunner().invoke(main, given, input="1\n2\nx\n=\n1\n2\nq\n")
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["old"], result["new"], result["pairs"], result["ties"]) == ("base", "v1", 5, 1)
    with open_store() as store:
        events = store.events(session=result["session"])
        samples = store.samples({each for event in events for each in event.shown})
    assert [event.payload["picked"] for event in events] == [[0], [1], [0, 1], [0], [1]]
    alone = [event for event in events if len(event.picked) == 1]
    chosen = [samples[event.shown[event.picked[0]]].version.startswith("v1:") for event in alone]
    assert result["win_rate"][0] == pytest.approx((sum(chosen) + 0.5) / 5)
    assert {samples[each].version.partition(":")[0] for each in events[0].shown} == {"base", "v1"}
    sheets = sorted(path.name for path in (isolated / "judged-blind").iterdir())
    assert sheets[0] == "pair-001.png" and len(sheets) == 6


# The command line walks through the same door with the first model, above.
@pytest.mark.slow
@pytest.mark.parametrize("model", models_of("arrays")[1:])
def test_the_door_in_python(fit_once, model, judged, quick, quick_cache):
    run = judged(fit_once(model, 200))
    with pytest.raises(UserError, match="strength"):
        run.tune(9)
    with open_store() as store:
        version = run.tune("high", store=store)
    assert version.version == "v1" and version.version_record["strength"] == 2.0
    assert [each["name"] for each in run.versions()] == ["v1"]
    assert run.revert("base").version == "base"


def steered(model):
    """What a version holds, of a model whose first latents are liked: a tilt where it starts in a mixture."""
    import tensorflow as tf

    from tfgen.tuning.prior import tune_prior
    from tfgen.tuning.shown import Looker
    from tfgen.tuning.tilt import tilt_prior

    def bright(examples, prompts):
        return 20.0 * tf.reduce_mean(examples, axis=[1, 2, 3])

    if model.prior is None:
        return tune_prior(model, bright, 0.3, steps=30)
    _, latents, prompts = Looker(model).bank(np.arange(512, dtype=np.int32))
    return tilt_prior(model, latents, prompts, latents[:, 0], 0.3)


@pytest.mark.slow
@pytest.mark.parametrize("model", models_of("arrays"))
def test_exports_of_a_version_answer_as_it_does(fit_once, model, judged, tmp_path):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    run = judged(fit_once(model, 200), answers=1)
    versions.create(run, "v1", steered(run.model), {"kind": "tuned"})
    version = load(f"{run.path}@v1")
    # Each is proved in a process of its own before it is published. What a format does to weights is tested in
    # tests/export; a version is in the graph, which has whole numbers of its own in int8 alone, and a tilt of a mixture
    # has all that a map of the noise has.
    formats = ["float32"] if run.model.prior is None else ["float32", "int8"]
    artefacts = version.export(tmp_path / "out", saved_model=True, tflite=formats)
    assert [each.name for each in artefacts] == ["SavedModel", *[f"TFLite {name}" for name in formats]]
    wanted = generate(version, "seven", 3, 7).values.astype(int)
    base = generate(load(f"{run.path}@base"), "seven", 3, 7).values.astype(int)
    assert np.abs(wanted - base).max() > 3
    served = tf.saved_model.load(str(next((tmp_path / "out").rglob("saved_model.pb")).parent))
    made = served.signatures["generate"](seed=tf.constant([7, 8, 9]), prompt=tf.constant(["seven"] * 3))["images"]
    assert np.abs(np.rint(made.numpy() * 255) - wanted).max() <= 1
    runner = Interpreter(str(next((tmp_path / "out").rglob("*float32.tflite")))).get_signature_runner("generate")
    ids = np.tile(run.vocabulary().ids("seven"), [3, 1]).astype(np.int32)
    made = runner(seed=np.array([7, 8, 9], np.int32), prompt=ids)["images"]
    assert np.abs(np.rint(made * 255) - wanted).max() <= 1
