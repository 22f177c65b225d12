"""What is forgotten is nowhere: not in runs, their children, samples, the cache or the store; the statement is true."""

import gzip
import io
import json
import lzma
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tfgen
from tests.conftest import BARE_GAN, fit_run
from tests.sources import SOURCES
from tfgen.catalog import MODALITIES
from tfgen.config import parse_pairs
from tfgen.data.prepared import cache_folder
from tfgen.errors import UserError
from tfgen.evaluate.membership import membership_of_arrays
from tfgen.evaluate.metrics.copying import auc
from tfgen.evaluate.training_data import open_training
from tfgen.feedback.events import Event, Sample
from tfgen.feedback.store import open_store
from tfgen.run import runs_folder
from tfgen.trust.forgetting import journal, stage
from tfgen.trust.forgetting.records import Records
from tfgen.trust.forgetting.traces import present, search

ID = "PAT-0042"


def patients(path, count=1200, seed=0):
    generator = np.random.default_rng(seed)
    lines = ["patient_id,age,dose,sex"]
    for number in range(count):
        age, dose, sex = generator.integers(20, 90), generator.uniform(0, 10), "mf"[generator.integers(2)]
        lines.append(f"PAT-{number:04d},{age},{dose:.2f},{sex}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with a table, one of other people, a run of each and one that began with the first. Don't change it."""
    folder = tmp_path_factory.mktemp("fitted")
    patients(folder / "patients.csv")
    patients(folder / "others.csv", 60, seed=1)
    (folder / "others.csv").write_text((folder / "others.csv").read_text().replace("PAT-", "OTHER-"))
    data, settings = folder / "patients.csv", {"size": "tiny", "components": 2}
    first = tfgen.fit("vae", data, output=folder / "patients", steps=4, **settings)
    tfgen.fit("vae", data, output=folder / "child", steps=2, start=first)
    tfgen.fit("tree", folder / "others.csv", output=folder / "others", size="tiny")
    return folder


@pytest.fixture
def bring(fitted, isolated):
    """A function that makes one of these runs the test's own, and its data too."""

    def bring(name, data):
        if not (isolated / data).exists():
            shutil.copy(fitted / data, isolated / data)
        shutil.copytree(fitted / name, runs_folder() / name)
        run = tfgen.load(name)
        run.update(data={**run.record["data"], "source": data, "path": str(isolated / data)})
        if "start" in run.record:  # what it began with is brought too
            run.update(start={**run.record["start"], "run": Path(run.record["start"]["run"]).name})

    return bring


@pytest.fixture
def table(isolated, bring):
    """The lines of a table of which a run, 'patients', was fitted; gone.csv is one of its rows."""
    bring("patients", "patients.csv")
    lines = (isolated / "patients.csv").read_text().splitlines()
    (isolated / "gone.csv").write_text(f"{lines[0]}\n{lines[43]}\n")
    return lines


@pytest.fixture
def family(table, bring):
    """A run that began with it, one on other data, and what lies in exports, the store and the cache."""
    bring("child", "patients.csv")
    bring("others", "others.csv")
    run = tfgen.load("patients")
    run.generate("", n=3).save("made/rows.csv")
    with open_store() as store:
        samples = [Sample.of(run, "", seed, content=f"row {seed}") for seed in (0, 1)]
        store.add(samples, [Event("rating", (samples[0].id,), {"value": 4}, "anna")])
        other = Sample("others", "f" * 64, content="kept")
        store.add([other], [Event("rating", (other.id,), {"value": 2}, "anna")])
    cache_folder().mkdir(parents=True, exist_ok=True)
    (cache_folder() / "steering").mkdir()
    (cache_folder() / "steering" / "old.npz").write_bytes(table[43].encode())
    (cache_folder() / ".killed.tmp").write_bytes(table[43].encode())
    (cache_folder() / "mine.txt").write_text("not tfgen's")


def take_out(path, line):
    path.write_text(path.read_text().replace(line + "\n", ""))


def test_a_passage_that_is_still_there_in_any_encoding_is_found(tmp_path, isolated, command):
    lines = [f"Старый король номер {number} ехал через холм и встретил волка." for number in range(60)]
    path, gone = tmp_path / "tales.txt", tmp_path / "gone.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    run = fit_run("gpt", isolated / "saved_models" / "tales", path, 1, "width=8", "context=16", "batch_size=2")
    gone.write_text(lines[7], encoding="utf-8")
    for encoding in ("utf-8", "cp1251", "utf-16"):
        path.write_text("\n".join(lines[:-1]), encoding=encoding)  # without another line
        with pytest.raises(UserError, match="still holds 1 of what"):
            tfgen.load(str(run.path)).open_forgetting(rows=gone)
        path.write_text("\n".join([*lines[:7], *lines[8:]]), encoding=encoding)
        assert tfgen.load(str(run.path)).open_forgetting(rows=gone).plan()
    unanswered = command("forget", run.path, "--rows", gone)
    assert unanswered.exit_code == 2 and "Nobody said yes, so nothing was done." in unanswered.stderr
    assert "--yes" in unanswered.stderr and list(run.checkpoints.iterdir())
    gone.write_text(" \n")
    with pytest.raises(UserError, match="holds no record"):
        tfgen.load(str(run.path)).open_forgetting(rows=gone)


@pytest.mark.parametrize("person", ["A-12345", "Ёлкин"])
def test_an_id_is_seen_in_any_encoding(tmp_path, person):
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "cp1251"):
        (tmp_path / "a.txt").write_bytes(f"name\n{person}\n".encode(encoding))
        with pytest.raises(UserError, match="is still in"):
            Records(person=person).check_person(str(tmp_path))
    (tmp_path / "a.txt").write_text(json.dumps({"name": person}))
    with pytest.raises(UserError, match="is still in"):
        Records(person=person).check_person(str(tmp_path))
    (tmp_path / "a.txt").write_text(f"{person}7 x{person}")
    Records(person=person).check_person(str(tmp_path))


