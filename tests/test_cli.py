"""The command line: help, errors, what goes to which stream, and the files that it writes."""

import json
import re
import shlex
import subprocess

import numpy as np
import pytest
from PIL import Image

from tests.conftest import run_tfgen, tfgen_arguments, tfgen_environment
from tfgen import __version__, catalog
from tfgen.cli import main
from tfgen.modalities.image.modality import ImageModality
from tfgen.generate.arrays import generate

COMMANDS = [[], *[[name] for name in main.commands], *[["runs", name] for name in main.commands["runs"].commands]]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "tfgen")
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(command, path, option):
    shown = command(*path, option)
    assert shown.exit_code == 0 and shown.stderr == ""
    assert shown.stdout.startswith(f"Usage: {' '.join(['tfgen', *path])}")
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_commands_are_listed_in_the_order_of_the_pipeline(command):
    names = re.findall(r"^  (\w+)  ", command("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert names == list(main.commands)
    assert [name for name in names if name in ("data", "fit", "generate")] == ["data", "fit", "generate"]


def test_version(command):
    assert __version__ in command("--version").stdout


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["fti"], "No command named 'fti'. Did you mean 'fit'?"),
        (["data", "nowhere"], "no file, folder or data set named 'nowhere'"),
        (["data", "./nowhere"], ".npy, .npz or idx file, tfds:NAME, digits, shakespeare"),
        (["data", "digit"], "Did you mean 'digits'?"),
        (["data", "--set", "siz=3"], "Did you mean 'size'?"),
        (["data", "--set", "size=4"], "Size 4 is out of range."),
        (["fit", "gna"], "No model named 'gna'. Did you mean 'gan'?"),
        (["fit", "gan", "--steps", "0"], "--steps must be between 1 and 1000000000, not 0."),
        (["fit", "gan", "--size", "smal"], "No size named 'smal'. Did you mean 'small'?"),
        (["fit", "gan", "nowhere"], "no file, folder or data set named 'nowhere'"),
        (["fit", "gan", "--set", "lerning_rate=1"], "Did you mean 'learning_rate'?"),
        (["fit", "gan", "--resume", "-o", "nothing"], "There is no run 'nothing'."),
        (["generate", "nothing"], "There is no run 'nothing'."),
        (["runs", "show", "nothing"], "There is no run 'nothing'."),
        (["runs", "compare", "nothing"], "A comparison needs two runs or more."),
        (["runs", "remove", "nothing", "--yes"], "There is no run 'nothing'."),
        (["runs", "shwo"], "No command named 'shwo'. Did you mean 'show'?"),
        (["fit"], "No model is named. Name one: tfgen fit gan DATA"),
        (["generate"], "No run is named. Name one"),
        (["export"], "No run is named. Name one; see them with: tfgen runs list"),
        (["serve"], "No target is named. Name a run"),
        (["runs", "show"], "No run is named. Name one; see them with: tfgen runs list"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_line_and_exit_code_2(command, arguments, words):
    result = command(*arguments)
    assert result.exit_code == 2 and result.stdout == ""
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("Error: ") and words in line
    assert [other for other in result.stderr.strip().splitlines()[:-1] if other != "Loading TensorFlow ..."] == []


@pytest.mark.parametrize(
    "arguments", [["fit", "gan", "--steps", "x"], ["generate", "a", "--sed"], ["data", "a", "b"]], ids=" ".join
)
def test_wrong_usage_is_exit_code_2(command, arguments):
    result = command(*arguments)
    assert result.exit_code == 2 and result.stdout == "" and "Error: " in result.stderr


@pytest.mark.parametrize("steps", ["99999999999999999999", "-1"])
def test_absurd_numbers_get_a_sentence_too(command, steps, digits):
    result = command("fit", "gan", digits, "-o", "absurd", "--steps", steps, "--set", "network=dense")
    assert result.exit_code == 2, repr(result.exception)
    assert result.stderr.strip().splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize("arguments", [["gna"], ["gan", "--steps", "0"], ["gan", "--size", "smal"], ["gan", "nowhere"]])
def test_what_needs_no_tensorflow_is_said_before_it_is_loaded(command, arguments):
    assert len(command("fit", *arguments).stderr.splitlines()) == 1


def test_debug_shows_the_traceback(command):
    assert type(command("--debug", "data", "nowhere").exception).__name__ == "UserError"


def test_data_says_what_it_sees(command):
    seen = command("data")
    assert seen.exit_code == 0
    assert "digits: 10000 grey pictures, 28 high and 28 wide." in seen.stdout
    assert "10 prompts: 'zero' (980)" in seen.stdout
    assert "Next: tfgen fit gan" in seen.stderr and "Next" not in seen.stdout


def test_data_as_json(command, digits):
    seen = json.loads(command("data", digits, "--json", "--set", "size=9x17").stdout)
    assert seen["count"] == seen["found"] == seen["used"] == 2000
    assert seen["shape"] == [9, 17, 1] and seen["broken"] == []
    assert sum(seen["prompts"].values()) == 2000 and seen["prompt_kind"] == "labels"


def test_data_names_what_is_broken(command, isolated):
    (isolated / "photos").mkdir()
    for number in range(20):
        pixels = np.random.default_rng(number).integers(0, 255, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(isolated / "photos" / f"{number}.png")
    (isolated / "photos" / "bad.png").write_bytes(b"no picture")
    seen = command("data", "photos")
    assert seen.exit_code == 0
    assert "1 of 21 files or rows can't be used" in seen.stdout and "bad.png" in seen.stdout


@pytest.mark.parametrize("count", [2, 63, pytest.param(64, marks=pytest.mark.slow)])
def test_what_data_names_next_is_a_fit_that_works(command, isolated, count):
    pixels = np.random.default_rng(0).integers(0, 255, (count, 12, 12), np.uint8)
    np.save(isolated / "my few.npy", pixels)
    hint = command("data", "my few.npy", "--set", "size=9x17").stderr
    assert ("add more" in hint) == (count < 64)
    words = shlex.split(hint.partition("tfgen fit ")[2])
    small = ["--steps", 1, "--set", "network=dense", "--set", "width=2"]
    fitted = command("fit", *words, *small, "-o", "my runs/hinted")
    assert fitted.exit_code == 0, fitted.stderr
    assert "Next: tfgen generate 'my runs/hinted'" in fitted.stderr
    assert f"{count} grey pictures of 9x17" in fitted.stderr


def test_data_with_one_picture_asks_for_more(command, isolated):
    np.save(isolated / "one.npy", np.zeros((1, 12, 12), np.uint8))
    hint = command("data", "one.npy").stderr
    assert "Next: add more" in hint and "tfgen fit" not in hint


def test_only_what_can_be_read_is_suggested_for_data_that_is_missing(command, isolated):
    for name in ("photos.zip", "photos.jpg", "photos.txt"):
        (isolated / name).touch()
    assert "Did you mean" not in command("data", "photo").stderr
    (isolated / "my-photos").mkdir()
    assert "Did you mean 'my-photos'?" in command("data", "photo").stderr


# generate


def made(command, run, *arguments):
    result = command("generate", run.path, *arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "" and "Wrote " in result.stderr


def test_generate_an_array(command, gan_run, isolated):
    made(command, gan_run, "seven", "-n", 3, "--seed", 5, "-o", "deep/seven.npy")
    pictures = np.load(isolated / "deep" / "seven.npy")
    assert pictures.shape == (3, 28, 28) and pictures.dtype == np.uint8
    np.testing.assert_array_equal(pictures, generate(gan_run, "seven", 3, 5).values[..., 0])


def test_generate_an_archive(command, gan_run, isolated):
    made(command, gan_run, "seven", "-n", 3, "--seed", -1, "-o", "seven.npz")
    stored = np.load(isolated / "seven.npz", allow_pickle=False)
    assert stored["images"].shape == (3, 28, 28) and stored["images"].dtype == np.uint8
    assert stored["prompts"].tolist() == ["seven"] * 3 and stored["seeds"].tolist() == [-1, 0, 1]


def test_what_was_generated_can_be_fitted_again(command, gan_run):
    made(command, gan_run, "-n", 12, "-o", "synthetic.npz")
    assert json.loads(command("data", "synthetic.npz", "--json").stdout)["count"] == 12


def test_generate_a_folder_of_pictures_that_say_where_they_come_from(command, gan_run, isolated):
    made(command, gan_run, "seven", "-n", 3, "--seed", 5, "-o", "sevens/")
    paths = sorted((isolated / "sevens").iterdir())
    assert [path.name for path in paths] == ["seven-seed5.png", "seven-seed6.png", "seven-seed7.png"]
    expected = generate(gan_run, "seven", 3, 5).values[..., 0]
    for place, path in enumerate(paths):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), expected[place])
        says = ImageModality.read_metadata(path)
        assert says["run"] == gan_run.name and says["prompt"] == "seven" and says["seed"] == str(5 + place)
        assert says["tfgen"] == __version__


def test_generate_a_grid(command, gan_run, isolated):
    made(command, gan_run, "-n", 7, "-o", "grid.png")
    grid = Image.open(isolated / "grid.png")
    assert grid.mode == "L" and min(grid.size) >= 3 * 28
    says = ImageModality.read_metadata(isolated / "grid.png")
    assert says["seed"] == "0 to 6" and says["prompt"] == "" and says["run"] == gan_run.name


def test_generate_without_a_place_writes_a_grid_here(command, gan_run, isolated):
    made(command, gan_run, "seven", "-n", 1)
    assert [path.name for path in isolated.iterdir()] == [f"{gan_run.name}-seven-seed0.png"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["sevn"], "Did you mean 'seven'?"),
        (["seven eight"], "No label has all the words of 'seven eight'."),
        (["-n", "0"], "0 samples can't be made."),
        (["--seed", "2147483648"], "The seed 2147483648 is out of range."),
        (["-n", "2", "--seed", "2147483647"], "is out of range."),
        (["-o", "out.jpg"], "Samples can't be written as '.jpg'."),
        (["-o", "folder.npy"], "'folder.npy' is a folder."),
        (["-o", "file"], "'file' is a file."),
        (["-o", "file/out.npy"], "is no folder, so 'file/out.npy' can't be written."),
        (["-o", "file/deep/out"], "file' is no folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_generate_refuses_with_a_sentence(command, gan_run, isolated, arguments, words):
    (isolated / "folder.npy").mkdir()
    (isolated / "file").touch()
    result = command("generate", gan_run.path, *arguments)
    assert result.exit_code == 2 and words in result.stderr and "Traceback" not in result.stderr


def test_more_samples_than_memory_holds_are_refused_before_the_work(command, gan_run, monkeypatch):
    monkeypatch.setattr("tfgen.generate.arrays.physical_memory", lambda: 2**20)
    result = command("generate", gan_run.path, "-n", 2000)
    assert result.exit_code == 2 and "2000 samples take more than 1 MB of memory" in result.stderr
    assert "--beam" in result.stderr


@pytest.mark.parametrize("seed", [-(2**31), 2**31 - 1])
def test_the_first_and_last_seeds_work(command, gan_run, isolated, seed):
    made(command, gan_run, "-n", 1, "--seed", seed, "-o", "one.npy")
    assert np.load(isolated / "one.npy").shape == (1, 28, 28)


# fit and runs


@pytest.fixture
def small_run(command, digits):
    """A run that was made through the command line, under the test's own runs."""
    settings = [part for setting in ("network=dense", "width=2", "batch_size=8") for part in ("--set", setting)]
    result = command("fit", "gan", digits, "-o", "small", "--steps", 4, *settings)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "Finished after 4 steps." in result.stderr and "Next: tfgen generate small" in result.stderr
    return settings


def test_a_run_from_beginning_to_end(command, digits, small_run, isolated):
    again = command("fit", "gan", digits, "-o", "small", "--steps", 4)
    assert again.exit_code == 2 and "exists already. Choose another name with -o" in again.stderr
    finished = command("fit", "gan", "-o", "small", "--resume")
    assert finished.exit_code == 2 and "'small' is finished." in finished.stderr

    listed = json.loads(command("runs", "list", "--json").stdout)
    assert [(row["name"], row["model"], row["status"], row["step"]) for row in listed] == [
        ("small", "gan", "finished", 4)
    ]
    assert "small" in command("runs").stdout and "finished" in command("runs", "list").stdout
    shown = json.loads(command("runs", "show", "small", "--json").stdout)
    assert shown["config.width"] == 2 and shown["seed"] == 0 and shown["last.step"] == 4
    lines = command("runs", "show", "small").stdout.splitlines()
    first = dict(line.split(maxsplit=1) for line in lines[: lines.index("")])
    assert list(first)[:7] == ["name", "status", "model", "data", "examples", "step", "minutes"]
    assert first["status"] == "finished" and first["step"] == "4 of 4" and "generator_loss" in first
    later = {line.split()[0] for line in lines[len(first) + 1 :]}
    assert set(shown) - {"versions"} <= later | set(first) | {f"last.{name}" for name in first}

    assert command("fit", "gan", digits, "-o", "other", "--steps", 4, "--seed", 1, *small_run).exit_code == 0
    compared = command("runs", "compare", "small", "other", "--json", "-o", "both.png")
    rows = json.loads(compared.stdout)
    assert rows["seed"] == [0, 1] and "config.width" not in rows
    assert Image.open(isolated / "both.png").size[0] > 400

    kept = command("runs", "remove", "small")
    assert kept.exit_code == 1 and len(json.loads(command("runs", "list", "--json").stdout)) == 2
    assert command("runs", "remove", "small", "--yes").exit_code == 0
    assert [row["name"] for row in json.loads(command("runs", "list", "--json").stdout)] == ["other"]


def test_no_runs_is_an_empty_list_and_a_hint(command):
    assert json.loads(command("runs", "list", "--json").stdout) == []
    hint = command("runs", "list")
    assert hint.stdout == "" and "Begin with: tfgen fit gan" in hint.stderr


def test_json_of_a_diverged_run_is_still_json(command, small_run, tmp_path):
    with open(tmp_path / "runs" / "small" / "history.jsonl", "a") as file:
        file.write('{"step": 5, "seconds": 1.0, "generator_loss": NaN}\n')
    shown = command("runs", "show", "small", "--json").stdout

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    json.loads(shown, parse_constant=refuse)


def test_a_run_without_samples_is_named_in_the_command_that_finishes_it(command, small_run, tmp_path):
    for sheet in (tmp_path / "runs" / "small" / "samples").iterdir():
        sheet.unlink()
    assert "tfgen fit gan -o small --resume" in command("runs", "compare", "small", "small").stderr


def test_a_run_whose_record_lacks_a_fact_does_not_hide_the_others(command, small_run, tmp_path):
    (tmp_path / "runs" / "strange").mkdir()
    (tmp_path / "runs" / "strange" / "run.json").write_text('{"format": 1}')
    listed = command("runs", "list", "--json")
    assert listed.exit_code == 0, repr(listed.exception)
    assert "small" in [row["name"] for row in json.loads(listed.stdout)]
    assert command("runs", "show", "strange").exit_code == 2


def test_every_model_of_the_catalog_is_named_in_help_and_errors(command):
    assert all(name in command("fit", "--help").stdout for name in catalog.MODELS)
    assert all(name in command("fit", "zzz").stderr for name in catalog.MODELS)


# Streams, in real processes.


@pytest.mark.slow
def test_a_fit_in_a_process_says_nothing_on_standard_output_and_no_warnings(digits, isolated):
    np.save(isolated / "unlabelled.npy", np.load(digits)["images"][:50])
    settings = [part for setting in ("width=2", "batch_size=8") for part in ("--set", setting)]
    fitted = run_tfgen("fit", "vae", "unlabelled.npy", "-o", "quiet", "--steps", 3, *settings)
    assert fitted.returncode == 0, fitted.stderr
    assert fitted.stdout == ""
    noise = [line for line in fitted.stderr.splitlines() if re.search(r"[Ww]arn|WARN|^[WIE]\d{4}|cuda|oneDNN", line)]
    assert noise == []
    assert "\r" not in fitted.stderr, "no progress bar off a terminal"


def test_closed_standard_input_does_not_matter():
    process = subprocess.run(
        ["bash", "-c", '"$@" <&-', "bash", *tfgen_arguments("data")],
        env=tfgen_environment(),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert "10000 grey pictures" in process.stdout


def test_ctrl_c_is_told_and_a_place_that_fails_is_named(command, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    def failing(*arguments, **options):
        raise FileNotFoundError(2, "No such file or directory", "/proc/x.txt")

    for function, code, words in (
        (interrupted, 130, "Stopped by Ctrl-C."), (failing, 1, "Error: No such file or directory: '/proc/x.txt'. "),
    ):
        monkeypatch.setattr("tfgen.api.open_data", function)
        result = command("data")
        assert result.exit_code == code and words in result.stderr


def test_a_reader_that_goes_away_is_no_error():
    process = subprocess.run(
        ["bash", "-c", '"$@" | true', "bash", *tfgen_arguments("data", "--json")],
        env=tfgen_environment(),
        capture_output=True,
        text=True,
    )
    assert "Broken pipe" not in process.stderr and "Traceback" not in process.stderr


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["generate", "x", "--prompt", "star"], "no option '--prompt'. Write it without a name: tfgen generate"),
        (["fit", "gan", "--stpes", "3"], "no option '--stpes'. Did you mean '--steps'?"),
        (["generate", "x", "-n", "many"], "'many' is not a valid integer. See what is expected: tfgen generate --help"),
        (["feedback", "rate", "x"], "See what is expected: tfgen feedback rate --help"),
    ],
    ids=" ".join,
)
def test_mistyped_options_get_two_sentences(command, arguments, sentence):
    result = command(*arguments)
    assert result.exit_code == 2 and result.stderr.startswith("Error: ") and sentence in result.stderr
