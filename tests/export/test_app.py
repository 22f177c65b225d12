"""The worked examples beside a TFLite file."""

import re
import shutil
from types import SimpleNamespace

import pytest

from tfgen import catalog
from tfgen.export import app


@pytest.mark.parametrize("modality", list(catalog.MODALITIES))
def test_an_installed_package_compiles_its_examples_and_exports_none_of_that(modality, tmp_path, monkeypatch):
    installed = tmp_path / "templates"
    shutil.copytree(app.TEMPLATES, installed)
    (installed / modality / "__pycache__").mkdir(exist_ok=True)
    (installed / modality / "__pycache__" / "example.cpython-311.pyc").write_bytes(b"\xa7\r\r\n")
    monkeypatch.setattr(app, "TEMPLATES", installed)
    texts = [path.read_text(encoding="utf-8") for path in (installed / modality).glob("*.*")]
    words = dict.fromkeys(re.findall(r"\$(\w+)", "".join(texts)), "1")
    surface = SimpleNamespace(
        run=SimpleNamespace(name="a run", record={"modality": modality}),
        companions=lambda: {"a.json": b"{}"}, words=lambda: words,
    )
    app.write_companions(surface, "a-run.tflite", tmp_path / "phone")
    assert sorted(path.name for path in (tmp_path / "phone").iterdir()) == [
        "Example.kt", "Example.swift", "a.json", "example.py"
    ]
    compile((tmp_path / "phone" / "example.py").read_text(encoding="utf-8"), "example.py", "exec")
