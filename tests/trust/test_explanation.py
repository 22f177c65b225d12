"""Explanations: what was planted is found, random weights destroy it, and every kind of data has a page."""

import json
import shutil

import numpy as np
import pytest

import tfgen
from tests.conformance.cases import covering, learners_of
from tests.conformance.test_journeys import run_of
from tests.sources import SOURCES
from tests.trust.planted import PLANTED
from tfgen.run import Run
from tfgen.trust.explanation import directions, randomised, rows
from tfgen.trust.explanation.directions import Direction, Latents, association, borne_out, turned_to_more
from tfgen.trust.explanation.randomised import DEPENDS, UNTOLD, UNTRUSTWORTHY, compared, of_copies, spearman

KINDS = ("arrays", "sequences", "rows", "sets")
# Pictures by a GAN and texts have tests of their own.
LEARNERS = [each for each in covering(*KINDS) if each not in (("image", "gan"), ("text", "gpt"))]
# One of each representation is explained without a prompt too.
UNASKED = {next(each for each in LEARNERS if each in learners_of(kind)) for kind in KINDS}


@pytest.fixture
def few(monkeypatch):
    """Samples by which directions are found and named, rows that are drawn, and copies with randomised weights; enough
    to run all of it. What was planted is looked for with as many as usual."""
    monkeypatch.setattr(rows, "COUNT", 400)
    for copies in (randomised.of_copies, randomised.randomised):
        monkeypatch.setattr(copies, "__defaults__", (0, 1))
    for name, count in (("MEASURED", 64), ("_SEEN", 128), ("_CHANGED", 8)):
        monkeypatch.setattr(directions, name, count)


def check_page(folder, said):
    """The page and the JSON beside it; gives the latter, which is what was printed."""
    page = (folder / "explanation.html").read_text(encoding="utf-8")
    assert "<h1>" in page and "<script" not in page and "src=\"http" not in page
    stored = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))
    assert stored == json.loads(said)
    return stored


# Through the command line.


@pytest.mark.slow
def test_a_gan_has_directions_with_sheets_and_neighbours(gan_run, command, tmp_path, quick_cache, few):
    done = command("explain", gan_run.path, "seven", "-o", tmp_path, "--json")
    assert done.exit_code == 0, done.stderr
    parts = check_page(tmp_path, done.stdout)["parts"]
    assert list(parts) == ["sefa", "principal", "neighbours"]
    vectors = np.array([each["vector"] for each in parts["sefa"]["directions"]])
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=1e-4)
    for each in parts["sefa"]["directions"]:
        assert (tmp_path / "explanation" / each["sheet"]).stat().st_size > 200
        certain = each["associations"][0]
        surely = min(map(abs, certain["interval"])) >= directions.LEAST and np.prod(certain["interval"]) > 0
        assert each["borne_out"][:1] == ([certain["attribute"]] if surely else [])
        assert (each["name"] or "").split(", ")[:1] == (each["borne_out"][:1] or [""])
    assert abs(parts["sefa"]["randomised_weights"]["rank_correlation"]) < 0.3
    assert all(len(each["distances"]) == 3 for each in parts["neighbours"]["samples"])
    assert not (gan_run.path / "explanation.html").exists()


@pytest.mark.slow
def test_a_text_is_explained_token_by_token(gpt_run, command, tmp_path):
    text = "ROMEO: I am"
    done = command("explain", gpt_run.path, text, "-o", tmp_path, "--json")
    assert done.exit_code == 0, done.stderr
    parts = check_page(tmp_path, done.stdout)["parts"]
    tokens = parts["loss"]["tokens"]
    assert "".join(each["token"] for each in tokens if not each["made"]) == text.replace(" ", "\N{OPEN BOX}")
    assert any(each["made"] for each in tokens)
    for target in parts["tokens"]["targets"]:
        assert all(each["place"] < target["place"] for each in target["because"])
    assert parts["tokens"]["unaccounted"] < 0.5
    assert parts["tokens"]["randomised_weights"]["rank_correlation"] < 0.2
    assert str(tmp_path / "explanation.html") in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("learner", LEARNERS, ids="-".join)
