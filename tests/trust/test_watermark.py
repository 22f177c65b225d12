"""Watermarks: what a strength costs, that marked texts are told and no others, in Python as in exports."""

import json
import math
import shutil

import numpy as np
import pytest

import tfgen
from tests.sources import SOURCES
from tfgen import checkpoints
from tfgen.errors import UserError
from tfgen.models.watermark import Watermark
from tfgen.run import runs_folder
from tfgen.trust import watermarking
from tfgen.trust.watermarking import cost_of, evidence, traces_in
from tfgen.trust.verification import CHANGED, OWN, UNMARKED, WATERMARKED

LENGTH = 400


@pytest.fixture(scope="module")
def marked(gpt_run, tmp_path_factory):
    """A run with a strong watermark, since it has learned little, among the runs of this module."""
    folder = tmp_path_factory.mktemp("marked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFGEN_RUNS", str(folder))
        shutil.copytree(gpt_run.path, folder / "plays")
        tfgen.load("plays").watermark(0.1)
    return folder


@pytest.fixture
def plays(marked, monkeypatch):
    monkeypatch.setenv("TFGEN_RUNS", str(marked))
    return tfgen.load("plays")


def half_green(key):
    """Green lists by chance in place of a key's hash."""
    return lambda token, columns: np.random.default_rng([key, token]).integers(0, 2, 30)[columns].astype(bool)


def text_by(p, strength, greens, count, seed=0):
    """Tokens of a model that says each token with the same probabilities, with a watermark."""
    chance, tokens = np.random.default_rng(seed), [0]
    for _ in range(count):
        q = p * np.exp(strength * greens(tokens[-1], np.arange(len(p))))
        tokens.append(int(chance.choice(len(p), p=q / q.sum())))
    return np.array(tokens[:-1]), np.array(tokens[1:])


def test_half_of_all_tokens_are_green_and_each_key_has_its_own():
    previous, every = np.arange(200, dtype=np.int32), np.arange(300, dtype=np.int32)[None]
    lists = [Watermark(np.array(key), 1.0).is_green(previous, every).numpy() for key in ((3, 5), (3, 6), (4, 5))]
    for each in lists:
        assert abs(each.mean() - 0.5) < 0.01 and abs(each.mean(axis=1) - 0.5).max() < 0.15
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.mean(lists[one] == lists[other]) - 0.5) < 0.01
    logits = np.zeros([200, 300], np.float32)
    np.testing.assert_array_equal(Watermark(np.array([3, 5]), 2.0).marked(logits, previous).numpy() == 2.0, lists[0])


def test_what_a_strength_costs_is_calculated():
    chance = np.random.default_rng(0)
    greens = [chance.integers(0, 2, [50, 30]).astype(bool) for _ in range(8)]
    even = cost_of(np.zeros([50, 30], np.float32), greens, 1.0)
    assert even.lost == pytest.approx(0.0, abs=1e-6) and even.green == pytest.approx(math.e / (1 + math.e), abs=0.02)
    sure = cost_of(np.where(np.arange(30) == 3, 60.0, 0.0)[None].repeat(50, 0).astype(np.float32), greens, 1.0)
    assert sure.lost == pytest.approx(0.0, abs=1e-6)
    logits = chance.normal(0, 2, [50, 30]).astype(np.float32)
    costs = [cost_of(logits, greens, strength).lost for strength in (0.1, 0.5, 1.0, 2.0)]
    assert 0 < costs[1] and costs[1:] == sorted(costs[1:]) and costs[-1] > 0.05


def test_a_key_that_a_text_does_not_know_is_taken_for_its_own_no_more_often_than_said():
    p = np.random.default_rng(1).dirichlet(np.full(30, 0.5))
    # The tokens of one text again and again, by a model that the detector has wrong.
    previous, tokens = text_by(p, 0.0, half_green(0), 150)
    wrong = np.random.default_rng(2).dirichlet(np.full(30, 0.5)).astype(np.float32)[None].repeat(len(tokens), 0)
    nats = np.array([evidence(previous, tokens, wrong, half_green(key), 1.5, (key, 1)) for key in range(1, 301)])
    assert np.mean(nats > math.log(10)) <= 0.1 and np.mean(nats > math.log(100)) <= 0.02
    assert np.mean(np.exp(nats)) < 1.5  # the expectation is 1
    own = [
        evidence(*text_by(p, 1.5, half_green(key), 150, key), p.astype(np.float32)[None].repeat(150, 0),
                 half_green(key), 1.5, (key, 1))
        for key in range(5)
    ]  # fmt: skip
    assert min(own) > math.log(1e4)


