"""`tfgen evaluate` as a user meets it: tables, files, comparisons, refusals, the cache; the best weights of a fit."""

import json
import shutil

import numpy as np
import pytest

from tests.conftest import BARE_GAN, assert_same_state, fit_run, state_of, stopped_at
from tfgen import catalog
from tfgen.data import open_data
from tfgen.errors import Failure, UserError
from tfgen.evaluate.arrays.features import open_extractor
from tfgen.evaluate.compare import compare
from tfgen.evaluate.record import Evaluation
from tfgen.evaluate.request import EvaluateRequest, metrics_of
from tfgen.evaluate.score_descriptions import title_of
from tfgen.evaluate.stage import evaluate
from tfgen.run import Run

QUICK = ("network=dense", "width=2", "batch_size=8", *BARE_GAN)
FEW = ("-n", 100, "--extractor", "random")


@pytest.fixture
def quick_classifier(monkeypatch):
    """It learns until it knows digits well enough. What it learned is kept for its data: only "some" has such a one."""
    from tfgen.evaluate.extractors import classifier

    monkeypatch.setattr(classifier, "_STEPS", (150, 150))


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory, fit_once, splits):
    """Two runs on the same data: one that has learned something, and one that has not."""
    folder = tmp_path_factory.mktemp("pair")
    steps_of = {"better": 200, "worse": 2}
    fitted = {name: fit_once("gan", steps, *QUICK, data=splits["some"]) for name, steps in steps_of.items()}
    return [Run.open(str(shutil.copytree(run.path, folder / name))) for name, run in fitted.items()]


@pytest.fixture
def pair(two_runs, quick_classifier):
    return two_runs


@pytest.fixture
def barely(fit_once, splits, tmp_path):
    """A copy of a run that has hardly begun: enough for what is refused."""
    return Run.open(str(shutil.copytree(fit_once("gan", 2, *QUICK, data=splits["some"]).path, tmp_path / "barely")))


@pytest.fixture(scope="module")
def colour_run(tmp_path_factory):
    """A tiny run on colour pictures that aren't square and have no prompts."""
    folder = tmp_path_factory.mktemp("colour")
    values = np.random.default_rng(0).integers(0, 256, [120, 12, 20, 3], np.uint8)
    np.save(folder / "pictures.npy", values)
    return fit_run("vae", folder / "run", folder / "pictures.npy", 5, "batch_size=8", "width=2", "latent_dim=4")


