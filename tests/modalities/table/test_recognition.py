"""Tables are tables, and texts stay texts."""

import gzip
import json

import numpy as np
import pytest

from tests.modalities.image.conftest import noise, save
from tfgen.data import sources
from tfgen.modalities.base import Modality
from tfgen.modalities.image.modality import ImageModality
from tfgen.modalities.table.correction import SETTINGS
from tfgen.modalities.table.recognition import how_surely
from tfgen.modalities.text.modality import TextModality

TABLE = "age,city,smoker\n30,Ulm,yes\n40,Bonn,no\n50,Ulm,no\n60,Kiel,yes\n"
SENTENCE = "The food was good and the people were very kind to us, so we will come again"
REVIEWS = "stars,review\n" + "".join(f"{place % 5},{SENTENCE} {place}\n".replace(", ", " ") for place in range(20))


@pytest.mark.parametrize(
    "name, content, sure",
    [
        ("a.csv", TABLE, 2),
        ("a.tsv", TABLE.replace(",", "\t"), 2),
        ("a.csv", TABLE.replace(",", ";"), 2),
        ("a.csv.gz", gzip.compress(TABLE.encode(), mtime=0), 2),
        ("a.csv", TABLE.encode("utf-16"), 2),
        ("a.data", TABLE.partition("\n")[2], 2),
        ("a.txt", TABLE.replace(",", "\t"), 2),
        ("a.txt", TABLE, 0),
        ("a.txt", SENTENCE * 30, 0),
        ("a.txt", f"{SENTENCE}\n" * 30, 0),
        ("a.py", TABLE, 0),
        ("a.csv", "", 0),
        ("a.csv", b"\0\1\2" * 50, 0),
        ("a.csv", TABLE + "31\n" * 3, 2),
        ("a.csv", REVIEWS, 1),
        ("a.csv", "prompt,completion\nhi,there\nyes,no\n", 1),
        ("a.csv", "text\nA sentence of some words.\nAnother sentence of them.\n", 1),
        ("a.csv", "age\n30\n40\n50\n", 2),
        ("a.csv", "body,content\nblue,3\nred,4\nred,5\n", 2),
        ("a.jsonl", '{"age": 3, "city": "Ulm"}\n{"age": 4, "city": "Bonn"}\n', 2),
        ("a.jsonl", '{"text": "A sentence of some words."}\n{"text": "Another sentence of them."}\n', 1),
        ("a.jsonl", '{"messages": [{"role": "user", "content": "hi"}]}\n', 1),
        ("a.jsonl", '{"prompt": "a", "completion": "b"}\n', 1),
        ("a.json", json.dumps([{"age": 3, "city": "Ulm"}, {"age": 4, "city": "Bonn"}]), 2),
        ("a.json", json.dumps({"setting": 3}), 0),
        ("a.jsonl", '{"text": 5}\n{"text": 6}\n', 1),
        ("a.jsonl", '{"tale": "x", "id": 1}\n', 1),
        ("a.tsv", "id\twhatever\n" + "".join(f"{place}\t{SENTENCE}, {place}, and so on\n" for place in range(9)), 1),
        ("a.arff", "@relation x\n@attribute a numeric\n@data\n1\n", 2),
    ],
)
def test_files(write, name, content, sure):
    assert how_surely(write(name, content)) == sure


def test_folders(write, tmp_path):
    write("tables/a.csv", TABLE)
    write("tables/b.csv", TABLE)
    write("tables/README.md", "of the tables")
    write("tables/a.csv.json", "{}")
    assert how_surely(tmp_path / "tables") == 2
    write("captions/captions.csv", "file,caption\na.png,a cat\n")
    write("captions/a.png", b"\x89PNG")
    assert how_surely(tmp_path / "captions") == 0
    write("texts/a.txt", SENTENCE)
    write("texts/a.csv", TABLE)
    assert how_surely(tmp_path / "texts") == 0
    write("parts/a.data", TABLE)
    write("parts/a.test", TABLE)
    assert how_surely(tmp_path / "parts") == 1
    (tmp_path / "none").mkdir()
    assert how_surely(tmp_path / "none") == 0


def test_memory():
    pa = pytest.importorskip("pyarrow")
    assert how_surely({"a": [1, 2], "b": ["x", "y"]}) == 2 and how_surely(pa.table({"a": [1]})) == 2
    assert how_surely(np.zeros(3, [("a", "i4")])) == 2
    assert how_surely(np.zeros((3, 8, 8))) == 0 and how_surely(["a", "b"]) == 0 and how_surely({}) == 0


@pytest.mark.parametrize("name, content", [("a.csv", TABLE), ("a.csv", REVIEWS), ("a.jsonl", '{"text": "x y"}\n')])
def test_texts_are_recognised_as_before(write, name, content):
    assert TextModality.recognises(write(name, content)) == 1


@pytest.fixture
def tables(monkeypatch):
    """Tables as a modality of the catalog's end, beside pictures and texts."""

    class Tables(Modality):
        name, singular, plural, representations = "table", "table", "tables", ("arrays", "sequences")
        settings = SETTINGS
        recognises = staticmethod(how_surely)

    class Modalities:
        def all(self):
            return [ImageModality, TextModality, Tables]

    monkeypatch.setattr(sources, "MODALITIES", Modalities())
    return Tables


def test_who_reads_what(write, tmp_path, tables):
    table, texts = write("a.csv", TABLE), write("b.csv", REVIEWS)
    assert sources.modality_of(str(table)) is tables and sources.modality_of(str(table), "sequences") is tables
    assert sources.modality_of(str(texts)) is TextModality
    assert sources.modality_of(str(texts), "arrays") is tables, "where somebody wants what texts haven't"
    assert sources.modality_of(str(table), None, ["text", "holdout"]) is TextModality, "its column was named"
    assert sources.modality_of(str(texts), None, ["group"]) is tables
    assert sources.modality_of(str(table), None, ["no such setting"]) is tables
    write("both/a.csv", TABLE)
    write("both/README.md", "of the table")
    assert sources.modality_of(str(tmp_path / "both"), None, ["holdout"]) is tables, "not its README"
    write("pictures/captions.csv", "file,caption\na.png,a cat\n")
    save(tmp_path / "pictures" / "a.png", noise(0))
    assert sources.modality_of(str(tmp_path / "pictures")) is ImageModality
    write("gone/a.txt", SENTENCE)
    write("gone/a.csv", TABLE)
    assert sources.modality_of(str(tmp_path / "gone")) is TextModality


def test_real_tables_and_texts(real):
    for name in ("adult/adult.data", "insurance/insurance.csv", "diabetes130/diabetic_data.csv.gz", "insurance",
                 "messy_csv/btw17_kerg.csv", "messy_csv/StarWars.csv", "messy_csv/bachelorette.csv"):  # fmt: skip
        assert how_surely(real(name)) == 2, name
    for name in ("fashion_mnist", "tinyshakespeare", "state_union", "fsdd"):
        assert how_surely(real(name)) == 0, name
