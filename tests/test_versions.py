"""Versions of a run: each stage takes one by name, none is changed, and what can't be is said in a sentence."""

import json
import shutil

import numpy as np
import pytest

from tfgen import versions
from tfgen.api import load
from tfgen.errors import UserError


@pytest.fixture
def run(gan_run, tmp_path, monkeypatch):
    """A run of the test's own, with a version whose noise is pulled to one place."""
    monkeypatch.setenv("TFGEN_RUNS", str(tmp_path / "runs"))
    shutil.copytree(gan_run.path, tmp_path / "runs" / "small")
    run = load("small")
    create(run, "pulled", 0.1)
    return run


def create(run, name, scale):
    dim, words = run.record["config"]["latent_dim"], run.vocabulary().table().shape[1]
    arrays = {
        "words": np.zeros([1, words], np.int32),
        "mean": np.zeros([1, dim], np.float32),
        "scale": np.full([1, dim], scale, np.float32),
    }
    return versions.create(run, name, arrays, {"kind": "preset"})


def spread(run):
    return float(np.asarray(run.generate("three", n=16)).std(axis=0).mean())


def test_a_version_is_named_in_every_place_and_the_base_stays(command, run, isolated):
    base = np.asarray(run.generate("three", n=16))
    assert spread(load("small@pulled")) < 0.7 * spread(run)
    assert np.array_equal(load("small@base").generate("three", n=16), base)
    run.generate("three", n=1).save("base.npz")
    versions.use(run, "pulled")
    in_use = load("small")
    assert in_use.title == "small@pulled" and spread(in_use) < 0.7 * base.std(axis=0).mean()
    assert np.array_equal(load("small@base").generate("three", n=16), base)
    samples = in_use.generate("three", n=2)
    (identity,) = {each.version for each in samples.records()}
    assert identity.startswith("pulled:") and versions.by_identity(run)[identity] == "pulled"
    samples.save("made")
    facts = [in_use_modality(in_use).read_metadata(path) for path in (isolated / "made").iterdir()]
    assert {each["version"] for each in facts} == {identity}
    shown = json.loads(command("runs", "show", "small", "--json").stdout)
    assert [(each["name"], each["in_use"]) for each in shown["versions"]] == [("pulled", True)]
    assert command("runs", "revert", "small").exit_code == 0
    assert np.array_equal(load("small").generate("three", n=16), base)


def in_use_modality(run):
    from tfgen.catalog import MODALITIES

    return MODALITIES.load(run.record["modality"])


def test_removing_a_version_leaves_the_run(command, run):
    create(run, "other", 0.5)
    versions.use(run, "other")
    refused = command("runs", "remove", "small@other", "--yes")
    assert refused.exit_code == 2 and "is in use" in refused.stderr
    assert command("runs", "remove", "small@base", "--yes").exit_code == 2
    assert command("runs", "remove", "small@pulled", "--yes").exit_code == 0
    assert load("small").version_names == ["other"] and load("small").title == "small@other"


def test_what_can_not_be(run):
    for name, what in (("small@puled", "Did you mean 'pulled'"), ("nothing@v1", "There is no run 'nothing'")):
        with pytest.raises(UserError, match=what):
            load(name)
    with pytest.raises(UserError, match="has a version 'pulled' already"):
        create(run, "pulled", 0.2)
    for name in ("base", "a/b", "", ".."):
        with pytest.raises(UserError, match="can't be the name|what the fit ended with"):
            create(run, name, 0.2)
    assert run.version_names == ["pulled"]


def test_a_damaged_version_and_one_of_other_weights(run):
    version = versions.find(run, "pulled")
    record = json.loads((version.path / "version.json").read_text())
    (version.path / "version.json").write_text(json.dumps({**record, "checkpoint": "another.npz"}))
    with pytest.raises(UserError, match="fitted further"):
        load("small@pulled").generate("three", n=1)
    with pytest.raises(UserError, match="fitted further"):
        versions.use(run, "pulled")
    (version.path / "version.json").write_text(json.dumps(record))
    content = bytearray((version.path / "arrays.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (version.path / "arrays.npz").write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        load("small@pulled").generate("three", n=1)
    (version.path / "version.json").write_text(json.dumps({**record, "format": 99}))
    with pytest.raises(UserError, match="newer tfgen"):
        versions.find(run, "pulled")
    assert versions.every(run) == []