@pytest.mark.slow
def test_a_run_is_judged(pair, splits, command, isolated):
    result = command("evaluate", pair[0].path, "--data", splits["others"], "-n", 500)
    assert result.exit_code == 0, result.output
    evaluation = Evaluation.read(pair[0].path)
    for name in evaluation.scores:
        assert title_of(name) in result.stdout
    assert {"kernel_distance", "precision", "recall", "density", "coverage", "prompt_adherence", "diversity", "copied",
            "membership"} <= set(evaluation.scores)
    assert "It needs 2048 samples and as many real examples; there are 500" in evaluation.left_out["frechet"]
    assert list(evaluation.baselines) == ["real", "copies", "noisy copies", "noise"]
    distances = [evaluation.baselines[name]["kernel_distance"] for name in ("real", "noisy copies", "noise")]
    assert distances == sorted(distances)
    assert evaluation.baselines["copies"]["copied"] == 1
    assert evaluation.words in result.stdout and "report.html" in result.stderr
    assert (pair[0].path / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_json_is_the_record_and_a_part_does_not_replace_the_whole(pair, command):
    result = command("evaluate", pair[0].path, "-n", 100, "--json")
    before = (pair[0].path / "evaluation.json").read_bytes()
    assert json.loads(result.stdout) == json.loads(before)
    metrics = ["--metric", "kernel", "--metric", "precision-recall"]
    result = command("evaluate", pair[0].path, "-n", 100, *metrics, "--json")
    assert set(json.loads(result.stdout)["scores"]) == {"kernel_distance", "precision", "recall"}
    assert "Not kept in the run" in result.stderr
    assert (pair[0].path / "evaluation.json").read_bytes() == before


@pytest.mark.slow
def test_held_out_examples_with_other_words_raise_no_false_alarm(pair, tmp_path, splits):
    others = np.load(splits["others"])
    np.savez(tmp_path / "unlabelled.npz", images=others["images"][:300])
    evaluation = evaluate(pair[0], EvaluateRequest(holdout=str(tmp_path / "unlabelled.npz"), count=300))
    assert "prompt_adherence" not in evaluation.baselines["real"] and "membership" not in evaluation.scores
    sentences = {alarm.name: alarm.sentence for alarm in evaluation.alarms}
    assert "nothing to do with each other" not in sentences["prompt ignored"]
    assert "too few held-out examples with prompts" in sentences["overfit"]
    assert "copied" in evaluation.scores


@pytest.mark.slow
def test_held_out_words_are_matched_as_typed_ones_are(pair, tmp_path, splits):
    others = np.load(splits["others"])
    names = [str(digit) for digit in range(10)]  # the run knows "zero", "one", ...
    assert list(others["label_names"])[:2] == ["zero", "one"]
    np.savez(tmp_path / "named.npz", images=others["images"][:300], labels=others["labels"][:300], label_names=names)
    evaluation = evaluate(pair[0], EvaluateRequest(holdout=str(tmp_path / "named.npz"), count=300))
    assert evaluation.baselines["real"]["prompt_adherence"] > 0.8 and "membership" in evaluation.scores


@pytest.mark.slow
def test_training_examples_among_the_held_out_hide_no_copies(pair, tmp_path, splits):
    learned, others = np.load(splits["some"]), np.load(splits["others"])
    mixed = np.concatenate([learned["images"][:60], others["images"][:340]])
    np.savez(tmp_path / "mixed.npz", images=mixed)
    evaluation = evaluate(pair[0], EvaluateRequest(holdout=str(tmp_path / "mixed.npz"), count=400))
    assert evaluation.baselines["copies"]["copied"] == 1
    assert any("15.0% of the held-out examples are training examples too" in note for note in evaluation.notes)


@pytest.mark.slow
def test_few_held_out_examples_are_no_reason_to_look_for_no_copies(pair, tmp_path, splits):
    others = np.load(splits["others"])
    np.savez(tmp_path / "few.npz", images=others["images"][:50], labels=others["labels"][:50])
    evaluation = evaluate(pair[0], EvaluateRequest(holdout=str(tmp_path / "few.npz"), count=300))
    assert "copied" in evaluation.scores and "membership" not in evaluation.scores
    assert any("Fewer held-out examples than samples" in note for note in evaluation.notes)


def test_runs_that_can_not_be_compared_are_refused_before_the_work(barely, colour_run, command):
    result = command("evaluate", barely.path, colour_run.path)
    assert result.exit_code == 2 and "The runs learned different data" in result.stderr
    result = command("evaluate", barely.path, barely.path)
    assert result.exit_code == 2 and "Two of the runs have the same name" in result.stderr
    assert not (barely.path / "evaluation.json").exists()


@pytest.mark.slow
def test_the_same_run_scores_the_same_again_from_the_cache_and_without(pair, splits, tmp_path, monkeypatch):
    from tfgen.evaluate.arrays.groups import Group

    request = EvaluateRequest(holdout=str(splits["held"]), count=120, extractor="random")
    first = evaluate(pair[0], request)
    with monkeypatch.context() as patch:
        patch.setattr(Group, "blocks", lambda group: pytest.fail(f"{group.name} was looked at again"))
        again = evaluate(pair[0], request)
    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "empty"))
    anew = evaluate(pair[0], request)
    assert first.scores == again.scores == anew.scores and first.baselines == anew.baselines


@pytest.mark.slow
def test_runs_are_compared(pair, splits, command, isolated):
    result = command("evaluate", *[run.path for run in pair], "-n", 250, "--extractor", "random")
    assert result.exit_code == 0, result.output
    assert "better is best" in result.stdout
    assert (isolated / "better-vs-worse-quality.png").stat().st_size > 1000
    comparison = compare([Evaluation.read(run.path) for run in pair])
    row = next(row for row in comparison.rows if row.score == "kernel_distance")
    assert row.differences[0].means_something and row.differences[0].value < 0


