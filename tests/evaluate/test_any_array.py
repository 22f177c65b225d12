"""Evaluation of arrays that are no pictures: sequences of categories, mixed columns, grids of tiles."""

import dataclasses
import hashlib
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.evaluate.test_report import Page
from tfgen import catalog
from tfgen.data.examples import Prompts, Report, fingerprint_of
from tfgen.errors import UserError
from tfgen.evaluate.arrays.features import look, open_extractor
from tfgen.evaluate.arrays.groups import NOISE, Group, baseline_groups, real_group, sample_group
from tfgen.evaluate.arrays.metric_inputs import ArrayInputs
from tfgen.evaluate.arrays.tracker import ArrayTracker
from tfgen.evaluate.compare import compare
from tfgen.evaluate.record import Evaluation
from tfgen.evaluate.request import EvaluateRequest
from tfgen.evaluate.stage import evaluate
from tfgen.modalities.base import Modality
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.arrays.specification import BERNOULLI, CATEGORICAL, GAUSSIAN, ArraySpecification, Part
from tfgen.run import Run

COUNT = 1600


class Categories(ArrayCodec):
    """Stored: category numbers int8 [n, ...]. Inside a model: one-hot [n, ..., categories]."""

    @classmethod
    def of(cls, shape):
        return cls(ArraySpecification(shape, (Part(shape[-1], CATEGORICAL),), COUNT))

    def encode(self, values):
        if isinstance(values, np.ndarray):
            return np.eye(self.specification.shape[-1], dtype=np.float32)[values]
        import tensorflow as tf

        return tf.one_hot(tf.cast(values, tf.int32), self.specification.shape[-1])

    def decode(self, values):
        return np.argmax(values, axis=-1).astype(np.int8)


class Columns(ArrayCodec):
    """Stored: float32 [n, 4], two amounts and a share in [-1, 1], and one of three categories."""

    @classmethod
    def of(cls, shape):
        parts = (Part(2, GAUSSIAN), Part(1, BERNOULLI), Part(3, CATEGORICAL))
        return cls(ArraySpecification(shape, parts, COUNT))

    def encode(self, values):
        if isinstance(values, np.ndarray):
            categories = np.eye(3, dtype=np.float32)[values[:, 3].astype(int)]
            return np.concatenate([values[:, :3], categories], axis=1)
        import tensorflow as tf

        return tf.concat([values[:, :3], tf.one_hot(tf.cast(values[:, 3], tf.int32), 3)], axis=1)

    def decode(self, values):
        amounts = np.clip(values[:, :3], -1, 1)
        return np.concatenate([amounts, np.argmax(values[:, 3:], axis=1)[:, None]], axis=1).astype(np.float32)


def examples_of(codec, values, labels):
    prompts = Prompts.of_labels([f"kind {label}" for label in range(4)], labels)
    fingerprint = fingerprint_of(values.shape, hashlib.sha256(values.tobytes()).hexdigest(), prompts)
    about = ("melody", "somewhere", "examples")
    return ArrayExamples(
        *about, values, prompts.distinct, prompts.index, prompts.kind, codec, Report(COUNT, COUNT), fingerprint
    )


def likely_places(labels, shape, categories):
    """Category numbers that each label has favourites among."""
    generator = np.random.default_rng(0)
    favourites = generator.integers(0, categories, [4, *shape])
    random = generator.integers(0, categories, [COUNT, *shape])
    return np.where(generator.random([COUNT, *shape]) < 0.6, favourites[labels], random).astype(np.int8)


@pytest.fixture(scope="module", params=["steps", "columns", "tiles"])
def examples(request):
    """[16, 13] categories; [6] of three likelihoods; a grid of [12, 10] tiles of 5 kinds."""
    labels = np.random.default_rng(1).integers(0, 4, COUNT)
    if request.param == "steps":
        return examples_of(Categories.of((16, 13)), likely_places(labels, [16], 13), labels)
    if request.param == "tiles":
        return examples_of(Categories.of((12, 10, 5)), likely_places(labels, [12, 10], 5), labels)
    amounts = np.random.default_rng(2).normal((labels[:, None] - 1.5) / 3, 0.2, [COUNT, 3]).clip(-1, 1)
    return examples_of(Columns.of((6,)), np.c_[amounts, labels % 3].astype(np.float32), labels)


