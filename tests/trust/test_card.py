"""Model cards of every kind of data and model: what they say, what they say is not known, and what they never say."""

import re
import shlex
import shutil

import numpy as np
import pytest
import yaml

from tests.conformance.cases import covering
from tests.conformance.test_journeys import run_of
from tests.sources import SOURCES
from tfgen import load, versions
from tfgen.catalog import METRICS
from tfgen.evaluate.record import Alarm, Evaluation, MeasuredWith, Score
from tfgen.feedback.events import Event, Sample
from tfgen.feedback.store import open_store
from tfgen.restore import open_codec
from tfgen.run import runs_folder
from tfgen.trust.card import DETECTION, PRIVACY
from tfgen.trust.energy import Energy
from tfgen.trust.markup import as_yaml
from tfgen.trust.privacy import Account

TASKS = {"image": "unconditional-image-generation", "text": "text-generation"}
HEADINGS = [
    "Model Details", "Uses", "Bias, Risks, and Limitations", "How to Get Started with the Model", "Training Details",
    "Evaluation", "Privacy and Memorisation", "Detectability", "Environmental Impact", "Technical Specifications",
    "Provenance and Lineage", "How to Erase a Record",
]


def parsed(card):
    """The front matter, and the text under each heading of the second rank."""
    _, matter, text = card.split("---\n", 2)
    title, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    return yaml.safe_load(matter), {"": title} | dict(each.split("\n", 1) for each in sections)


@pytest.fixture
def copy_of(fit_once):
    """A function that gives a run of its own with this modality and model, not evaluated, by the name `own`."""

    def copy(learner):
        run = run_of(fit_once, *learner)
        path = runs_folder() / "own"
        shutil.copytree(run.path, path, ignore=shutil.ignore_patterns("evaluation.json", "report.html"))
        return load(path)

    return copy


def evaluation_of(run, **changes):
    """An evaluation that found little."""
    what = MeasuredWith(3, "random", "", "none", run.record["data"]["fingerprint"], (9,), 400, 0, None)
    fields = {
        "run": run.title, "checkpoint": sorted(run.checkpoints.glob("*.npz"))[-1].name, "step": 7, "minutes": 1.0,
        "parameters": 12345, "created": "2026-01-02T03:04:05Z", "measured_with": what,
        "scores": {
            "detectability": Score("detectability", 0.9, 0.05, "near 0.5"),
            "membership": Score("membership", 1e-7, None, "near 0.5"),
        },
        "baselines": {"real": {"detectability": 0.51}}, "left_out": {},
        "alarms": [
            Alarm("overfit", "raised", "It knows <b>Anna</b> by heart.", "Fit it for less long."),
            Alarm("copying", "quiet", "It copies nothing."),
            Alarm("collapse", "not tested", "Too few to tell."),
        ],
        "notes": ["The longest match: 'Dear Anna'"], "words": "Weak: everything.",
        "energy": {
            **Energy(36.0, 36.0, 3.0, (), 12.0).to_json(),
            "thousand_samples": Energy(7.2, 7.2, 1.0, (), 12.0).to_json(),
        },
    }  # fmt: skip
    return Evaluation(**{**fields, **changes})


# What it says goes by the kind of data and by the model, not by both together.
@pytest.mark.slow
@pytest.mark.parametrize("learner", covering("arrays", "sequences", "rows", "sets"), ids="-".join)
def test_a_card_is_true_of_a_run_that_nobody_evaluated_and_what_it_says_to_type_works(
    learner, copy_of, sources, command, kept_models
):
    modality, model = learner
    run = copy_of(learner)
    content = run.card()
    matter, sections = parsed(content)
    assert list(sections)[1:] == HEADINGS
    assert matter["library_name"] == "tfgen" and {"tfgen", model, modality} <= set(matter["tags"])
    assert matter.get("pipeline_tag") == TASKS.get(modality)
    assert matter["datasets"] == [SOURCES[modality].file]
    assert "license" not in matter and "model-index" not in matter
    for heading in ("Evaluation", "Bias, Risks, and Limitations"):
        assert "`tfgen evaluate own`" in sections[heading]
    for heading, wanted in (("Privacy and Memorisation", PRIVACY), ("Detectability", DETECTION)):
        kinds = open_codec(run).representation, modality
        has_metric = any(f"{kind}/{name}" in METRICS for kind in kinds for name in wanted)
        unknown = "`tfgen evaluate own` measures it." if has_metric else "tfgen has no metric of it"
        assert f"**Not measured.** {unknown}" in sections[heading]
    assert "**Not measured.**" in sections["Evaluation"] and "not said" in sections["Training Details"]
    assert run.record["data"]["fingerprint"] in sections["Training Details"]
    assert f"{run.record['data']['count']:,}" in sections["Training Details"]
    spent = Energy.from_json(run.record["energy"])
    assert spent.joules > 0 and spent.in_words() in sections["Environmental Impact"]
    assert "`tfgen card own --carbon GRAMS_PER_KWH`" in sections["Environmental Impact"]
    assert "`tfgen forget own --rows FILE`" in sections["How to Erase a Record"]
    assert str(sources(modality)) not in content and "None" not in content
    start = sections["How to Get Started with the Model"]
    line = re.search(r"```console\n(.*)\n", start)[1]
    assert line.startswith("tfgen generate own")
    done = command(*shlex.split(line)[1:])
    assert done.exit_code == 0, done.stderr
    names = {}
    exec(re.search(r"```python\n(.*?)```", start, re.S)[1], names)
    assert len(names["samples"]) >= 1


