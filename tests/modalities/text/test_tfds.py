"""Text sets of TensorFlow Datasets: a real one from a laid-out cache, and which feature is the text."""

import pytest

from tests.modalities.image.conftest import real_data, texts_of
from tests.modalities.tfds_cache import define, lay_out
from tfgen.data import open_data
from tfgen.errors import UserError


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    """A TFDS folder of the test's own."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


def test_a_set_from_the_download_cache(data_dir, capsys):
    lay_out(data_dir, "tiny_shakespeare", real_data("tinyshakespeare"))
    text = (real_data("tinyshakespeare") / "input.txt").read_text()
    examples = open_data("tfds:tiny_shakespeare")
    (start,), (rest,) = texts_of(examples), texts_of(examples, "held-out")
    assert text.startswith(start + rest) and len(start + rest) == int(len(text) * 0.9)
    assert (examples.modality, examples.name, examples.kind) == ("text", "tiny-shakespeare", "text")
    assert open_data("tfds:tiny_shakespeare@test").fingerprint != examples.fingerprint
    assert open_data("tfds:tiny_shakespeare").fingerprint == examples.fingerprint
    assert capsys.readouterr().out == ""


def test_which_feature_is_the_text():
    import numpy as np
    import tensorflow_datasets as tfds

    text, number = tfds.features.Text(), tfds.features.Scalar(np.int64)
    rows = [{"text": f"{place} A fox crossed the river.", "title": f"t{place}", "stars": 3} for place in range(30)]
    define("FoxTales", {"title": text, "text": text, "stars": number}, rows)
    examples = open_data("tfds:fox_tales", holdout=0)
    found = sorted(texts_of(examples))
    assert found == sorted(row["text"] for row in rows)
    words = [{"words": f"{place} nobody saw it, nobody asked" if place else "", "stars": 3} for place in range(30)]
    define("PlainWords", {"words": tfds.features.Tensor(shape=(), dtype=np.str_), "stars": number}, words)
    report = open_data("tfds:plain_words").report
    assert (report.found, report.used) == (30, 29) and "1 of the texts" in report.notes[0]
    define("TwoTexts", {"question": text, "answer": text}, [{"question": "a", "answer": "b"}])
    with pytest.raises(UserError, match="no texts .* that tfgen can tell, but (question, answer|answer, question)"):
        open_data("tfds:two_texts")