@pytest.mark.slow
def test_a_record_leaves_all_that_it_touched(table, family, isolated, command, monkeypatch):
    """The first try is torn off; the second one goes on."""
    before = {name: tfgen.load(name).record["created"] for name in ("patients", "child", "others")}
    weights = {name: sorted(each.name for each in tfgen.load(name).checkpoints.iterdir()) for name in before}
    refused = command("forget", "patients", "--rows", "gone.csv", "--yes")
    assert refused.exit_code == 2 and "still holds 1 of what 'gone.csv' has" in refused.stderr
    take_out(isolated / "patients.csv", table[1])  # another row
    refused = command("forget", "patients", "--rows", "gone.csv", "--person", ID, "--yes")
    assert refused.exit_code == 2 and f"'{ID}' is still in" in refused.stderr
    refused = command("forget", "others", "--rows", "gone.csv", "--yes")
    assert refused.exit_code == 2 and "nothing to forget" in refused.stderr
    refused = command("forget", "patients", "--rows", "gone.csv", "--yes")
    assert refused.exit_code == 2 and "still holds 1 of what 'gone.csv' has" in refused.stderr
    take_out(isolated / "patients.csv", table[43])
    planned = command("forget", "patients", "--rows", "gone.csv", "--plan")
    assert planned.exit_code == 0 and "child learned the same data: it will be retrained" in planned.stderr
    assert weights == {name: sorted(each.name for each in tfgen.load(name).checkpoints.iterdir()) for name in before}

    real = stage.shutil.rmtree

    def killed(path, *_, **__):
        if str(path).endswith(".patients.deleted"):
            raise KeyboardInterrupt  # as a kill: nothing comes after it

    wanted = ("--rows", "gone.csv", "--person", ID, "--search", "made", "--yes", "--json", "-o", "statement.json")
    monkeypatch.setattr(stage.shutil, "rmtree", killed)
    assert command("forget", "patients", *wanted).exit_code != 0
    monkeypatch.setattr(stage.shutil, "rmtree", real)
    new = tfgen.load("patients").record["created"]
    assert new != before["patients"] and journal.gone(runs_folder() / "patients").exists()
    with pytest.raises(UserError, match="Finish that first"):
        tfgen.load("others").forget(rows="gone.csv")
    done = command("forget", "patients", *wanted)
    assert done.exit_code == 0, done.stderr + done.stdout
    assert tfgen.load("patients").record["created"] == new, "it was done"
    stated = json.loads(done.stdout)
    assert stated == json.loads((isolated / "statement.json").read_text()) and stated["complete"] is True
    assert tfgen.verify("statement.json").state == "own"
    assert [(each["name"], each["done"]) for each in stated["runs"]] == [
        ("patients", "retrained"), ("child", "retrained")
    ]  # fmt: skip
    assert stated["untouched"] == ["others"] and stated["unknown"] == []
    assert ID not in done.stdout and table[43] not in done.stdout
    assert stated["searched"]["needles"] >= 2 and stated["searched"]["files"] > 20
    assert stated["membership"]["p_value"] > 0.01 and stated["membership"]["compared_with"] == 120
    # By other means than its own search.
    for folder in (runs_folder(), cache_folder(), isolated / "made"):
        assert not any(table[43].encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert list((isolated / "made").iterdir()) == [] and not any(cache_folder().rglob("*.npz"))
    assert (cache_folder() / "mine.txt").exists()
    for name in ("patients", "child"):
        run = tfgen.load(name)
        assert run.record["status"] == "finished" and run.record["data"]["count"] == 1078
        assert not {each.name for each in run.checkpoints.iterdir()} & set(weights[name])
        assert len(run.generate("", n=2).records()) == 2
    assert tfgen.load("child").record["lineage"]["from"] == "patients"
    assert tfgen.load("others").record["created"] == before["others"]
    with open_store() as store:
        assert store.runs() == ["others"] and len(store) == 1
    assert not list(runs_folder().glob(".*")) and not journal.journal_path().exists()
    with pytest.raises(UserError, match="holds nothing of what 'gone.csv' has. .* forgotten already"):
        tfgen.load("patients").forget(rows="gone.csv")


@pytest.mark.slow
def test_a_picture_is_tested_beside_those_that_were_held_out(isolated, command):
    from PIL import Image

    generator = np.random.default_rng(0)
    for part, count in (("train", 60), ("test", 150)):
        (isolated / "photos" / part).mkdir(parents=True)
        for number in range(count):
            values = generator.integers(0, 2, [8, 8], np.uint8) * 255
            Image.fromarray(values).save(isolated / "photos" / part / f"{number}.png")
    settings = {"network": "dense", "batch_size": 30, "latent_dim": 32, "beta": 0.3}
    run = tfgen.fit("vae", "photos", output="faces", steps=400, **settings)
    known, unseen = (
        membership_of_arrays(run, run.model, examples, others)
        for examples in [open_training(run)] for others in (examples, None)
    )
    assert (len(known), len(unseen)) == (60, 150) and auc(unseen, known) > 0.9, "it knows what it learned"
    (isolated / "gone").mkdir()
    shutil.move(isolated / "photos" / "train" / "7.png", isolated / "gone" / "7.png")
    done = command("forget", "faces", "--rows", "gone", "--yes", "--json")
    assert done.exit_code == 0, done.stderr
    membership = json.loads(done.stdout)["membership"]
    assert membership["p_value"] > 0.01 and membership["compared_with"] == 150


@pytest.mark.slow
def test_a_failed_fit_leaves_the_old_run_and_what_is_found_after_all_is_said(table, isolated, command):
    twin = table[43].replace(ID, "PAT-9000")
    take_out(isolated / "patients.csv", table[1])
    (isolated / "patients.csv").write_text((isolated / "patients.csv").read_text().replace(table[43], twin))
    run = tfgen.load("patients")
    with pytest.raises(UserError, match="something equal"):
        run.open_forgetting(rows="gone.csv")
    opened = run.open_forgetting(rows="gone.csv", keep_equal=True)
    assert "patients" in opened.plan()[0]

    def fail(request):
        run.path.mkdir()
        (run.path / "run.json").write_text("{}")
        raise UserError("No.")

    opened._fit = fail
    with pytest.raises(UserError, match="No."):
        opened.carry_out()
    assert tfgen.load("patients").record["created"] == run.record["created"]
    # What was begun is finished first, and with the same options.
    with pytest.raises(UserError, match="Finish that first"):
        run.open_forgetting(person=ID)
    assert "continues an earlier run of this command" in run.open_forgetting(rows="gone.csv", keep_equal=True).plan()[0]
    journal.journal_path().unlink()
    # Killed between two renames: what lies aside comes back before anything else.
    shutil.move(run.path, journal.aside(run.path))
    shutil.copytree(journal.aside(run.path), journal.gone(runs_folder() / "another"))
    (runs_folder() / "notes.txt").write_text(f"I remember {ID} well.")
    refused = command("forget", "patients", "--rows", "gone.csv", "--plan")
    assert refused.exit_code == 2 and "something equal" in refused.stderr
    assert not list(runs_folder().glob(".*.deleted")) and not list(runs_folder().glob(".*.forgotten"))
    done = command("forget", "patients", "--person", ID, "--delete", "--yes")
    assert done.exit_code == 1 and "STILL FOUND in" in done.stdout and "notes.txt" in done.stdout, done.stderr
    assert tfgen.runs() == []
    (statement,) = (runs_folder() / "forgotten").glob("*.json")
    assert json.loads(statement.read_text())["complete"] is False and ID not in statement.read_text()


@pytest.mark.slow
def test_what_else_learned_it(table, isolated, gpt_run):
    """Another run on the same file, which still has it; one in memory; one on exactly the records; and what isn't."""
    run = tfgen.load("patients")
    shutil.copytree(run.path, runs_folder() / "same")
    fewer = {**run.record["data"], "fingerprint": "0" * 64}  # as if it had learned some of the rows
    tfgen.load("same").update(data=fewer)
    memory = {"height": [150 + 0.1 * (number % 400) for number in range(300)], "of": list("abc") * 100}
    clean = isolated / "clean.csv"
    clean.write_text((isolated / "patients.csv").read_text().replace(table[43] + "\n", ""))
    kept = tfgen.fit("tree", memory, output="memory", size="tiny")
    kept.update(lineage={"from": "patients", "steps": 4, "before": None})  # as if it had begun with it
    (isolated / "note.txt").write_text(f"Of {ID} there is this note. " + "Nothing else is in it. " * 60)
    shutil.copytree(gpt_run.path, runs_folder() / "note")
    text = tfgen.load("note")
    text.update(data={**text.record["data"], "source": "note.txt", "path": str(isolated / "note.txt")})
    with pytest.raises(UserError, match="is still in .*note.txt"):
        run.open_forgetting(rows="gone.csv", person=ID, data=clean)
    text.remove()
    opened = run.open_forgetting(rows="gone.csv", data=clean)
    because = {each.run.name: each.because for each in opened.touched}
    assert because["same"] == "learned data from the same place"
    told = run.open_forgetting(person=ID, data=clean)  # what was given in memory is packed
    assert told.unknown == [] and "memory" in {each.run.name for each in told.touched}
    done = opened.carry_out()
    assert done.is_complete and {each["name"] for each in done.runs} == {"patients", "same", "memory"}
    for name in ("patients", "same"):
        assert tfgen.load(name).record["data"]["path"] == str(clean)
    again = tfgen.load("memory")
    assert (again.path / again.record["data"]["file"]).exists() and again.generate("", n=1).records()
    # Statements are no samples of a run.
    with pytest.raises(UserError, match="is as it was"):
        tfgen.load("patients").forget(rows="gone.csv", search=[runs_folder() / "forgotten"])
    assert list((runs_folder() / "forgotten").glob("*.json"))


@pytest.mark.parametrize(
    "options, words",
    [
        ({}, "It isn't said what to forget"),
        ({"person": "ann"}, "too short"),
        ({"rows": "none.csv"}, "There is no 'none.csv'"),
        ({"person": "anna-k", "search": ["nowhere"]}, "'nowhere' is no folder"),
    ],
)
def test_bad_requests(gan_run, options, words):
    with pytest.raises(UserError, match=words):
        tfgen.load(gan_run.path).open_forgetting(**options)


# Every kind of data.


def parted(source, gone):
    """Takes an example out of a source, and writes it as a source of its own."""
    if source.is_dir():
        path = sorted(each for each in source.rglob("*") if each.is_file())[3]
        gone.joinpath(path.relative_to(source)).parent.mkdir(parents=True)
        shutil.move(path, gone / path.relative_to(source))
        return gone
    if source.suffix == ".npz":
        with np.load(source) as file:
            arrays = dict(file)
        count = len(arrays["images"])
        own = gone.with_suffix(".npz")
        for path, chosen in ((own, np.arange(count) == 7), (source, np.arange(count) != 7)):
            np.savez(path, **{name: each[chosen] if len(each) == count else each for name, each in arrays.items()})
        return own
    lines, own = source.read_text().splitlines(keepends=True), gone.with_suffix(source.suffix)
    heading = lines[:1] if source.suffix == ".csv" else []
    chosen = max(lines[1:200], key=len)
    if "user" in "".join(heading):
        user = chosen.split(",")[0]
        of_user = [line for line in lines if line.split(",")[0] == user]
    else:
        of_user = [line for line in lines if line == chosen]
    own.write_text("".join(heading + of_user))
    source.write_text("".join(line for line in lines if line not in of_user))
    return own


@pytest.mark.slow
@pytest.mark.parametrize("modality", [name for name in SOURCES if name not in ("table", "level")])
def test_an_example_of_every_kind_is_found_in_its_data_and_not_without(modality, sources, isolated, plain_steps):
    original = sources(modality)
    source, whole = isolated / original.name, isolated / f"whole{original.suffix}"
    for copy in (source, whole):
        (shutil.copytree if original.is_dir() else shutil.copy)(original, copy)
    model = MODALITIES.load(modality).usual_model()
    quick = {"gan": (*BARE_GAN, "network=dense", "width=2")}
    if SOURCES[modality].sequence_settings:
        quick["gpt"] = (*SOURCES[modality].sequence_settings, "layers=1")
    settings = parse_pairs(quick.get(model, ()))
    run = tfgen.fit(model, source, output="own", steps=3, size="tiny", **settings)
    gone = parted(source, isolated / "gone")
    with pytest.raises(UserError, match="still holds 1 of what"):
        run.open_forgetting(rows=gone, data=whole)
    opened = run.open_forgetting(rows=gone)
    assert opened.request.records.held_by(run, opened._examples, str(whole)) >= 1  # the data that it learned
    done = opened.carry_out()
    assert done.is_complete and done.searched["needles"] > 0 and done.records >= 1
    again = tfgen.load("own")
    assert again.record["data"]["fingerprint"] == done.data["after"] != done.data["before"]
    assert len(again.generate(SOURCES[modality].prompt if modality == "basket" else "", n=1)) == 1


# Looking for bytes.


def test_bytes_are_found_wherever_they_are(tmp_path):
    needle = b"a line that nobody else has"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "plain.txt").write_bytes(b"x" * (2**22 - 13) + needle)  # over the edge of a chunk
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", needle * 3)
    (tmp_path / "packed.zip").write_bytes(inner.getvalue())
    with zipfile.ZipFile(tmp_path / "nested.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("packed.zip", inner.getvalue())
    (tmp_path / "packed.gz").write_bytes(gzip.compress(needle))
    (tmp_path / "packed.tar.xz").write_bytes(lzma.compress(b"some.tar" + needle))
    np.savez_compressed(tmp_path / "arrays.npz", values=np.frombuffer(needle, np.uint8))
    (tmp_path / f"{needle.decode()}.empty").touch()
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04" + b"\xff" * 40)
    (tmp_path / "other.txt").write_text("a line that everybody has")
    found = search([needle, b"another one that is nowhere"], [], [tmp_path])
    names = {path.rpartition("/")[2] for path in found.found}
    assert names == {"plain.txt", "packed.zip", "nested.zip", "packed.gz", "packed.tar.xz", "arrays.npz",
                     f"{needle.decode()}.empty"}  # fmt: skip
    assert found.files == 9 and [path.rpartition("/")[2] for path in found.unread] == ["broken.zip"]
    assert present([needle, b"not there at all"], tmp_path) == {needle}
    whole_word = re.compile(rb"(?<!\w)line(?!\w)")
    assert search([], [whole_word], [tmp_path / "other.txt"]).found
    (tmp_path / "other.txt").write_text("lines align")
    assert not search([], [whole_word], [tmp_path / "other.txt"]).found


@pytest.mark.parametrize("size", [8, 9, 60])
def test_of_many_needles_each_is_found(size, tmp_path):
    generator = np.random.default_rng(size)
    content = generator.integers(97, 123, 200_000, np.uint8).tobytes()
    inside = [content[at : at + size] for at in range(0, 190_000, 997)]
    others = [generator.integers(65, 91, size, np.uint8).tobytes() for _ in range(5000)]
    (tmp_path / "content").write_bytes(content)
    assert present([*inside, *others], tmp_path) == set(inside)