def test_every_kind_of_data_is_explained(learner, fit_once, command, tmp_path, quick_cache, few):
    run, source = run_of(fit_once, *learner), SOURCES[learner[0]]
    prompt = source.opening or source.prompt if learner in learners_of("sequences") else source.prompt
    for words in ([prompt], []) if learner in UNASKED else ([prompt],):
        done = command("explain", run.path, *words, "-o", tmp_path, "--json")
        assert done.exit_code == 0, done.stderr
        found = check_page(tmp_path, done.stdout)
        assert found["parts"]
        for part in found["parts"].values():
            assert part["randomised_weights"]


def test_mistakes_are_sentences(gan_run, gpt_run, tmp_path, command):
    (tmp_path / "file").write_text("")
    for arguments, words in [
        ((gan_run.path, "sevn"), "seven"),
        ((gan_run.path, "-o", tmp_path / "file"), "is a file"),
        ((gan_run.path, "-o", tmp_path / "file" / "page"), "is no folder"),
        ((gpt_run.path, "\N{SNOWMAN}"), "never saw"),
        ((tmp_path / "nothing",), "There is no run"),
        ((), "No run is named"),
    ]:
        refused = command("explain", *arguments)
        assert refused.exit_code == 2 and words in refused.stderr


@pytest.mark.slow
def test_without_its_data_a_gan_still_has_directions(gan_run, tmp_path, quick_cache, few):
    shutil.copytree(gan_run.path, tmp_path / "run")
    run = tfgen.load(tmp_path / "run")
    run.update(data={**run.record["data"], "path": str(tmp_path / "gone.npz")})
    found = run.explain()
    assert found.page == run.path / "explanation.html" and found["sefa"]["directions"]
    assert "What takes the training data" in found.left_out and "neighbours" not in found.to_json()["parts"]
    assert "Left out" in repr(found)


# What was planted.


def explained(name, folder, seed=0):
    planted = PLANTED[name]
    options = {**planted.settings, "output": folder / "run", "size": "tiny", "seed": seed}
    run = tfgen.fit(planted.model, planted.write(folder, seed), steps=planted.steps, **options)
    return [run.explain(prompt, output=folder / "why").to_json() for prompt in planted.prompts]


@pytest.mark.slow
def test_the_item_that_brings_another_spoke_for_it(tmp_path):
    found = explained("carts", tmp_path)
    assert PLANTED["carts"].finds(found) and found[0]["untrustworthy"] == []


@pytest.mark.slow
def test_the_column_that_goes_by_another_is_what_a_condition_changes(tmp_path):
    found = explained("patients", tmp_path)
    assert PLANTED["patients"].finds(found) and "conditions" not in found[0]["untrustworthy"]
    dose, *others = [each for each in found[0]["parts"]["conditions"]["columns"] if each["column"] != "ward"]
    assert dose["verdict"] == "changed" and dose["in_data"] > 0.5 > 0.1 > max(each["in_data"] for each in others)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bars-gan", "bars-vae", "riddles"])
def test_what_was_planted_is_found(name, tmp_path):
    found = explained(name, tmp_path)
    assert PLANTED[name].finds(found)
    assert all(each["untrustworthy"] == [] for each in found)


# Beside randomised weights.


def test_copies_have_the_same_numbers_elsewhere_and_leave_the_run_alone(gan_run):
    from tfgen.restore import keeping_models, load_model

    with keeping_models():
        model = load_model(tfgen.load(gan_run.path))
        before = model.generator_average.get_weights()
        copies = of_copies(gan_run, lambda copy: copy.generator_average, lambda part: part.get_weights())
        assert len(copies) == 3
        for own, other, third in zip(before, *copies[:2]):
            np.testing.assert_array_equal(np.sort(own.ravel()), np.sort(other.ravel()))
            assert own.size < 8 or np.ptp(own) == 0 or not np.array_equal(other, third)
        for own, after in zip(before, load_model(tfgen.load(gan_run.path)).generator_average.get_weights()):
            np.testing.assert_array_equal(own, after)