@pytest.mark.slow
def test_a_run_is_no_better_than_itself_with_another_seed(pair, splits):
    first = evaluate(pair[0], EvaluateRequest(count=250, extractor="random"))
    second = evaluate(pair[0], EvaluateRequest(count=250, extractor="random", seed=5000))
    with pytest.raises(UserError, match="were not measured alike: the seed differ"):
        compare([first, second])
    twin = Evaluation.from_json({**second.to_json(), "run": "twin", "measured_with": first.to_json()["measured_with"]})
    meaningful = [row.score for row in compare([first, twin]).rows if row.differences[0].means_something]
    assert len(meaningful) <= 1  # of 95 % intervals one in twenty misses


@pytest.mark.slow
@pytest.mark.parametrize(
    "change, words",
    [({"count": 200}, "the number of samples"), ({"extractor": "classifier"}, "the extractor"),
     ({"holdout": "held"}, "the held-out data")],
)
def test_what_was_not_measured_alike_is_not_compared(pair, splits, change, words):
    request = {"count": 300, "extractor": "random", "metrics": ("kernel",)}
    changed = {**request, **change}
    if "holdout" in changed:
        changed["holdout"] = str(splits[changed["holdout"]])
    first, second = evaluate(pair[0], EvaluateRequest(**request)), evaluate(pair[1], EvaluateRequest(**changed))
    with pytest.raises(UserError, match=words):
        compare([first, second])


def test_colour_pictures_without_prompts(colour_run):
    evaluation = evaluate(colour_run, EvaluateRequest(count=50))
    assert evaluation.measured_with.extractor == "random"
    assert {"kernel_distance", "diversity", "log_likelihood_bound", "reconstruction_error", "dead_latents"} <= set(
        evaluation.scores
    )
    assert "needs a classifier" in evaluation.left_out["adherence"]
    states = {alarm.name: alarm.state for alarm in evaluation.alarms}
    assert states["prompt ignored"] == states["overfit"] == "not tested"
    assert all(np.isfinite(score.value) for score in evaluation.scores.values())


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--metric", "frechett"], "No metric named 'frechett'. Did you mean 'frechet'"),
        (["--extractor", "clasifier"], "Did you mean 'classifier'"),
        (["-n", 3], "3 samples can't be scored. Give -n a number from 20"),
        (["--data", "nowhere"], "no file, folder or data set named 'nowhere'"),
        (["--seed", -1], "The seed -1 is out of range"),
        (["--metric", "likelihood", *FEW], "The metric 'likelihood' can't be measured for this run"),
        (["--metric", "frechet", *FEW], "It needs 2048 samples"),
    ],
)
def test_bad_requests_are_refused(barely, command, arguments, words):
    result = command("evaluate", barely.path, *arguments)
    assert result.exit_code == 2 and words in result.stderr
    assert not (barely.path / "evaluation.json").exists()


def test_the_training_data_is_no_held_out_data(barely, splits, command):
    result = command("evaluate", barely.path, "--data", splits["some"], "-n", 50)
    assert result.exit_code == 2 and "is the data that the run learned" in result.stderr


def test_data_that_is_gone_or_changed_is_said(barely, splits, tmp_path):
    np.savez(tmp_path / "data.npz", images=np.random.default_rng(0).integers(0, 256, [40, 28, 28], np.uint8))
    run = fit_run("gan", tmp_path / "run", tmp_path / "data.npz", 2, *QUICK)
    np.savez(tmp_path / "data.npz", images=np.zeros([40, 28, 28], np.uint8))
    with pytest.raises(UserError, match="The data has changed since 'run' learned it"):
        evaluate(run, EvaluateRequest(count=20))
    (tmp_path / "data.npz").unlink()
    with pytest.raises(UserError, match="The data that 'run' learned can't be read"):
        evaluate(run, EvaluateRequest(count=20))


def test_too_few_examples_are_said(tmp_path):
    np.save(tmp_path / "few.npy", np.random.default_rng(0).integers(0, 256, [24, 16, 16], np.uint8))
    run = fit_run("gan", tmp_path / "run", tmp_path / "few.npy", 2, *QUICK)
    with pytest.raises(UserError, match="There are only 24 training examples.*--data"):
        evaluate(run, EvaluateRequest())


