"""What every model of sets must do for a user, on the embedded till: learn, repeat itself, resume, blend with EASE so
that it is no worse, rank and invent the same from anywhere, and say why."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.cases import SLOW, battery_of
from tests.conftest import assert_same_state, fit_run, state_of, stopped_at
from tests.sources import SOURCES
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.evaluate.sets.baselines import PublishedEase
from tfgen.generate import Request, open_generator
from tfgen.models.sets.ranking import masked, ndcg, ranks
from tfgen.representations.sets.ranker import Ranker
from tfgen.representations.sets.sets import Sets
from tfgen.restore import build_model, load_model, open_codec

ASKED = "nori, wasabi"
LEARNERS = [
    pytest.param(each.values[0], id=each.id, marks=[] if each.values[0][1] == "vae" else SLOW)
    for each in battery_of("sets")
]


@pytest.fixture(params=LEARNERS)
def learner(request):
    return request.param


@pytest.fixture
def run(fit_once, learner):
    """The same tiny fitted run for all tests here. Don't change it."""
    modality, model = learner
    return fit_once(model, SOURCES[modality].set_steps, modality=modality)


@pytest.fixture
def model(run):
    return load_model(run)


def test_learns_and_is_no_worse_than_ease(run, model):
    """On sets that neither the steps nor the blend have seen."""
    examples = open_data(run.data_source())
    given, wanted = examples.held_out.split()

    def gain_of(scores):
        return ndcg(ranks(masked(scores, given), wanted))

    ranked = gain_of(Ranker(model).scores(given))
    ease = gain_of(PublishedEase(examples.learned, examples.chosen_by, model.items).scores(given))
    popular = gain_of(np.tile(model.example.log_popularity, [len(given), 1]))
    assert ranked.mean() > 1.1 * popular.mean()
    assert (ranked - ease).mean() >= -2 * (ranked - ease).std() / len(given) ** 0.5
    network, untrained = (gain_of(each.logits_of(given)).mean() for each in (model, build_model(run)))
    assert network > untrained
    assert all(np.isfinite(value) for row in run.history() for value in row.values())
    assert 0 <= float(model.ease.share.numpy()) <= 1 and "network_share" in run.history("quality.jsonl")[0]


def test_a_ranking_is_its_items_alone(model):
    ranker, chance = Ranker(model), np.random.default_rng(0)
    lists = [chance.permutation(model.items)[: 1 + place % 9].tolist() for place in range(80)]
    together = ranker.scores(Sets.of(lists))
    np.testing.assert_array_equal(together[70:73], ranker.scores(Sets.of(lists[70:73])))
    items, _ = ranker.best(Sets.of(lists), 10)
    assert all(not set(row) & set(own) and len(set(row)) == 10 for row, own in zip(items.tolist(), lists))
    everything, _ = ranker.best(Sets.of([range(model.items)]), 3)
    assert everything.tolist() == [[-1, -1, -1]], "nothing is left to suggest"


def test_the_graph_ranks_as_the_host_does(model):
    """`best` takes rows alone, as a server has them."""
    rows = Sets.of([[3, 1], [5], [7, 2, 9]])
    items, scores = model.best(tf.constant(rows.rows(max(3, model.longest_row))))
    wanted, own = Ranker(model).best(rows, model.top)
    np.testing.assert_array_equal(items.numpy()[:, :20], wanted[:, :20])
    np.testing.assert_allclose(scores.numpy()[:, :20], own[:, :20], atol=1e-4)


def test_nothing_given_is_answered_with_the_commonest(model):
    items, _ = Ranker(model).best(Sets.of([[]]), 5)
    assert items[0].tolist() == np.argsort(-model.example.log_popularity, kind="stable")[:5].tolist()