def test_a_card_says_what_was_measured_and_no_word_of_the_data(copy_of, command, isolated):
    run = copy_of(("image", "gan"))
    evaluation_of(run).write(run.path)
    said = {"license": "mit", "data_license": "cc0-1.0", "intended": "Digits for a demonstration.", "carbon": 500}
    content = run.card(isolated / "README.md", **said)
    assert (isolated / "README.md").read_text(encoding="utf-8") == content
    matter, sections = parsed(content)
    assert matter["license"] == "mit" and "**License:** cc0-1.0" in sections["Training Details"]
    assert "Digits for a demonstration." in sections["Uses"]
    (result,) = matter["model-index"][0]["results"]
    assert result["dataset"]["name"] == "digits.npz" and result["task"]["type"] == TASKS["image"]
    assert [each["value"] for each in result["metrics"]] == [0.9, 1e-7]
    assert "10 labels: zero, one" in sections["Model Details"] and "12,345" in sections["Model Details"]
    assert "| Detectability | 0.900 | 0.850 to 0.950 | near 0.5 | 0.510 |" in sections["Evaluation"]
    assert "| Detectability |" in sections["Detectability"] and "| Membership |" in sections["Privacy and Memorisation"]
    assert "| Detectability |" not in sections["Privacy and Memorisation"]
    risks = sections["Bias, Risks, and Limitations"]
    assert "**overfit: raised.** It knows &lt;b>Anna&lt;/b> by heart." in risks and "Fit it for less long." in risks
    assert "**copying: quiet.**" in risks and "Not tested: collapse." in risks
    energy = sections["Environmental Impact"]
    assert "0.010 Wh (36.0 J), 0.0050 g of CO2 at 500 g/kWh" in energy and "0.0020 Wh (7.2 J)" in energy
    assert "Dear Anna" not in content and "<b>" not in content
    full = command("card", "own", "-o", isolated / "README.md" / "card.md")
    assert full.exit_code == 1 and "can't be written" in full.stderr and "name another file" in full.stderr
    shown = command("card", "own", "--license", "mit", "--intended", said["intended"])
    assert shown.exit_code == 0 and "license: \"mit\"" in shown.stdout and shown.stderr == ""


def test_other_weights_than_those_that_were_judged_are_said(copy_of):
    run = copy_of(("image", "gan"))
    evaluation_of(run, checkpoint="000001-step-00000001-abc.npz").write(run.path)
    assert "**The run has other weights by now**; measure those" in run.card()


def test_feedback_and_what_was_learned_from_it_without_names(copy_of):
    run = copy_of(("image", "gan"))
    assert not (runs_folder() / "feedback.db").exists()
    assert "The store of feedback has nothing of it." in run.card()
    assert not (runs_folder() / "feedback.db").exists(), "a card makes no store"
    samples = [Sample(run.name, "0" * 32, seed=seed) for seed in range(2)]
    shown = tuple(each.id for each in samples)
    facts = {"kind": "tuned", "answers": 40, "people": 2, "held_out": {"right": 9, "count": 10}}
    versions.create(run, "liked", {"shift": np.zeros(3, np.float32)}, facts)
    with open_store() as store:
        store.add(samples, [Event("pair", shown, {"picked": [0]}, who) for who in ("anna", "bert")])
    feedback = parsed(run.card())[1]["Provenance and Lineage"]
    assert "In the store of feedback: 2 answers of 2 people." in feedback
    assert "liked learned from 40 answers of 2 people; of those held out it predicts 9 of 10." in feedback
    assert "anna" not in feedback
    of_version = load("own@liked").card()
    assert "# Model Card for own@liked" in of_version and "**Version in use:** liked" in of_version


def test_lineage_up_and_down(copy_of):
    run = copy_of(("image", "gan"))
    shutil.copytree(run.path, runs_folder() / "child")
    before = {"from": "first", "steps": 10, "before": None}
    load("child").update(lineage={"from": "own", "steps": 80, "before": before})
    for name in ("grandchild", "sibling"):
        shutil.copytree(run.path, runs_folder() / name)
    load("grandchild").update(lineage={"from": "child", "steps": 5, "before": load("child").record["lineage"]})
    child, own = (parsed(load(name).card())[1] for name in ("child", "own"))
    assert 'the run "own", after 80 steps; before that "first", after 10 steps' in child["Provenance and Lineage"]
    assert 'Finetuned from:** the run "own"' in child["Model Details"]
    assert '"child", "grandchild"' in own["Provenance and Lineage"]
    erase = own["How to Erase a Record"]
    assert 'began with it ("child", "grandchild") and others that learned the same data ("sibling")' in erase