def test_only_what_looks_the_same_on_random_models_is_flagged():
    chance = np.random.default_rng(0)
    own, others = chance.normal(size=400), chance.normal(size=[3, 400])
    assert compared(own, others).verdict == DEPENDS
    alike = compared(own, others + 1.5 * own)
    assert alike.verdict == UNTRUSTWORTHY and alike.is_untrustworthy and alike.correlation > 0.5
    assert compared(own[:4], [own[[0, 2, 1, 3]], own[[3, 1, 2, 0]], own[:4]]).verdict == UNTOLD
    assert compared(np.ones(5), others) is None
    assert compared(own, [np.zeros(400)]).correlation == 0.0


def test_ranks_are_spearmans():
    assert spearman(np.array([1.0, 5.0, 2.0]), np.array([10.0, 30.0, 20.0])) == pytest.approx(1.0)
    assert spearman(np.array([1.0, 1.0, 2.0, 3.0]), np.array([4.0, 3.0, 2.0, 1.0])) == pytest.approx(-0.9486833)
    assert np.isnan(spearman(np.ones(4), np.arange(4.0)))


def test_the_page_of_a_private_run_says_that_it_is_not(gan_run, tmp_path):
    from tfgen.trust.explanation.explainer import FOR_THE_OWNER, Explanation
    from tfgen.trust.explanation.page import write

    shown = Explanation(gan_run.title, "", 0, "", "2026-01-02T03:04:05Z", [], {}, tmp_path / "page.html")
    for record, is_private in ((gan_run.record, False), ({**gan_run.record, "privacy": {}}, True)):
        write(shown, Run(gan_run.path, record), "pictures")
        assert (FOR_THE_OWNER in shown.page.read_text(encoding="utf-8")) is is_private


def test_a_flagged_part_is_an_alarm_on_the_page(gan_run, tmp_path):
    from tfgen.trust.explanation.explainer import Explanation, Part
    from tfgen.trust.explanation.page import write

    values = np.arange(50.0)
    part = Part("reasons", "Reasons & more", {"a": 1}, ["one"], "<p>x</p>", compared(values, [values] * 3))
    about = ("run", "<b>", 0, "checkpoint", "2026-01-31T12:34:56Z", [part], {})
    explanation = Explanation(*about, tmp_path / "explanation.html")
    write(explanation, gan_run, "pictures")
    page = explanation.page.read_text(encoding="utf-8")
    assert "Untrustworthy" in page and "Reasons &amp; more" in page and "&lt;b&gt;" in page
    assert explanation.untrustworthy == ["reasons"] and "UNTRUSTWORTHY" in repr(explanation)
    assert explanation["reasons"]["randomised_weights"]["rank_correlation"] == 1.0


# Directions.


def test_the_direction_that_matters_most_to_the_first_weights_is_sefas_first():
    class Model:
        def latent_weights(self):
            weights = np.random.default_rng(1).normal(size=[6, 40]) * 0.1
            weights[2] += 3.0
            return weights

    latents = Latents.__new__(Latents)
    latents.model = Model()
    found = latents.sefa(3)
    assert abs(found[0].vector[2]) > 0.99 and found[0].weight > 0.9 > found[1].weight


def test_a_name_takes_more_than_chance():
    chance = np.random.default_rng(2)
    places = chance.uniform(-2, 2, 256)
    strong = association("slant", places, -0.5 * places + chance.normal(0, 0.2, 256), looks=40)
    assert strong.is_certain and strong.p < 1e-20 and strong.ends == pytest.approx((1.0, -1.0), abs=0.1)
    weak = [association("noise", places, chance.normal(size=256), looks=40) for _ in range(200)]
    assert not any(each.is_certain for each in weak) and sum(each.p < 0.05 for each in weak) < 5
    assert association("constant", places, np.ones(256)) is None
    assert association("unknown", places, np.full(256, np.nan)) is None
    direction, turned = turned_to_more(Direction("SeFa", 1, np.array([1.0, 0.0]), 1.0), [strong])
    assert direction.vector.tolist() == [-1.0, 0.0]
    assert turned[0].correlation == -strong.correlation and turned[0].low > 0
    assert borne_out([turned[0], strong, weak[0]]) == ["slant", "less slant"]