def test_an_invented_set_is_its_seeds_own(model):
    ranker = Ranker(model)
    together, later = ranker.invented(np.arange(70, dtype=np.int32)), ranker.invented(np.arange(66, 70, dtype=np.int32))
    assert [each.tolist() for each in together[66:]] == [each.tolist() for each in later]
    assert all(len(set(each.tolist())) == len(each) > 0 for each in together)
    assert len({tuple(each) for each in together}) > 60
    begun = ranker.invented(np.arange(9, dtype=np.int32), np.array([4, 2], np.int32))
    assert all(each[:2].tolist() == [4, 2] for each in begun)


def test_reasons_are_what_the_score_would_lose(model):
    ranker, given = Ranker(model), np.array([3, 8, 11], np.int32)
    items, scores = ranker.best(Sets.of([given.tolist()]), 5)
    for item, score, reasons in zip(items[0], scores[0], ranker.reasons(given, items[0])):
        for because, lost in reasons:
            without = Sets.of([[each for each in given.tolist() if each != because]])
            assert score - ranker.scores(without)[0, item] == pytest.approx(lost, abs=1e-5) and lost > 0


def test_a_lone_item_is_a_reason_on_the_scale_of_the_others(model):
    ranker = Ranker(model)
    items, scores = ranker.best(Sets.of([[3]]), 5)
    nothing = model.mixed(tf.fill([1, model.longest_row], -1), tf.zeros([1, model.items])).numpy()[0]
    assert abs(nothing.mean()) < 1e-4, "not logarithms of how common items are"
    for item, score, reasons in zip(items[0], scores[0], ranker.reasons(np.array([3], np.int32), items[0])):
        lost = float(score - nothing[item])
        assert reasons == ([(3, pytest.approx(lost, abs=1e-5))] if lost > 0 else [])


def test_the_time_that_choosing_takes_grows_with_what_is_ranked(run):
    model, examples = load_model(run), open_data(run.data_source())
    before = model.after_fit_seconds(len(examples), 0.01)
    model.before_fit(examples)
    small = model.after_fit_seconds(len(examples), 0.01)
    model.items *= 100
    assert before < small < model.after_fit_seconds(len(examples), 0.01) - 1


@pytest.mark.slow
def test_resumes_to_the_same_bytes(learner, isolated, tmp_path, sources):
    modality, model = learner
    settings = ("batch_size=32", "width=16")
    whole = fit_run(model, tmp_path / "whole", sources(modality), 24, *settings)
    with stopped_at(12):
        stopped = fit_run(model, tmp_path / "parts", sources(modality), 24, *settings)
    assert stopped.record["status"] == "stopped"
    resumed = fit_run(model, stopped.path, sources(modality), None, size=None, resume=True)
    assert_same_state(state_of(whole), state_of(resumed))


def test_files(run, command, tmp_path):
    def made(*arguments):
        done = command("generate", run.path, *arguments)
        assert done.exit_code == 0, done.stderr
        return done

    made(ASKED, "-n", 5, "--why", "-o", tmp_path / "ranked.csv")
    with open(tmp_path / "ranked.csv", newline="") as file:
        ranked = list(csv.DictReader(file))
    assert [row["rank"] for row in ranked] == ["1", "2", "3", "4", "5"] and list(ranked[0])[-1] == "because"
    facts = json.loads((tmp_path / "ranked.csv.json").read_text())
    assert facts["prompt"] == ASKED and facts["run"] == run.name and facts["weights"]
    rows = [json.loads(line) for line in made(ASKED, "-n", 5, "--json").stdout.splitlines()]
    assert [row["item"] for row in rows] == [row["item"] for row in ranked]
    shown = made(ASKED, "-n", 5).stdout.splitlines()
    assert len(shown) == 6 and shown[0].split() == ["rank", "item", "score"]

    made("--baskets", "-n", 60, "-o", tmp_path / "made.csv")
    again = open_data(str(tmp_path / "made.csv"), layout="lines", core=1)
    assert again.modality == "basket" and set(again.codec.names) <= set(open_codec(run).names)
    made(ASKED, "--baskets", "-n", 3, "-o", tmp_path / "made.txt")
    assert all(line.startswith(ASKED) for line in (tmp_path / "made.txt").read_text().splitlines())

    (tmp_path / "people.csv").write_text("user,item\nAda,nori\nAda,wasabi\nBob,flour\nBob,dragon\n")
    done = made("--like", tmp_path / "people.csv", "-n", 3, "-o", tmp_path / "people.jsonl")
    assert "1 item that the run doesn't know" in done.stderr
    people = [json.loads(line) for line in (tmp_path / "people.jsonl").read_text().splitlines()]
    assert [each["of"] for each in people] == ["Ada", "Bob"] and len(people[0]["items"]) == 3


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["norri"], "The run knows no item 'norri'. Did you mean 'nori'?"),
        (["nori", "-o", "ranked.png"], "can't be written as '.png'"),
        (["nori", "--temperature", "1.5"], "Add --baskets"),
        (["--baskets", "--why"], "Leave --why out"),
        (["--why"], "Nothing is given"),
        (["nori", "--like", "people.csv"], "Leave one of them out"),
        (["nori", "--baskets", "--temperature", "0"], "Choose one from 0.01"),
        (["nori", "--length", "9"], "makes baskets"),
        (["--like", "nobody.csv"], "There is no file"),
    ],
)
def test_mistakes_are_answered_before_anything_is_loaded(run, command, arguments, sentence):
    made = command("generate", run.path, *arguments)
    assert made.exit_code == 2 and sentence in made.stderr, made.stderr