def test_what_a_modality_asks_of_a_group_is_read_once_and_no_more_than_it_wants():
    class Two(Modality):
        metric_samples = 2

        @classmethod
        def metric_inputs(cls, examples, samples, openings):
            return {"sum": lambda: samples().sum(), "count": lambda: len(samples()) + len(openings())}

    read = []
    inputs = object.__new__(ArrayInputs)
    inputs.modality, inputs.extractor = Two, None
    inputs.data = SimpleNamespace(training=SimpleNamespace(prompt_kind="captions", prompts=["a"]))
    inputs.reference = []

    def values(start, stop):
        read.append((start, stop))
        return np.ones(stop - start)

    given = inputs.of_group(Group("other", values, np.zeros(9, int), []))
    assert given["sum"] == 2 and given["count"] == 4 and read == [(0, 2)]


@pytest.mark.parametrize("name", [pytest.param("classifier", marks=pytest.mark.slow), "random"])
def test_extractors_look_at_arrays_of_any_shape(name, examples, tmp_path, monkeypatch):
    from tfgen.evaluate.extractors import classifier

    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(classifier, "_STEPS", (120, 120))
    extractor = catalog.EXTRACTORS.load(name)(examples)
    again = catalog.EXTRACTORS.load(name)(examples)
    values = np.asarray(examples.values[:50])
    assert extractor.digest == again.digest
    rows = extractor.look(values)
    np.testing.assert_array_equal(rows, again.look(values))
    features = extractor.features(rows)
    assert features.dtype == np.float32 and len(np.unique(features, axis=0)) == len(np.unique(values, axis=0))
    if name == "classifier":
        assert extractor.labels == tuple(examples.prompts) and extractor.accuracy > 0.8
        assert np.mean(extractor.recognised(rows) == examples.prompt_index[:50]) > 0.8


@pytest.mark.slow
def test_a_classifier_is_kept_for_one_encoding(tmp_path, monkeypatch):
    """Equal values that are encoded in another way need another network."""
    from tfgen.evaluate.extractors import classifier

    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path))
    monkeypatch.setattr(classifier, "_STEPS", (8, 8))
    labels = np.random.default_rng(1).integers(0, 4, COUNT)
    values = likely_places(labels, [16], 13)
    for categories in (13, 14):
        extractor = classifier.open_classifier(examples_of(Categories.of((16, categories)), values, labels))
        assert extractor.look(values[:3]).shape == (3, classifier.FEATURES + 4)
    assert len(list((tmp_path / "extractors").glob("classifier-*.npz"))) == 2


def test_inception_refuses_what_is_no_photograph(examples):
    with pytest.raises(UserError, match="with a height, a width and 1 or 3 channels.*Choose the extractor"):
        open_extractor("inception", examples)


def baselines_of(examples, seed=0):
    order = np.random.default_rng(3).permutation(len(examples))
    reference = real_group("reference", examples, order, examples.prompt_index, seed)
    return {group.name: np.concatenate(list(group.blocks())) for group in
            baseline_groups(reference, examples.codec, seed)}


def test_baselines_are_possible_values_of_every_likelihood(examples):
    groups = baselines_of(examples)
    assert list(groups) == ["copies", "noisy copies", "noise"]
    known = {row.tobytes() for row in np.asarray(examples.values)}
    assert all(row.tobytes() in known for row in groups["copies"])
    for values in groups.values():
        assert values.shape == examples.values.shape and values.dtype == examples.values.dtype
        np.testing.assert_array_equal(examples.codec.decode(examples.codec.encode(values)), values)
    assert any(row.tobytes() not in known for row in groups["noisy copies"])