@pytest.mark.slow
def test_a_marked_text_is_told_whole_edited_and_in_parts_and_no_other(plays, isolated, command, monkeypatch):
    texts = plays.generate("", n=2, seed=3, length=LENGTH, temperature=1.0, top_p=1.0)
    assert texts[0] != plays.open("plays@base").generate("", n=1, seed=3, length=LENGTH)[0]
    texts.save("made")
    signed, other = sorted((isolated / "made").glob("*.txt"))
    content = signed.read_text()
    (isolated / "copied.txt").write_text(content)
    (isolated / "part.txt").write_text(content[:300])
    signed.write_text(content.replace("e", "E", 5))
    (isolated / "none.txt").write_text("A person wrote this by hand, and knows nothing of any key. " * 8)
    unmarked = plays.open("plays@base").generate("", n=1, seed=3, length=LENGTH, temperature=1.0, top_p=1.0)
    (isolated / "before.txt").write_text(unmarked[0])
    names = [signed, other, "copied.txt", "part.txt", "none.txt", "before.txt"]
    found = json.loads(command("verify", "--json", *names).stdout)
    assert [each["state"] for each in found] == [CHANGED, OWN, WATERMARKED, WATERMARKED, UNMARKED, UNMARKED]
    for each in (found[0], found[2], found[3]):
        assert each["generated"] is True and each["watermark"]["p_value"] < 1e-4
        assert each["made_by"]["run"] == "plays" and each["watermark"]["version"] == "watermarked"
    assert found[4]["watermark"] == found[5]["watermark"] == {} and found[4]["generated"] is None
    told = command("verify", "copied.txt")
    assert "bears its watermark ('watermarked')" in told.stdout
    assert traces_in("")[0].p_value == 1.0 and traces_in("a")[0].p_value == 1.0
    # Evidence against it, whatever its size, is no number too large to be written.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watermarking, "evidence", lambda *_: -5000.0)
        assert traces_in(content)[0].p_value == 1.0
    # Without such a run nothing is looked for.
    monkeypatch.setenv("TFGEN_RUNS", str(isolated / "nowhere"))
    monkeypatch.setattr(watermarking, "load_tensorflow", lambda: pytest.fail("TensorFlow was loaded"))
    assert traces_in(content) == []


def test_it_is_a_version_that_keeps_the_weights(plays, command):
    record = plays.version_record
    arrays = plays.path / "versions" / "watermarked" / "arrays.npz"
    assert record["marked"] is True and arrays.stat().st_mode & 0o777 == 0o600  # the key is secret
    assert plays.version == "watermarked" and record["parent"] == "base"
    assert 0.08 < record["perplexity_lost"] <= 0.1 and 0.5 < record["green_share"] < 1
    assert command("watermark", "plays").exit_code == 2
    assert "bears a watermark" in command("watermark", "plays").stderr
    shown = command("runs", "show", "plays").stdout
    assert "watermarked" in shown and "in use" in shown
    for mine, base in zip(plays.model.get_weights(), plays.open("plays@base").model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, base)


def test_a_graph_of_its_own_says_the_same_as_tokens_one_by_one(plays):
    import tensorflow as tf

    how = [np.float32([1.0]), np.int32([0]), np.float32([1.0]), np.int32([3])]
    whole = plays.model.signatures()["generate"].function
    ids, length = tf.function(whole, autograph=False)(np.int32([[0]]), np.int32([0]), np.int32([24]), *how)
    phone = {name: plays.model.signatures()[name].function for name in ("prefill", "decode")}
    token, _, *cache = phone["prefill"](np.int32([[0]]), np.int32([0]), *how)
    said = [int(token[0])]
    for position in range(1, 24):
        token, _, *cache = phone["decode"](token, np.int32([position]), *cache, *how)
        said.append(int(token[0]))
    assert ids.numpy()[0, : length[0]].tolist() == said[: length[0]] and length[0] > 8


@pytest.mark.slow
def test_exports_bear_it(plays, tmp_path, command):
    exported = command("export", plays.path, "-o", tmp_path / "out", "--json")
    assert exported.exit_code == 0, exported.stderr  # each is proved to say what the model says
    import tensorflow as tf

    served = tf.saved_model.load(str(tmp_path / "out" / "plays" / "1")).signatures["generate_text"]
    how = {"temperature": [1.0], "top_k": [0], "top_p": [1.0], "seed": [11]}
    given = {name: tf.constant(value, tf.float32 if name in ("temperature", "top_p") else tf.int32)
             for name, value in how.items()}  # fmt: skip
    answer = served(prompt=tf.constant(["ROMEO:"]), max_new_tokens=tf.constant([300]), **given)
    (text,) = (each.numpy()[0].decode() for name, each in answer.items() if each.dtype == tf.string)
    assert traces_in(text)[0].is_found


def test_a_run_that_can_not_be_asked_does_not_hinder_the_others(plays, isolated, command):
    text = plays.generate("", n=1, seed=4, length=LENGTH, temperature=1.0, top_p=1.0)[0]
    (isolated / "copied.txt").write_text(text)
    (isolated / "copied.txt.json").write_text(json.dumps({"run": "somebody-elses"}))
    broken = runs_folder() / "broken"
    shutil.copytree(plays.path, broken)
    content, digest = checkpoints.pack({"watermark/key": np.zeros(3, np.int32), "watermark/strength": np.float32(1e9)})
    (broken / "versions" / "watermarked" / "arrays.npz").write_bytes(content)
    record = json.loads((broken / "versions" / "watermarked" / "version.json").read_text())
    (broken / "versions" / "watermarked" / "version.json").write_text(json.dumps({**record, "digest": digest}))
    (deep := broken / "versions" / "deep").mkdir()
    (deep / "version.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    try:
        (found,) = json.loads(command("verify", "--json", "copied.txt").stdout)
        assert found["state"] == WATERMARKED and found["made_by"]["run"] == "plays"
    finally:
        shutil.rmtree(broken)


@pytest.mark.slow
def test_levels_bear_none(fit_once):
    levels = fit_once("gpt", 120, *SOURCES["level"].sequence_settings, modality="level", seed=1)
    with pytest.raises(UserError, match="Only texts"):
        tfgen.load(levels.path).watermark()


def test_bad_requests(plays, gan_run):
    with pytest.raises(UserError, match="Only texts"):
        tfgen.load(gan_run.path).watermark()
    for lost in (0, -1, 2, math.nan):
        with pytest.raises(UserError, match="can't be lost"):
            plays.open("plays@base").watermark(lost)