def test_a_run_from_before_and_one_that_has_not_finished(copy_of):
    run = copy_of(("image", "gan"))
    del run.record["energy"]
    run.update(status="stopped")
    (run.path / "history.jsonl").unlink()
    sections = parsed(load("own").card())[1]
    assert "**Not measured.** `tfgen fit --repeat own`" in sections["Environmental Impact"]
    assert "stopped; these are the weights as good as they are" in sections["Model Details"]


def made_private(run):
    """The record of a private run that has spent all, as its fit would have left it."""
    spent = {"steps": run.record["steps"], "epsilon": 3.0}
    account = Account(3.0, 1e-5, 1.0, "example", 0.1, 40.0, spent=spent, not_covered=("How many there are.",))
    run.update(privacy=account.to_json())
    return run


def test_a_card_of_a_private_run_tells_what_has_no_noise_only_where_that_is_asked_for(copy_of, command):
    run = made_private(copy_of(("image", "gan")))
    evaluation_of(run).write(run.path)
    (run.path / "history.jsonl").write_text('{"step": 3, "seconds": 2.0, "gradient_norm": 0.5}\n')
    content = run.card()
    matter, sections = parsed(content)
    assert "model-index" not in matter and run.record["data"]["fingerprint"] not in content
    assert "Anna" not in content and "| Detectability" not in content and "Weak: everything" not in content
    assert content.count("evaluations look at the real examples without noise") == 1
    assert "so what they found is for the owner alone" in sections["Evaluation"]
    assert "**Left out**" in sections["Privacy and Memorisation"] and "0.0020 Wh" in sections["Environmental Impact"]
    assert "epsilon 3 of 3" in sections["Privacy and Memorisation"] and "12,345" in sections["Model Details"]
    training = sections["Training Details"]
    assert "gradient norm 0.5" in training and "Losses" not in training
    assert "--repeat" not in content and "nobody can make the same weights once more" in training
    assert "private again (epsilon=3,delta=1e-05,clip=1)" in sections["How to Erase a Record"]
    whole = command("card", "own", "--with-scores").stdout
    assert whole == run.card(with_scores=True)
    assert "model-index" in parsed(whole)[0] and run.record["data"]["fingerprint"] in whole
    assert "| Detectability |" in whole and "**overfit: raised.**" in whole and "Left out" not in whole


def test_a_card_has_no_folder_of_a_run_that_lies_elsewhere(copy_of, tmp_path):
    run = copy_of(("image", "gan"))
    run.update(status="stopped")
    there = tmp_path / "home" / "alice" / "seen"
    there.parent.mkdir(parents=True)
    run.path.rename(there)
    content = load(there).card()
    assert str(tmp_path) not in content and "alice" not in content
    assert "`tfgen evaluate seen`" in content and "-o seen --resume`" in content and "tfgen.load('seen')" in content


def test_a_card_names_no_command_that_would_be_refused_or_do_something_else(copy_of):
    run = copy_of(("image", "gan"))
    assert "the same weights come out of `tfgen fit --repeat own`" in run.card()
    versions.create(run, "liked", {"shift": np.zeros(3, np.float32)}, {"kind": "tuned", "answers": 40, "people": 2})
    of_version = load("own@liked").card()
    assert "the weights that the version began with come out of `tfgen fit --repeat own`" in of_version
    assert "`tfgen forget own --rows FILE`" in of_version and "`tfgen evaluate own@liked`" in of_version
    run.update(status="stopped")
    stopped = load("own").card()
    assert "same weights" not in stopped and "--resume" in stopped
    run.update(status="failed", problem="Weights stopped being numbers near step 3.")
    failed = load("own").card()
    assert "failed; these are the weights" in failed and "--resume" not in failed and "same weights" not in failed


def test_the_hub_reads_the_front_matter(copy_of):
    hub = pytest.importorskip("huggingface_hub")
    run = copy_of(("image", "gan"))
    evaluation_of(run).write(run.path)
    data = hub.ModelCard(run.card(license="apache-2.0")).data
    assert data.license == "apache-2.0" and data.pipeline_tag == TASKS["image"] and data.model_name == "own"
    assert [(each.metric_type, each.metric_value) for each in data.eval_results] == [
        ("detectability", 0.9), ("membership", 1e-7)
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"a": "yes", "b": "1.0", "c": 'say "x": #y\n- z', "d": "\N{SNOWMAN} \N{GRINNING FACE}\x85\u2028", "e": ""},
        {"numbers": [1e-7, -2.5e-12, 1e22, 3, 0.0, True]},
        {"lists": [["a", ["b"]], [], {}, [{"x": [1], "y": {"z": "w"}}]], "nothing": {}},
    ],
)
def test_what_is_written_as_yaml_is_read_back(value):
    assert yaml.safe_load(as_yaml(value)) == value
