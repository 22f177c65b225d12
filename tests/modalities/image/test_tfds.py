"""`tfds:` sources: a real set from a laid-out cache, and what goes wrong."""

import gzip
import json
import re

import numpy as np
import pytest

from tests.conftest import run_tfgen
from tests.modalities.image.conftest import lopsided, real_data
from tests.modalities.tfds_cache import lay_out
from tfgen.data import open_data
from tfgen.errors import Failure, UserError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A TFDS folder in which Fashion-MNIST can be prepared without a network."""
    folder = tmp_path_factory.mktemp("tfds")
    lay_out(folder, "fashion_mnist", real_data("fashion_mnist"))
    return folder


@pytest.fixture(autouse=True)
def tfds_folder(data_dir, monkeypatch):
    """Its set has fewer pictures: to prepare all 70,000 takes a minute."""
    from tensorflow_datasets.image_classification import mnist

    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    monkeypatch.setattr(mnist, "_TRAIN_EXAMPLES", 100)
    monkeypatch.setattr(mnist, "_TEST_EXAMPLES", 1000)


def test_a_set_from_the_download_cache(capsys):
    examples = open_data("tfds:fashion_mnist@test")
    assert examples.values.shape == (1000, 28, 28, 1) and examples.name == "fashion-mnist"
    assert examples.prompts[9] == "Ankle boot" and examples.prompt_kind == "labels"
    raw = gzip.decompress((real_data("fashion_mnist") / "t10k-images-idx3-ubyte.gz").read_bytes())
    original = np.frombuffer(raw, np.uint8, offset=16).reshape(10000, 28, 28, 1)
    assert sorted(map(bytes, examples.values[:])) == sorted(map(bytes, original[:1000]))
    assert capsys.readouterr().out == ""
    again = open_data("tfds:fashion_mnist:3.0.1@test[:100]", size="16", channels=3)
    assert again.values.shape == (100, 16, 16, 3)
    assert np.array_equal(again.prompt_index, examples.prompt_index[:100])


def test_the_command_line_prints_what_was_seen_and_nothing_else(data_dir):
    """Of pictures that are prepared already, and of a text that is not."""
    assert open_data("tfds:fashion_mnist@test").report.used == 1000
    lay_out(data_dir, "tiny_shakespeare", real_data("tinyshakespeare"))
    for source, seen in (("fashion_mnist@test", {"count": 1000}), ("tiny_shakespeare", {"modality": "text"})):
        said = run_tfgen("data", f"tfds:{source}", "--json")
        assert said.returncode == 0, said.stderr
        found = json.loads(said.stdout)
        assert {**found, **seen} == found
        noise = [line for line in said.stderr.splitlines() if re.search(r"WARN|^[WIEF]\d{4}|cuda|oneDNN", line)]
        assert noise == []


def test_pictures_of_different_sizes_and_labels_that_are_missing():
    import tensorflow_datasets as tfds

    pictures = [lopsided(24, 40), lopsided(48, 80), lopsided(24, 40)]

    class UnevenPictures(tfds.core.GeneratorBasedBuilder):
        """A small set whose pictures differ in size."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"picture": tfds.features.Image(), "sort": tfds.features.ClassLabel(names=["b", "a"])}
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

        def _split_generators(self, manager):
            return {"everything": self._generate_examples()}

        def _generate_examples(self):
            for number, picture in enumerate(pictures):
                yield number, {"picture": picture, "sort": number - 1}

    examples = open_data("tfds:uneven_pictures")
    assert examples.values.shape == (3, 24, 40, 3) and "differ in size" in examples.report.notes[0]
    centres = np.ix_([6, 18], [10, 30])
    assert all(np.abs(value[centres].astype(int) - lopsided()[centres]).max() <= 3 for value in examples.values)
    assert examples.prompts == ["", "a", "b"] and sorted(examples.prompt_index) == [0, 1, 2]


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("tfds:fashion_mnits", UserError, "fashion_mnist"),
        ("tfds:fashion_mnist@trian", UserError, "train"),
        ("tfds:fashion_mnist:0.0.7", UserError, "version"),
        ("tfds:iris", UserError, "no pictures and no text"),
        ("tfds:", UserError, "name"),
    ],
)
def test_mistakes(source, kind, words):
    with pytest.raises(kind, match=words):
        open_data(source)


def test_no_network_is_said_at_once(monkeypatch):
    import socket

    def unknown(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Failure, match="network"):
        open_data("tfds:cifar10")
