"""Shards hold what `generate` makes, whole or not at all, are made once, and are marked; with Beam and without."""

import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import tfgen
from tests.conftest import tfgen_arguments, tfgen_environment
from tests.sources import SOURCES
from tfgen.errors import Failure, UserError
from tfgen.generate import Request, bulk
from tfgen.generate.bulk import Bulk, generate_shards, open_bulk
from tfgen.restore import keeping_models

IN_PROCESS = "FnApiRunner"  # Beam's local runner with its worker in this process


class Here:
    """A cluster that is this thread, without Beam."""

    def run(self, work, subject, numbers):
        for number in numbers:
            bulk.write_shard(subject, number)


def made(run, folder, prompt="", n=40, seed=3, size=16, shard_format=None, signed=True, **options):
    request = Request(prompt, n, seed, Path(folder), options, signed=signed)
    return generate_shards(open_bulk(run, request, shard_format, size), Here())


@pytest.fixture(scope="module")
def table_run(fit_once):
    return fit_once("gpt", SOURCES["table"].row_steps, modality="table")


@pytest.fixture(scope="module")
def basket_run(fit_once):
    return fit_once("vae", SOURCES["basket"].set_steps, modality="basket")


@pytest.fixture(scope="module", autouse=True)
def models_stay_loaded(gan_run, gpt_run, table_run, basket_run):
    """Tracing one takes longer than all that is made here."""
    with keeping_models():
        yield


@pytest.fixture(scope="module")
def sevens(gan_run, tmp_path_factory):
    """Forty pictures in three shards. Don't change them."""
    return made(gan_run, tmp_path_factory.mktemp("sevens"), "seven")


def contents(shards):
    """What a tar's members are, by name, over all shards."""
    found = {}
    for path in shards.files:
        with tarfile.open(path) as tar:
            found |= {member.name: tar.extractfile(member).read() for member in tar}
    return found


def features(shards):
    """The examples of TFRecords, each a dict of its features' lists."""
    for record in tf.data.TFRecordDataset([str(path) for path in shards.files]).as_numpy_iterator():
        example = tf.train.Example.FromString(record).features.feature
        yield {name: list(getattr(each, each.WhichOneof("kind")).value) for name, each in example.items()}


# The same samples.


def test_pictures_in_a_tar_are_those_of_generate(gan_run, sevens):
    members = contents(sevens)
    pixels = [np.asarray(Image.open(io.BytesIO(members[f"{seed:010d}.png"]))) for seed in range(3, 43)]
    assert np.array_equal(np.stack(pixels)[..., None], gan_run.generate("seven", 40, seed=3).values)
    assert json.loads(members["0000000042.json"]) == {"prompt": "seven", "seed": 42} and len(members) == 80


def test_prompts_that_were_drawn_stand_beside_their_pictures(gan_run, tmp_path):
    shards, samples = made(gan_run, tmp_path / "out", seed=-5, n=20), gan_run.generate("", 20, seed=-5)
    said = [json.loads(content) for name, content in contents(shards).items() if name.endswith(".json")]
    assert [each["prompt"] for each in said] == samples.prompts and [each["seed"] for each in said] == samples.seeds


def test_rows_are_those_of_generate(table_run, tmp_path):
    shards = made(table_run, tmp_path / "out", "smoker=yes", n=300, size=128)
    table_run.generate("smoker=yes", 300, seed=3).save(tmp_path / "rows.parquet")
    together = pa.concat_tables([parquet.read_table(path) for path in shards.files])
    assert together.equals(parquet.read_table(tmp_path / "rows.parquet"))


@pytest.mark.parametrize("name, prompt, options", [("gpt_run", "KING", {"length": 12}), ("basket_run", "",
                                                                                         {"baskets": True})])
def test_lines_are_those_of_generate(name, prompt, options, tmp_path, request):
    run = request.getfixturevalue(name)
    shards = made(run, tmp_path / "out", prompt, n=16, size=8, **options)
    run.generate(prompt, 16, seed=3, **options).save(tmp_path / "all.jsonl")
    assert b"".join(path.read_bytes() for path in shards.files) == (tmp_path / "all.jsonl").read_bytes()