def test_noise_on_categories_draws_some_of_them_anew(examples):
    """An amount of noise that no likeliest category would survive or fall by is no noise."""
    if isinstance(examples.codec, Columns):
        copies, noisy = (baselines_of(examples)[name] for name in ("copies", "noisy copies"))
        assert np.std(noisy[:, :2] - copies[:, :2]) == pytest.approx(2 * NOISE, rel=0.25)
        changed, categories = np.mean(noisy[:, 3] != copies[:, 3]), 3
    else:
        groups = baselines_of(examples)
        changed = np.mean(groups["noisy copies"] != groups["copies"])
        categories = examples.codec.specification.shape[-1]
        shares = np.bincount(groups["noise"].ravel(), minlength=categories) / groups["noise"].size
        np.testing.assert_allclose(shares, 1 / categories, rtol=0.1)
    assert changed == pytest.approx(NOISE * (1 - 1 / categories), rel=0.25)


# A run of melodies, which other tests make too: [16, 8] categories.


@pytest.fixture(scope="module")
def melodies(fit_once, tmp_path_factory):
    """A copy, since an evaluation is written into it."""
    path = tmp_path_factory.mktemp("melodies") / "run"
    shutil.copytree(fit_once("gan", 1500, modality="melody").path, path)
    return Run.open(str(path))


@pytest.fixture(scope="module")
def judged(melodies):
    return evaluate(melodies, EvaluateRequest(count=200))


@pytest.mark.slow
def test_a_run_of_no_pictures_is_judged(judged):
    assert {"kernel_distance", "precision", "recall", "density", "coverage", "prompt_adherence", "diversity", "copied",
            "nearness"} <= set(judged.scores)
    assert all(np.isfinite(score.value) for score in judged.scores.values())
    measured = judged.measured_with
    assert (measured.representation, measured.modality, measured.shape) == ("arrays", "melody", (16,))
    assert measured.extractor == "classifier"
    distances = [judged.baselines[name]["kernel_distance"] for name in ("real", "noisy copies", "noise")]
    assert distances == sorted(distances)
    assert judged.baselines["real"]["prompt_adherence"] > 0.8 > judged.baselines["noise"]["prompt_adherence"]
    assert "picture" not in judged.words + " ".join(alarm.sentence + alarm.advice for alarm in judged.alarms)


@pytest.mark.slow
def test_its_report_shows_examples_as_text(judged, melodies):
    page = Page((melodies.path / "report.html").read_text(encoding="utf-8"))
    shown = [attributes for tag, attributes in page.tags if tag == "pre"]
    assert len(shown) > 64 and not [tag for tag, _ in page.tags if tag == "img"]
    boxes = [attributes for tag, attributes in page.tags if "as-text" in (attributes.get("class") or "")]
    assert len(boxes) == 4 and not any("style" in attributes for attributes in boxes)


@pytest.mark.slow
def test_a_tracker_measures_the_same_weights_alike(melodies):
    from tfgen.evaluate.training_data import open_training
    from tfgen.restore import build_model, load_model

    examples = open_training(melodies)
    fitted, begun = (ArrayTracker(model, examples) for model in (load_model(melodies), build_model(melodies)))
    assert fitted.measure() == fitted.measure() < begun.measure()
    assert fitted.steps_worth(load_model(melodies).config) > 0


@pytest.mark.slow
def test_held_out_examples_are_read_by_the_run_s_own_modality(melodies, tmp_path):
    notes = np.random.default_rng(0).choice(list("CDEFGAH"), [150, 16])
    lines = [f"{('up', 'down')[place % 2]}: {' '.join(row)}" for place, row in enumerate(notes)]
    (tmp_path / "others.melodies").write_text("\n".join(lines), encoding="utf-8")
    evaluation = evaluate(melodies, EvaluateRequest(str(tmp_path / "others.melodies"), ("membership",), 100))
    assert evaluation.measured_with.holdout and "membership" in evaluation.scores
    with pytest.raises(UserError, match="'digits' is pictures, and the run learned melodies"):
        evaluate(melodies, EvaluateRequest("digits", count=50))


# Scores by name, and records that aren't alike.


