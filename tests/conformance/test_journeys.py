"""Every modality with every model that can learn it, through every stage, by the command line; and runs of before."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import yaml

import tfgen
from tests.conformance.cases import covering, learners_of
from tests.sources import SOURCES
from tfgen import catalog
from tfgen.run_comparison import newest_sheet
from tfgen.trust.verification import verify_each

ARRAYS, SEQUENCES, ROWS, SETS = (learners_of(each) for each in ("arrays", "sequences", "rows", "sets"))
SEQUENCE_STEPS = 120
# The others' exports are of the same code: every kind of data, and every model of a representation, is here once.
# Pictures and texts are exported in all formats in tests/export.
EXPORTED = [
    each for each in covering("arrays", "sequences", "rows", "sets") if each not in (("image", "gan"), ("text", "gpt"))
]


@pytest.fixture(autouse=True)
def cache(shared, monkeypatch):
    """Its classifiers learn for a moment only, once for each kind of data."""
    monkeypatch.setenv("TFGEN_CACHE", str(shared / "journeys"))


def run_of(fit_once, modality, model):
    """The run that the other batteries look at too."""
    source = SOURCES[modality]
    if (modality, model) in ARRAYS:
        return fit_once(model, source.array_steps, modality=modality)
    if (modality, model) in ROWS:
        return fit_once(model, source.row_steps, modality=modality)
    if (modality, model) in SETS:
        return fit_once(model, source.set_steps, modality=modality)
    return fit_once(model, SEQUENCE_STEPS, *source.sequence_settings, modality=modality, seed=1)


def test_every_modality_of_the_catalog_has_data_for_the_batteries():
    assert SOURCES.keys() == catalog.MODALITIES.keys()


@pytest.mark.parametrize("modality", SOURCES)
def test_data(modality, sources, command):
    seen = command("data", sources(modality))
    assert seen.exit_code == 0, seen.stderr
    assert "Next: " in seen.stderr
    facts = json.loads(command("data", sources(modality), "--json").stdout)
    assert facts["modality"] == modality and facts["count"] > 0 and len(facts["fingerprint"]) == 64


# Stages know nothing of a modality and a model together, so each is here at least once, not all pairs; what depends on
# both, that a model learns this kind of data and repeats itself, the batteries beside this look at for every pair.
@pytest.mark.slow
@pytest.mark.parametrize("learner", covering("arrays", "sequences", "rows", "sets"), ids="-".join)
def test_a_run_goes_through_every_stage(learner, fit_once, command, tmp_path, quick_judges):
    modality, model = learner
    run, source = run_of(fit_once, modality, model), SOURCES[modality]
    prompt = source.opening or source.prompt if (modality, model) in SEQUENCES else source.prompt
    made = command("generate", run.path, prompt, "-n", 3, "-o", tmp_path / "samples")
    assert made.exit_code == 0, made.stderr
    # Rows and rankings are in one file, beside which another says what they are.
    files = [path for path in (tmp_path / "samples").iterdir() if path.suffix != ".c2pa"]
    assert len(files) == (2 if learner in (*ROWS, *SETS) else 3)
    marked = [path for path in files if learner not in (*ROWS, *SETS) or path.suffix != ".json"]
    verified = command("verify", "--json", *marked)
    assert verified.exit_code == 0, verified.stderr
    for each in json.loads(verified.stdout):
        assert (each["state"], each["generated"], each["made_by"]["run"]) == ("own", True, run.name)
    judged = command("evaluate", run.path, "-n", 40, "--json")
    assert judged.exit_code == 0, judged.stderr
    evaluation = json.loads(judged.stdout)
    assert evaluation["scores"] and all(np.isfinite(score["value"]) for score in evaluation["scores"].values())
    assert (run.path / "report.html").stat().st_size > 2000
    spent, samples = run.record["energy"], evaluation["energy"]["thousand_samples"]
    assert spent["joules"] > 0 and evaluation["energy"]["joules"] > 0 and samples["joules"] > 0
    shown = command("runs", "show", run.path)
    assert shown.exit_code == 0 and "finished" in shown.stdout
    assert "energy " in shown.stdout
    told = {"detectability", "detectability_to_the_eye", "quality", "ndcg_at_100"} & evaluation["scores"].keys()
    assert ("quality.per_watt_hour" in shown.stdout) == bool(told)
    card = command("card", run.path)
    assert card.exit_code == 0, card.stderr
    matter = yaml.safe_load(card.stdout.split("---\n")[1])
    (result,) = matter["model-index"][0]["results"]
    assert {each["type"] for each in result["metrics"]} == evaluation["scores"].keys()
    assert evaluation["words"].replace("<", "&lt;") in card.stdout


# Quick is the one whose fit takes least.
SIGNED = [
    pytest.param(each, id="-".join(each), marks=[] if each == SETS[0] else pytest.mark.slow)
    for each in covering("arrays", "sequences", "rows", "sets")
]


@pytest.mark.parametrize("learner", SIGNED)
def test_what_a_fit_shows_is_signed(learner, fit_once):
    run = run_of(fit_once, *learner)
    found = verify_each([run.path / "samples"])
    assert len(found) > 1 and {each.path.rpartition(".")[2] for each in found} <= {"png", "txt"}
    for each in found:
        assert (each.state, each.generated, each.made_by["run"]) == ("own", True, run.name), each
    assert newest_sheet(run).suffix != ".c2pa"


@pytest.mark.slow
@pytest.mark.parametrize("learner", [ROWS[0], SETS[0]], ids="-".join)
def test_a_download_of_several_says_what_is_true_of_all(learner, fit_once, tmp_path):
    from tfgen.studio.making import _files

    run, prompt = run_of(fit_once, *learner), SOURCES[learner[0]].prompt
    made = [tfgen.load(run.path).generate(prompt, n=1, seed=seed).records()[0] for seed in (3, 8)]
    first, second = (replace(each, seed=seed) for each, seed in zip(made, (3, 8)))  # a ranking's is 0
    other = replace(second, prompt="")

    def signed(*records):
        name, content = _files(run, list(records))
        assert name.endswith(".zip")
        zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path)
        (found,) = verify_each([tmp_path / run.name])
        assert found.state == "own"
        return found.made_by

    alike, unlike = signed(first, second), signed(first, other)
    assert (alike["prompt"], alike["seed"], alike["weights"]) == (prompt, "3, 8", first.digest)
    assert (unlike["prompt"], unlike["seed"], unlike["weights"]) == ("", "3, 8", first.digest)
    if learner in SETS:
        old = signed(first, replace(second, digest="0" * 64, version="better:00000000", settings={"novelty": 1}))
        assert not {"weights", "version", "settings"} & old.keys() and old["run"] == run.name
    else:
        with pytest.raises(tfgen.UserError, match="can no longer make"):
            _files(run, [first, replace(second, version="better:00000000")])


@pytest.mark.slow
@pytest.mark.parametrize("learner", EXPORTED, ids="-".join)
def test_an_export_answers_as_the_run_does_and_is_served(learner, fit_once, command, tmp_path, narrow_table):
    from tfgen.export.published import versions_in
    from tfgen.serve.servable import Servable

    run = fit_once(learner[1], 40, data=narrow_table) if learner in ROWS else run_of(fit_once, *learner)
    exported = command("export", run.path, "-o", tmp_path / "out", "--json")
    assert exported.exit_code == 0, exported.stderr
    assert {each["name"] for each in json.loads(exported.stdout)} == {"SavedModel", "TFLite float32"}
    ((version, path),) = versions_in(tmp_path / "out" / run.name).items()
    servable = Servable(run.name, version, path)
    assert servable.warm_up() >= 2
    assert (tmp_path / "out" / "tflite" / run.name / "1" / "example.py").exists()


@pytest.mark.slow
@pytest.mark.parametrize("modality", SOURCES)
def test_runs_compare(modality, fit_once, command, isolated):
    learners = [pair for pair in (*ARRAYS, *SEQUENCES, *ROWS, *SETS) if pair[0] == modality]
    run = run_of(fit_once, *learners[0])
    other = run_of(fit_once, *learners[-1])
    if other.path == run.path:
        settings = SOURCES[modality].sequence_settings
        other = fit_once(learners[0][1], 4, *settings, modality=modality)
    compared = command("runs", "compare", run.path, other.path)
    assert compared.exit_code == 0, compared.stderr
    (sheet,) = (path for path in isolated.glob("*-vs-*") if path.suffix != ".c2pa")
    assert sheet.stat().st_size > 100
    assert tfgen.verify(sheet).state == "own"


@pytest.mark.slow
def test_runs_on_different_kinds_of_data_are_not_compared(fit_once, command):
    image, text = run_of(fit_once, *ARRAYS[0]), run_of(fit_once, *SEQUENCES[0])
    refused = command("runs", "compare", image.path, text.path)
    assert refused.exit_code == 2 and "make different things" in refused.stderr