def test_tfrecords_hold_the_same(gan_run, table_run, gpt_run, basket_run, tmp_path):
    shards = made(gan_run, tmp_path / "pictures", "seven", shard_format="tfrecord")
    pixels = [tf.io.decode_png(each["png"][0]).numpy() for each in features(shards)]
    assert np.array_equal(np.stack(pixels), gan_run.generate("seven", 40, seed=3).values)
    texts = features(made(gpt_run, tmp_path / "texts", "KING", n=8, shard_format="tfrecord", length=12))
    assert [each["text"][0].decode() for each in texts] == list(gpt_run.generate("KING", 8, seed=3, length=12))
    baskets = features(made(basket_run, tmp_path / "baskets", n=5, shard_format="tfrecord", baskets=True))
    invented = basket_run.generate("", 5, seed=3, baskets=True)
    assert [[item.decode() for item in each.get("items", [])] for each in baskets] == list(invented)
    rows = list(features(made(table_run, tmp_path / "rows", n=50, shard_format="tfrecord")))
    columns = table_run.generate("", 50, seed=3).to_dict()
    assert [each["age"][0] for each in rows] == columns["age"]
    assert np.allclose([each["charges"][0] for each in rows], columns["charges"], rtol=1e-6)  # numbers are float32
    assert {type(each) for name in columns for row in rows for each in row[name]} == {int, float, bytes}


@given(first=st.integers(-(2**31), 2**31 - 1), size=st.integers(1, 2**20), data=st.data())
def test_shards_have_all_seeds_once(first, size, data):
    count = data.draw(st.integers(1, min(40 * size, 2**31 - first)))
    made = Bulk("runs/a@base", "a", "base", "", Request("", count, first), "wds", size)
    ranges = [made.seeds(place) for place in range(made.count)]
    ends = [start + some for start, some in ranges]
    assert [start for start, _ in ranges] == [first, *ends[:-1]] and ends[-1] == first + count
    assert all(0 < some <= size for _, some in ranges)


# Made once, and whole.