@pytest.mark.slow
def test_a_score_is_found_by_its_name_or_its_metric_s(judged):
    assert judged["kernel_distance"] == judged["kernel"] == judged.scores["kernel_distance"]
    with pytest.raises(KeyError, match="no score named 'precision-recall'; there are: kernel_distance, precision"):
        judged["precision-recall"]
    with pytest.raises(KeyError, match="'frechet' was left out: It needs 2048 samples"):
        judged["frechet"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change, words", [({"representation": "sequences"}, "how the data is represented"), ({"unit": "note"}, "bits")]
)
def test_records_of_other_representations_or_units_are_not_compared(judged, change, words):
    record = judged.to_json()
    other = Evaluation.from_json({**record, "run": "other", "measured_with": {**record["measured_with"], **change}})
    with pytest.raises(UserError, match=words):
        compare([judged, other])


@pytest.mark.slow
def test_a_comparison_calls_scores_as_the_report_does(judged):
    twin = Evaluation.from_json({**judged.to_json(), "run": "twin"})
    titles = {row.score: row.title for row in compare([judged, twin]).rows}
    assert titles["kernel_distance"] == "Kernel distance" and titles["prompt_adherence"] == "Prompt adherence"
    assert compare([judged, twin]).to_json()["rows"][0]["title"]


@pytest.mark.slow
def test_records_of_the_first_version_are_read(judged, tmp_path):
    record = judged.to_json()
    record["measured_with"] = {
        key: value for key, value in record["measured_with"].items() if key not in ("representation", "unit")
    }
    record["measured_with"].update(modality="image", tfgen_format=1)
    old = Evaluation.from_json(record)
    old.write(tmp_path)
    assert Evaluation.read(tmp_path) == old and old.measured_with.representation == ""
    twin = Evaluation.from_json({**old.to_json(), "run": "twin"})
    assert compare([old, twin]).rows[0].sentence == "none"


# What is kept of features.


def identity(melodies, seed=0, checkpoint="a", **settings):
    from tfgen.evaluate.training_data import open_training
    from tfgen.restore import load_model

    model = load_model(melodies)
    model.config = dataclasses.replace(model.config, **settings)
    return sample_group(model, open_training(melodies).codec, checkpoint, 32, seed).identity


@pytest.mark.slow
def test_samples_are_known_again_by_all_that_makes_them(melodies, monkeypatch):
    same = identity(melodies)
    assert identity(melodies) == same
    others = [identity(melodies, seed=1), identity(melodies, checkpoint="b"), identity(melodies, learning_rate=1e-4)]
    monkeypatch.setattr("tfgen.evaluate.arrays.groups.digest_of_code", lambda kind: "other code")
    others.append(identity(melodies))
    assert all(other != same for other in others)


def test_features_are_made_anew_when_the_code_has_changed(examples, tmp_path, monkeypatch):
    monkeypatch.setenv("TFGEN_CACHE", str(tmp_path))
    extractor = open_extractor("random", examples)
    looked = []

    def counted(values):
        looked.append(len(values))
        return extractor.look(values)

    def seen(code):
        monkeypatch.setattr("tfgen.evaluate.arrays.groups.digest_of_code", lambda kind: code)
        group = real_group("real", examples, np.arange(100), examples.prompt_index, 0)
        return look(type(extractor)("random", extractor.digest, "none", counted), group, "run", lambda *_: None)

    assert np.array_equal(seen("today").features, seen("today").features) and len(looked) == 1
    seen("tomorrow")
    assert len(looked) == 2


def test_equal_ends_of_other_examples_are_told_apart(examples):
    """Two draws that have their first place and their number in common."""
    first, second = ([0, 1, 2, 3], [0, 2, 1, 3])
    groups = [real_group("real", examples, np.array(each), examples.prompt_index, 0) for each in (first, second)]
    assert groups[0].identity != groups[1].identity


def test_the_code_of_a_codec_counts(monkeypatch, tmp_path):
    from tfgen.evaluate.arrays.source_code import digest_of_code

    (tmp_path / "own_codec.py").write_text("class Own: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import own_codec

    first = digest_of_code(own_codec.Own)
    assert first == digest_of_code(own_codec.Own) != digest_of_code(Columns)
    (tmp_path / "own_codec.py").write_text("class Own: changed = True\n")
    digest_of_code.cache_clear()  # as in a new process
    assert digest_of_code(own_codec.Own) != first
    del sys.modules["own_codec"]
