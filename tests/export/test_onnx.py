"""ONNX files answer as the model does, in ONNX Runtime without tfgen and TensorFlow."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfgen.errors import UserError
from tfgen.export.request import ExportRequest
from tfgen.export.stage import export
from tfgen.restore import load_model

pytest.importorskip("onnxruntime", reason="ONNX needs the extra [onnx]")


def published(folder, run):
    return folder / "onnx" / run.name / "1"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fitted_export(fitted, tmp_path_factory):
    """A tiny fitted run of each model of pictures, exported; the folder, and what was published."""
    folder = tmp_path_factory.mktemp("onnx")
    return fitted, folder, export(fitted, ExportRequest(("onnx",), output=folder))


def test_every_file_is_published_with_its_proof(fitted_export):
    run, folder, artefacts = fitted_export
    names = [each.path.name for each in artefacts]
    expected = ["decode"] if run.record["model"] == "gan" else ["decode", "encode", "reconstruct"]
    assert names == [f"{run.name}-{name}.onnx" for name in expected]
    files = {path.name for path in published(folder, run).iterdir()}
    assert {*names, "tfgen.json", "vocabulary.json"} <= files
    for each in artefacts:
        assert not each.proof.failures() and each.size > 1000
    card = json.loads((published(folder, run) / "tfgen.json").read_text(encoding="utf-8"))
    assert set(card["signatures"]) == set(expected)


def test_another_process_gets_the_models_pictures(fitted_export, isolated):
    run, folder, _ = fitted_export
    latents = np.random.default_rng(0).standard_normal([5, run.record["config"]["latent_dim"]]).astype(np.float32)
    ids = np.tile(run.vocabulary().ids("seven"), [5, 1])
    np.savez("given.npz", z=latents, prompt=ids)
    code = (
        "import sys; sys.modules.update(tfgen=None, tensorflow=None)\n"
        "import numpy as np, onnxruntime\n"
        f"session = onnxruntime.InferenceSession({str(published(folder, run) / f'{run.name}-decode.onnx')!r})\n"
        "given = np.load('given.npz')\n"
        "(images,) = session.run(['images'], {name: given[name] for name in given.files})\n"
        "np.save('images.npy', images)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    model = load_model(run)
    expected = (model.decode(tf.constant(latents), tf.constant(ids, tf.int32)).numpy() + 1) / 2
    assert np.abs(np.load("images.npy") - expected).max() < 1e-4


def test_a_model_of_rows_says_how_likely_they_are(fit_once, narrow_table, tmp_path):
    run = fit_once("gpt", 40, data=narrow_table)
    artefacts = export(run, ExportRequest(("onnx",), output=tmp_path))
    assert [each.path.name for each in artefacts] == [f"{run.name}-log_prob.onnx"] and not artefacts[0].proof.failures()
    card = json.loads((published(tmp_path, run) / "tfgen.json").read_text(encoding="utf-8"))
    assert set(card["signatures"]) == {"log_prob"} and card["sample"] is None


def test_what_draws_by_a_seed_is_refused(gpt_run, tmp_path):
    with pytest.raises(UserError, match=f"All that '{gpt_run.name}' can do draws by a seed"):
        export(gpt_run, ExportRequest(("onnx",), output=tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"]


def test_without_the_extra_it_says_what_to_do(gan_run, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    without = lambda name, *rest: None if name == "tf2onnx" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(UserError, match=r"ONNX needs tf2onnx. Use: pip install 'tfgen\[onnx\]'"):
        export(gan_run, ExportRequest(("onnx",), output=tmp_path / "out"))