def test_the_manifest_names_every_shard_and_its_hash(sevens):
    manifest = json.loads((sevens.folder / "manifest.json").read_text())
    for shard in manifest["shards"]:
        content = (sevens.folder / shard["name"]).read_bytes()
        assert (shard["sha256"], shard["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert [shard["seeds"] for shard in manifest["shards"]] == [[3, 18], [19, 34], [35, 42]]
    visible = {path.name for path in sevens.folder.glob("[!.]*") if path.suffix != ".c2pa"}
    assert visible == {"manifest.json", *(path.name for path in sevens.files)}
    assert str(sevens) == f"40 samples in 3 shards, {sevens.folder}" and not (sevens.folder / ".done").exists()


def test_only_what_is_missing_is_made_and_is_the_same(gan_run, tmp_path):
    first = made(gan_run, tmp_path / "out", "seven")
    lost, cut, whole = first.files
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    before = whole.stat().st_mtime_ns
    assert made(gan_run, tmp_path / "out", "seven") == first
    for path, shard in zip(first.files, first.shards, strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == shard["sha256"]
    assert whole.stat().st_mtime_ns == before


def test_a_failure_in_the_middle_keeps_what_is_done(gan_run, sevens, tmp_path, monkeypatch):
    write, calls = bulk.write_shard, []

    def fails_once(job, place):
        calls.append(place)
        if calls == [0, 1]:
            raise OSError("No space left on device")
        write(job, place)

    monkeypatch.setattr(bulk, "write_shard", fails_once)
    with pytest.raises(OSError):
        made(gan_run, tmp_path / "out", "seven")
    done = made(gan_run, tmp_path / "out", "seven")
    assert calls == [0, 1, 1, 2] and done.shards == sevens.shards
    assert done.files[0].read_bytes() == sevens.files[0].read_bytes()


def test_what_ends_behind_the_last_shard_loses_no_manifest(gan_run, sevens, tmp_path, monkeypatch):
    shards_there = bulk._shards_there

    def ends_once_all_are_there(job):
        there = shards_there(job)
        if len(there) == job.count:
            raise KeyboardInterrupt
        return there

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bulk, "_shards_there", ends_once_all_are_there)
        made(gan_run, tmp_path / "out", "seven")
    done = made(gan_run, tmp_path / "out", "seven")
    assert done.shards == sevens.shards and (tmp_path / "out" / "manifest.json.c2pa").exists()
    assert made(gan_run, tmp_path / "out", "seven").shards == sevens.shards
    assert not (tmp_path / "out" / ".done").exists()


def test_a_damaged_checkpoint_makes_no_shards_of_an_older_one(gan_run, tmp_path):
    run = shutil.copytree(gan_run.path, tmp_path / "run")
    newest = max((run / "checkpoints").glob("*.npz"))
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.raises(Failure, match=f"The checkpoint {newest.name} is damaged"):
        made(tfgen.load(run), tmp_path / "out", "seven")
    assert not list((tmp_path / "out").glob("*.tar"))


@pytest.mark.parametrize(
    "changed",
    [{"prompt": "two"}, {"seed": 4}, {"n": 41}, {"size": 8}, {"shard_format": "tfrecord"}, {"signed": False},
     {"truncation": 0.5}],
    ids=lambda changed: next(iter(changed)),
)
def test_another_bulk_is_refused_in_the_same_folder(gan_run, sevens, changed):
    with pytest.raises(UserError, match="holds shards of other arguments: "):
        made(gan_run, sevens.folder, **{"prompt": "seven", **changed})
    assert len(list(sevens.folder.glob("*.tar"))) == 3


def test_a_folder_of_something_else_is_refused(gan_run, tmp_path):
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        made(gan_run, tmp_path)
    with pytest.raises(UserError, match="is a file"):
        made(gan_run, tmp_path / "own.txt")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        made(gan_run, tmp_path / "out")


def test_other_weights_make_no_shard_of_a_bulk(gan_run, tmp_path):
    job = open_bulk(gan_run, Request("", 8, 0, tmp_path / "out"))
    with pytest.raises(Failure, match="other weights"):
        generate_shards(replace(job, weights="0" * 32), Here())
    assert not list((tmp_path / "out").glob("*.tar"))


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("gan_run", {"reject": 0.5}, "'--reject' doesn't go with shards"),
        ("gan_run", {"shard_format": "parquet"}, "No format of shards of pictures named 'parquet'"),
        ("gan_run", {"size": 0}, "can't be cut into shards of 0"),
        ("gan_run", {"n": 0}, "0 samples can't be made"),
        ("gan_run", {"n": 2**32 + 1}, "There are only 4294967296 seeds"),
        ("gan_run", {"n": 10**9, "seed": 2**31 - 10**6}, "is out of range"),
        ("gan_run", {"prompt": "sevn"}, "Did you mean 'seven'"),
        ("gpt_run", {"beams": 50}, "'--beams' doesn't go with shards"),
        ("gpt_run", {"temperature": 0}, "At temperature 0 every seed gives the same"),
        ("basket_run", {}, "Add --baskets"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_can_not_be_in_shards_is_refused(name, options, words, tmp_path, request):
    with pytest.raises(UserError) as refused:
        made(request.getfixturevalue(name), tmp_path / "out", **options)
    assert words in str(refused.value) and not (tmp_path / "out").exists()


def test_a_billion_samples_can_be_asked_for(gan_run, tmp_path):
    job = open_bulk(gan_run, Request("", 10**9, -(2**31), tmp_path / "out"), None, 10**5)
    assert job.count == 10**4 and job.seeds(9999) == (10**9 - 10**5 - 2**31, 10**5)
    assert open_bulk(gan_run, Request("", 10**9, -(2**31), tmp_path / "out")).count <= 10**5, "shards grow"


# Marks.


def test_shards_and_the_manifest_are_signed(sevens):
    found = [tfgen.verify(path) for path in (*sevens.files, sevens.folder / "manifest.json")]
    assert [(each.state, each.claims) for each in found] == [("own", "generated")] * 4
    assert [each.made_by["seed"] for each in found] == ["3 to 18", "19 to 34", "35 to 42", "3 to 42"]


def test_a_picture_of_a_shard_says_where_its_mark_is(gan_run, sevens, tmp_path):
    (tmp_path / "one.png").write_bytes(contents(sevens)["0000000007.png"])
    found = tfgen.verify(tmp_path / "one.png")
    assert found.state == "unmarked" and found.made_by == {"run": gan_run.name, "prompt": "seven", "seed": "7"}
    assert found.reason == "it was made in a shard, and its mark is the shard's"


def test_without_marks(gan_run, tmp_path):
    shards = made(gan_run, tmp_path / "out", n=4, signed=False)
    assert not list(shards.folder.glob("*.c2pa")) and tfgen.verify(shards.files[0]).state == "unmarked"


# Beam.


def test_beam_makes_the_same_bytes(gan_run, sevens, command, isolated):
    pytest.importorskip("apache_beam")
    how = ("-n", 40, "--seed", 3, "--shard-size", 16, "--beam", "--runner", IN_PROCESS, "-o", "out")
    result = command("generate", gan_run.path, "seven", *how)
    assert f"Wrote 40 samples in 3 shards, {isolated / 'out'}" in result.stderr
    names = sorted(path.name for path in isolated.glob("out/*.tar"))
    assert names == [path.name for path in sevens.files]
    assert [(isolated / "out" / path.name).read_bytes() for path in sevens.files] == [
        path.read_bytes() for path in sevens.files
    ]
    times = [(isolated / "out" / name).stat().st_mtime_ns for name in names]
    again = gan_run.generate_shards("out", "seven", n=40, seed=3, shard_size=16, runner=IN_PROCESS)
    assert again.shards == sevens.shards, "the Python door finds all of it there"
    assert [path.stat().st_mtime_ns for path in again.files] == times
    assert np.array_equal(gan_run.generate("seven", 2, seed=3), gan_run.generate("seven", 2, seed=3)), "as before"


def test_what_a_worker_says_is_a_sentence(gan_run, tmp_path):
    pytest.importorskip("apache_beam")
    from tfgen.generate.pipeline import Cluster

    job = replace(open_bulk(gan_run, Request("", 8, 0, tmp_path / "out")), weights="0" * 32)
    with pytest.raises(Failure) as failed:
        generate_shards(job, Cluster(IN_PROCESS))
    assert str(failed.value).startswith(f"The runner failed: '{gan_run.name}' has other weights now")


def test_runners_and_their_options_are_checked(gan_run, command, isolated):
    pytest.importorskip("apache_beam")
    for more, words in (
        (["--runner", "FlinkRuner"], "The runner 'FlinkRuner' can't be used"),
        (["--runner-option", "direct_num_worker=2"], "Did you mean 'direct_num_workers'?"),
    ):
        result = command("generate", gan_run.path, "-n", 4, "--beam", "-o", "out", *more)
        assert result.exit_code == 2 and words in result.stderr and not (isolated / "out").exists()


def test_without_beam_a_sentence_says_what_to_install(gan_run, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "apache_beam.options.pipeline_options", raising=False)
    result = command("generate", gan_run.path, "-n", 4, "--beam", "-o", "out")
    assert result.exit_code == 2 and 'pip install "tfgen[beam]"' in result.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--beam", "-n", 4], "Shards need a folder. Name it with -o."),
        (["--beam", "-o", "out"], "Say it with -n."),
        (["--beam", "-o", "out", "-n", 4, "--best-of", 2], "'--best-of' doesn't go with --beam."),
        (["--format", "wds"], "'--format' doesn't go with samples that aren't in shards."),
        (["--template", "--beam", "-n", 4, "-o", "out", "{seven|two}"], "only one can be made at a time here"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_the_command_refuses_with_a_sentence(gan_run, command, arguments, words):
    result = command("generate", gan_run.path, *arguments)
    assert result.exit_code == 2 and words in result.stderr, result.stderr


@pytest.mark.slow
def test_a_killed_command_goes_on_to_the_same_bytes(gan_run, isolated):
    """Two processes, killed when two shards are there; what it had begun is neither half there nor in the way."""
    pytest.importorskip("apache_beam")
    words = ("generate", gan_run.path, "-n", 6400, "--shard-size", 160, "--beam", "-o")
    expected = made(gan_run, isolated / "expected", n=6400, seed=0, size=160)
    process = subprocess.Popen(tfgen_arguments(*words, "out"), env=tfgen_environment(), stderr=subprocess.DEVNULL)
    while len(list((isolated / "out").glob("*.tar"))) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(list((isolated / "out").glob("*.tar")))
    # And a folder beside it, such as a checkout, is not taken for the package, by workers neither.
    (isolated / "tfgen").mkdir()
    (isolated / "tfgen" / "__init__.py").write_text("raise ImportError('another tfgen')")
    python, *rest = tfgen_arguments(*words, "out")
    again = subprocess.run([python, "-P", *rest], env=tfgen_environment(), capture_output=True, text=True)
    assert again.returncode == 0 and there < expected.shards[-1]["samples"], again.stderr
    assert "Wrote 6400 samples in 40 shards" in again.stderr
    manifest = json.loads((isolated / "out" / "manifest.json").read_text())
    assert manifest["shards"] == list(expected.shards)
    for path in expected.files:
        assert (isolated / "out" / path.name).read_bytes() == path.read_bytes()
    assert not list((isolated / "out").glob(".*.tmp"))
