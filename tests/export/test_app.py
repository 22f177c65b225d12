"""The worked examples beside a TFLite file."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conformance.cases import learners_of
from tfgen import catalog
from tfgen.export import app

LEARNED = sorted({(name, modality) for name in ("arrays", "sequences") for modality, _ in learners_of(name)})


@pytest.mark.parametrize("representation, modality", LEARNED)
def test_an_installed_package_compiles_its_examples_and_exports_none_of_that(
    representation, modality, tmp_path, monkeypatch
):
    loaded = catalog.MODALITIES.load(modality)
    source = loaded.app_templates() or Path(app.__file__).with_name("templates") / representation
    installed = tmp_path / "templates" / representation
    shutil.copytree(source, installed)
    (installed / "__pycache__").mkdir(exist_ok=True)
    (installed / "__pycache__" / "example.cpython-311.pyc").write_bytes(b"\xa7\r\r\n")
    monkeypatch.setattr(app, "_TEMPLATES", installed.parent)
    monkeypatch.setattr(loaded, "of_codec", classmethod(lambda cls, codec: cls))
    monkeypatch.setattr(loaded, "app_templates", classmethod(lambda cls: None))
    monkeypatch.setattr(loaded, "app_words", classmethod(lambda cls, codec: {}))
    texts = [path.read_text(encoding="utf-8") for path in source.glob("*.*")]
    words = dict.fromkeys(re.findall(r"\$(\w+)", "".join(texts)), "1")
    exported = SimpleNamespace(
        run=SimpleNamespace(name="a run", record={"modality": modality}),
        codec=SimpleNamespace(representation=representation),
        companions=lambda: {"a.json": b"{}"}, words=lambda: words,
    )
    app.write_companions(exported, "a-run.tflite", tmp_path / "phone")
    written = sorted(path.name for path in (tmp_path / "phone").iterdir())
    assert written == sorted([*(path.name for path in source.glob("*.*")), "a.json"]) and "example.py" in written
    compile((tmp_path / "phone" / "example.py").read_text(encoding="utf-8"), "example.py", "exec")
