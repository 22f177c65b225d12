"""`tfgen generate --server` gives what the run itself gives, and says in words what a server can't."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.conftest import run_tfgen
from tests.serve.running import tfgen_serve
from tfgen.modalities.image.modality import ImageModality

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(gan_run, tmp_path_factory):
    """A server of a run that was not exported before, and the run."""
    folder = tmp_path_factory.mktemp("served") / "digits"
    shutil.copytree(gan_run.path, folder)
    with tfgen_serve(folder) as server:
        yield server, folder


def test_the_server_gives_the_same_pictures_as_the_run(served, command, isolated):
    server, run = served
    remote = run_tfgen("generate", "--server", server.url, "--model", "digits", "seven", "-n", 70, "-o", "remote.npy")
    assert remote.returncode == 0, remote.stderr
    assert command("generate", run, "seven", "-n", 70, "-o", "local.npy").exit_code == 0
    apart = np.abs(np.load("remote.npy").astype(int) - np.load("local.npy"))
    assert apart.max() <= 1 and np.mean(apart > 0) < 1e-3


def test_a_picture_says_where_it_comes_from(served, command, isolated):
    server, _ = served
    done = command(
        "generate", "--server", server.url, "--model", "digits", "7", "-n", 1, "--seed", 7, "-o", "seven.png"
    )
    assert done.exit_code == 0, done.stderr
    says = ImageModality.read_metadata(isolated / "seven.png")
    assert says["run"] == "digits" and says["model"] == server.url and says["seed"] == "7" and says["prompt"] == "7"
    assert Image.open("seven.png").size[0] >= 28


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--server", "URL", "--model", "digit", "7"], "The server refused: Servable not found"),
        (["--server", "URL", "--model", "digits", "banana"], "The model never saw the word"),
        (["--server", "http://127.0.0.1:9", "--model", "digits"], "There is no answer from"),
        (["--server", "127.0.0.1:8501", "--model", "digits"], "is not the address of a server"),
        (["--server", "URL", "7"], "needs both --server and --model"),
        (["--server", "URL", "--model", "digits", "7", "8"], "only a prompt is expected"),
        ([], "No run is named."),
        (["a", "b", "c"], "A run and one prompt are expected"),
    ],
)
def test_what_can_not_be_had_is_said_in_two_sentences(served, command, isolated, arguments, words):
    done = command("generate", *[served[0].url if word == "URL" else word for word in arguments])
    assert done.exit_code == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert not list(isolated.iterdir())


@pytest.fixture(scope="module")
def served_text(gpt_run, tmp_path_factory):
    """The same of a run that learned text by characters."""
    folder = tmp_path_factory.mktemp("served") / "plays"
    shutil.copytree(gpt_run.path, folder)
    with tfgen_serve(folder) as server:
        yield server, folder


def test_the_server_gives_the_same_texts_as_the_run(served_text, command, isolated):
    server, run = served_text
    asked = ["the king", "-n", 3, "--seed", 5, "--length", 30, "--temperature", 0.7]
    remote = command("generate", "--server", server.url, "--model", "plays", *asked)
    assert remote.exit_code == 0, remote.output
    assert remote.stdout == command("generate", run, *asked).stdout and "--- seed 6 ---" in remote.stdout
    command("generate", "--server", server.url, "--model", "plays", *asked, "-o", "out.jsonl")
    row = json.loads((isolated / "out.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert row["model"] == server.url and row["seed"] == 5 and row["settings"]["temperature"] == 0.7
    refused = command("generate", "--server", server.url, "--model", "plays", "the", "--beams", 3)
    assert refused.exit_code == 2 and "'--beams' is not for a server. It takes --temperature" in refused.stderr