@pytest.mark.slow
def test_every_metric_gives_the_scores_that_it_declares_alone_and_among_others(fit_once, splits, quick_classifier):
    run = fit_once("vae", 2, "network=dense", "width=2", "batch_size=8", "latent_dim=4", data=splits["some"])
    metrics = {name: catalog.METRICS.load(f"arrays/{name}") for name in metrics_of("arrays", "image")}
    asked = {"holdout": str(splits["held"]), "count": 300}
    evaluation = evaluate(run, EvaluateRequest(**asked))
    given = metrics.keys() - evaluation.left_out.keys()
    assert given == metrics.keys() - {"canaries", "frechet"}  # none were planted; and there are too few samples
    assert evaluation.scores.keys() == {score for name in given for score in metrics[name].scores}
    other = fit_once("gan", 2, *QUICK, data=splits["learned"])
    many = evaluate(other, EvaluateRequest(str(splits["others"]), count=2048, extractor="random", metrics=("frechet",)))
    assert many.scores.keys() == metrics["frechet"].scores.keys()
    for score in (*evaluation.scores.values(), *many.scores.values()):
        assert np.isfinite(score.value) and (score.half_width is None or np.isfinite(score.half_width))
    for name in given:
        alone = evaluate(run, EvaluateRequest(metrics=(name,), **asked))
        assert alone.scores.keys() == metrics[name].scores.keys()
        for score, found in alone.scores.items():
            assert found.value == pytest.approx(evaluation.scores[score].value, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name == "classifier" else [])
        for name in catalog.EXTRACTORS
        if name != "inception"
    ],
)
def test_every_extractor_tells_pictures_apart_and_is_the_same_again(name, splits, quick_classifier):
    examples = open_data(str(splits["some"]))
    first, again = (catalog.EXTRACTORS.load(name)(examples) for _ in range(2))
    values = np.asarray(examples.values[:40])
    assert first.digest == again.digest
    np.testing.assert_array_equal(first.look(values), again.look(values))
    np.testing.assert_allclose(first.look(values[7:8]), first.look(values)[7:8], rtol=1e-4, atol=1e-4)
    rows = first.features(first.look(values))
    assert rows.dtype == np.float32 and len(np.unique(rows, axis=0)) == 40


@pytest.mark.slow
def test_a_damaged_classifier_is_fitted_again(splits, tmp_path, monkeypatch):
    from tfgen.evaluate.extractors import classifier

    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path / "own"))
    monkeypatch.setattr(classifier, "_STEPS", (8, 8))
    examples = open_data(str(splits["some"]))
    first = classifier.open_classifier(examples)
    path = next((tmp_path / "own" / "extractors").glob("classifier-*.npz"))
    path.write_bytes(path.read_bytes()[:1000])
    assert classifier.open_classifier(examples).digest == first.digest