def test_a_model_of_sets_refuses_what_it_can_not_do(run, command):
    steered = command("steer", run.path)
    assert steered.exit_code == 2 and "Picks don't steer baskets" in steered.stderr
    assert '"ITEM, ITEM"' in steered.stderr
    coarse = command("export", run.path, "--tflite", "--quantize", "int8")
    assert coarse.exit_code == 2 and "Use --quantize float32" in coarse.stderr


def test_python(run):
    import tfgen

    loaded = tfgen.load(run.path)
    ranking = loaded.generate(ASKED, n=5, why=True)
    assert len(ranking) == 5 and set(ranking[0].because) <= {"nori", "wasabi"} and "<table>" in ranking._repr_html_()
    assert ranking[:2].suggestions == ranking.suggestions[:2]
    made = loaded.generate("", n=4, seed=7, baskets=True)
    assert made[1] == loaded.generate("", n=1, seed=8, baskets=True)[0] and len(made.records()) == 4


def test_saved_prompts_are_tested_item_by_item(run, command):
    tested = command("prompt", "test", run.path, "{nori|flour}", "--json")
    assert tested.exit_code == 0, tested.stderr
    several = command("generate", run.path, "{nori|flour}", "--template", "-n", 3)
    assert several.exit_code == 0 and "--- " in several.stdout and "2 rankings" in several.stderr


def test_what_is_refused_before_a_fit(tmp_path, isolated, command):
    (isolated / "till.baskets").write_text("milk,bread,jam\nmilk,bread\njam,bread,tea,salt\n" * 40)
    refused = command("fit", "gpt", isolated / "till.baskets", "--steps", 2)
    assert refused.exit_code == 2 and "have no times" in refused.stderr
    refused = command("fit", "gan", isolated / "till.baskets", "--steps", 2)
    assert refused.exit_code == 2 and "is baskets" in refused.stderr and "tfgen fit vae" in refused.stderr


def test_too_many_items_are_a_sentence():
    from tfgen.models.sets.configs import SetVAEConfig
    from tfgen.models.sets.vae import SetVAE
    from tfgen.representations.sets.specification import SetSpecification

    with pytest.raises(UserError, match="more than 10000"):
        SetVAE(SetVAEConfig(), SetSpecification((1,) * 10_001, (0, 1), 1), None)


def test_the_data_that_a_run_learned_is_not_written_over(fit_once, sources):
    run = fit_once("vae", SOURCES["basket"].set_steps, modality="basket")
    with pytest.raises(UserError, match="would be replaced"):
        open_generator(run, Request(ASKED, 2, output=sources("basket")))