@pytest.mark.slow
def test_inception_takes_weights_from_keras_own_folder(tmp_path, monkeypatch):
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format  # the format of the file that Keras downloads

    from tfgen.evaluate.extractors import inception

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    network = keras.applications.InceptionV3(include_top=False, pooling="avg", weights=None)
    (tmp_path / "models").mkdir()
    with h5py.File(tmp_path / "models" / inception.WEIGHTS, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    extractor = inception.open_inception(open_data("digits"))
    values = np.asarray(open_data("digits").values[:2])
    assert extractor.look(values).shape == (2, 2048)
    assert extractor.digest == inception.digest_of(network.get_weights())
    assert extractor.name == "inception" and "299x299" in extractor.resizer


def test_inception_without_weights_says_what_to_do(tmp_path, monkeypatch):
    import keras

    from tfgen.evaluate.extractors import inception

    def unreachable(*arguments, **options):
        raise Exception("URL fetch failure on https://storage: no route")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
    with pytest.raises(Failure, match="weights can't be had.*choose the extractor classifier or random"):
        inception.open_inception(open_data("digits"))


def test_without_labels_random_convolutions_look(colour_run):
    examples = open_data(colour_run.record["data"]["path"])
    assert open_extractor(None, examples).name == "random"
    with pytest.raises(UserError, match="A classifier needs data with labels"):
        open_extractor("classifier", examples)


def test_a_variational_bound_is_the_likelihood_where_the_posterior_is_exact():
    """A linear decoder with Gaussian noise has posterior and likelihood in closed form (Bishop 2006, section 12.2)."""
    import tensorflow as tf

    from tfgen.representations.arrays.conditions import Conditions
    from tfgen.representations.arrays.specification import ArraySpecification, Part
    from tfgen.models.vae import VAE, VAEConfig

    generator = np.random.default_rng(0)
    shape, scale, noise = (8, 8, 1), 3.0, 0.4
    directions = np.linalg.qr(generator.standard_normal([64, 2]))[0]
    specification = ArraySpecification(shape, (Part(shape[-1], "gaussian"),), 10)
    model = VAE(VAEConfig(network="dense", width=2, latent_dim=2), specification, Conditions())
    model.tenth_log_variance.assign(np.log(noise**2) / 10)
    variance = 1.0 / (1.0 + scale**2 / noise**2)

    def encode(examples, prompts):
        flat = tf.reshape((examples + 1.0) / 2.0, [-1, 64])
        mean = variance * scale / noise**2 * tf.matmul(flat, tf.constant(directions, tf.float32))
        return mean, tf.fill(tf.shape(mean), np.float32(np.log(variance)))

    def decode(latents, prompts):
        flat = scale * tf.matmul(latents, tf.constant(directions.T, tf.float32))
        return 2.0 * tf.reshape(flat, [-1, *shape]) - 1.0

    model.encode, model.decode = encode, decode
    values = (generator.standard_normal([5, 2]) * scale @ directions.T + noise * generator.standard_normal([5, 64]))
    covariance = scale**2 * directions @ directions.T + noise**2 * np.eye(64)
    exact = -0.5 * (np.einsum("nd,dk,nk->n", values, np.linalg.inv(covariance), values)
                    + np.linalg.slogdet(2 * np.pi * covariance)[1])
    examples = tf.constant(2.0 * values.reshape(5, *shape) - 1.0, tf.float32)
    weights = model.measurements()["log_weights"](examples, tf.zeros([5, 1], tf.int32)).numpy()
    assert weights.shape == (5, 64)
    np.testing.assert_allclose(weights, np.tile(exact[:, None], [1, 64]), rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(model.measurements()["scores"](examples, tf.zeros([5, 1], tf.int32)), exact, rtol=1e-4)


# The best weights of a fit.


def tracked(path, data, steps, *overrides, **options):
    return fit_run("gan", path, data, steps, *QUICK, *overrides, evaluate_every=64, **options)


@pytest.mark.slow
def test_a_fit_ends_with_its_best_weights(splits, tmp_path, monkeypatch):
    from tfgen.evaluate.arrays.tracker import ArrayTracker

    values = iter([5.0, 2.0, 7.0, 6.0])
    monkeypatch.setattr(ArrayTracker, "measure", lambda self: next(values))
    run = tracked(tmp_path / "run", splits["few"], 256)
    assert [row["distance"] for row in run.history("quality.jsonl")] == [5.0, 2.0, 7.0, 6.0]
    assert run.record["status"] == "finished" and run.record["reached"] == 256 and run.record["kept"] == 128
    plain = fit_run("gan", tmp_path / "plain", splits["few"], 256, *QUICK)
    assert state_of(run)["step"] == 128
    assert not np.array_equal(state_of(run)["generator/000"], state_of(plain)["generator/000"])


@pytest.mark.slow
def test_measuring_does_not_change_what_is_learned(splits, tmp_path):
    run = tracked(tmp_path / "run", splits["few"], 128, "learning_rate=1e-4")
    plain = fit_run("gan", tmp_path / "plain", splits["few"], 128, *QUICK, "learning_rate=1e-4")
    assert run.record["kept"] == 128
    assert_same_state(state_of(run), state_of(plain))


@pytest.mark.slow
def test_patience_ends_a_fit(splits, tmp_path, monkeypatch):
    from tfgen.evaluate.arrays.tracker import ArrayTracker

    values = iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(ArrayTracker, "measure", lambda self: next(values))
    run = tracked(tmp_path / "run", splits["few"], 1280, patience=2)
    assert run.record["status"] == "finished" and run.record["reached"] == 256 and run.record["kept"] == 128


@pytest.mark.slow
def test_a_stopped_fit_goes_on_measuring_and_ends_the_same(splits, tmp_path):
    with stopped_at(100):
        tracked(tmp_path / "run", splits["few"], 256)
    resumed = fit_run("gan", tmp_path / "run", splits["few"], None, size=None, resume=True)
    whole = tracked(tmp_path / "whole", splits["few"], 256)
    assert [row["distance"] for row in resumed.history("quality.jsonl")] == [
        row["distance"] for row in whole.history("quality.jsonl")
    ]
    assert_same_state(state_of(resumed), state_of(whole))


@pytest.mark.slow
def test_damaged_best_weights_leave_the_last(splits, tmp_path, monkeypatch, capsys):
    from tfgen.evaluate.arrays.tracker import ArrayTracker
    from tfgen.training.best import Best

    values = iter([1.0, 2.0])
    monkeypatch.setattr(ArrayTracker, "measure", lambda self: next(values))
    restore = Best.restore

    def spoil_and_restore(self):
        for path in self.folder.glob("*.npz"):
            path.write_bytes(path.read_bytes()[:-10])
        return restore(self)

    monkeypatch.setattr(Best, "restore", spoil_and_restore)
    run = tracked(tmp_path / "run", splits["few"], 128)
    assert "The best weights can't be restored" in capsys.readouterr().err
    assert run.record["kept"] == 128


@pytest.mark.slow
def test_minutes_include_the_measuring(splits, tmp_path, monkeypatch):
    from tfgen.training import stage

    monkeypatch.setattr(stage, "_MEASURE_SECONDS", 0.05)
    seldom = fit_run("gan", tmp_path / "a", splits["few"], None, *QUICK, minutes=0.12, evaluate_every=100_000)
    assert seldom.record["steps"] > 0
    monkeypatch.setattr(stage.Best, "seconds", lambda self: 3.6)
    often = fit_run("gan", tmp_path / "b", splits["few"], None, *QUICK, minutes=0.12, evaluate_every=16)
    assert often.record["steps"] < 40 < seldom.record["steps"]


@pytest.mark.slow
def test_killed_while_it_ends_a_fit_has_only_its_end_to_repeat(splits, tmp_path, monkeypatch):
    from tfgen.evaluate.arrays.tracker import ArrayTracker
    from tfgen.training import stage

    def fit_with(values, path, **options):
        left = iter(values)
        monkeypatch.setattr(ArrayTracker, "measure", lambda self: next(left))
        return tracked(path, splits["few"], 256, **options)

    whole = fit_with([5.0, 2.0, 7.0, 6.0], tmp_path / "whole")

    def killed(run, *arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stage, "plot_losses", killed)  # after the best weights were saved as the last
        with pytest.raises(KeyboardInterrupt):
            fit_with([5.0, 2.0, 7.0, 6.0], tmp_path / "run")
    stopped = Run.open(str(tmp_path / "run")).record
    assert stopped["status"] == "stopped" and stopped["kept"] < stopped["reached"] == 256
    monkeypatch.setattr(ArrayTracker, "measure", lambda self: pytest.fail("measured again"))
    resumed = fit_run("gan", tmp_path / "run", splits["few"], None, size=None, resume=True)
    assert resumed.record["status"] == "finished" and resumed.record["reached"] == 256
    assert_same_state(state_of(resumed), state_of(whole))


def test_measured_weights_that_are_no_numbers_end_a_fit_in_words(splits, tmp_path, monkeypatch):
    from tfgen import checkpoints
    from tfgen.training.best import Best

    def spoiled(self, seconds):
        raise checkpoints.NotFinite("generator/000")

    monkeypatch.setattr(Best, "measure", spoiled)
    with pytest.raises(Failure, match="Weights stopped being numbers near step 64"):
        tracked(tmp_path / "run", splits["few"], 256)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"evaluate_every": 0}, "--evaluate-every must be at least 1 step, not 0"),
        ({"patience": 3}, "--patience 3 has nothing to count"),
        ({"patience": 0, "evaluate_every": 5}, "--patience 0 has nothing to count"),
    ],
)
def test_measurements_that_can_not_be_are_refused(options, words, splits, tmp_path):
    with pytest.raises(UserError, match=words):
        fit_run("gan", tmp_path / "run", splits["few"], 5, *QUICK, **options)


@pytest.mark.slow
def test_a_run_that_is_moved_is_judged_from_its_new_place(pair, tmp_path):
    shutil.copytree(pair[1].path, tmp_path / "moved")
    evaluation = evaluate(Run.open(str(tmp_path / "moved")), EvaluateRequest(count=50, extractor="random"))
    assert evaluation.run == "moved"
