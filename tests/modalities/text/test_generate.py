"""Text of a run: streamed or whole, alone or among others, by chance or by search; and what is refused."""

import json
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import fit_run, tfgen_arguments, tfgen_environment
from tfgen.representations.sequences.sampling_settings import SamplingSettings
from tfgen.representations.sequences.sampler import StopFilter, Text, SequenceSampler
from tfgen.representations.sequences.beam import search
from tfgen.restore import load_model, open_codec

WORDS = ("the", "old", "king", "and", "his", "queen", "rode", "out", "to", "see", "sea", "ships", "again", "at", "dawn")


def tale(sentences, seed=0):
    """Sentences of few words, in lines; the letters are a to z, space, full stop and line end."""
    generator = np.random.default_rng(seed)
    lines = [" ".join(generator.choice(WORDS, generator.integers(4, 9))) + "." for _ in range(sentences)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny GPT that knows the words. Don't change it."""
    folder = tmp_path_factory.mktemp("tale")
    (folder / "tale.txt").write_text(tale(3000), encoding="utf-8")
    return fit_run("gpt", folder / "tale-gpt", folder / "tale.txt", 150, "context=32", "tokenizer=characters")


@pytest.fixture(scope="module")
def writer(run):
    return SequenceSampler(load_model(run), open_codec(run))


def written(writer, prompt, seeds, **options):
    """The texts and all pieces."""
    texts = [Text(f"seed {seed}", seed, prompt) for seed in seeds]
    pieces = list(writer.write(writer.codec.encode(prompt), texts, SamplingSettings.of(options)))
    return texts, pieces


@pytest.fixture
def said(command, run):
    """What `tfgen generate RUN ...` prints; with --json its rows."""

    def say(*arguments):
        result = command("generate", run.path, *arguments)
        assert result.exit_code == 0, (result.stderr, result.exception)
        if "--json" in arguments and "-o" not in arguments:
            return [json.loads(line) for line in result.stdout.splitlines()]
        return result.stdout

    return say


# What is made


def test_what_streams_is_the_text_and_comes_in_pieces(writer):
    texts, pieces = written(writer, "the old ", [3, 4, 5], length=60)
    for place, text in enumerate(texts):
        own = [piece for piece in pieces if piece.place == place]
        assert "".join(piece.text for piece in own) == text.text
        assert [piece.done for piece in own] == [False] * (len(own) - 1) + [True] and len(own) >= 7
        assert text.text == writer.codec.decode(text.tokens) and len(text.tokens) == 60
        assert text.ended == "length"


@pytest.mark.slow
def test_the_stream_on_standard_output_is_the_answer_of_the_graph(said, run, writer):
    """`tfgen generate` prints what the model's own loop makes, which exports have inside."""
    from tfgen.representations.sequences.sampling import Sampling

    ids = writer.codec.encode("the old ")
    sampling = Sampling(*(tf.constant([value], kind) for value, kind in (
        (7, tf.int32), (0.8, tf.float32), (0, tf.int32), (0.95, tf.float32)
    )))
    made, count = writer.model.generate(tf.constant([ids]), tf.constant([len(ids)]), tf.constant([100]), sampling)
    expected = writer.codec.decode(made.numpy()[0, : count.numpy()[0]])
    assert said("the old ", "--seed", 7, "--length", 100).rstrip("\n") == expected.rstrip("\n")


def test_the_same_seed_gives_the_same_text_alone_or_among_others(writer):
    together, _ = written(writer, "the old ", range(5, 16), length=80)
    for text in together[::3]:
        (alone,), _ = written(writer, "the old ", [text.seed], length=80)
        assert alone.text == text.text
        np.testing.assert_allclose(alone.log_probabilities, text.log_probabilities, atol=1e-4)
    assert len({text.text for text in together}) == len(together)


def test_temperature_0_and_top_k_1_take_the_likeliest(writer):
    (greedy, other), _ = written(writer, "the old ", [1, 2], length=40, temperature=0)
    (narrow,), _ = written(writer, "the old ", [3], length=40, top_k=1)
    assert greedy.text == other.text == narrow.text
    ids, likeliest = list(writer.codec.encode("the old ")), []
    for _ in range(20):
        likeliest.append(int(np.argmax(writer.model.logits(tf.constant([ids + likeliest]))[0, -1])))
    assert greedy.tokens[:20] == likeliest


def test_a_penalty_lowers_repetition(writer):
    def distinct(**options):
        texts, _ = written(writer, "the ", range(8), length=60, **options)
        return np.mean([len(set(text.tokens)) for text in texts])

    # The likeliest word again and again, where nothing speaks against it.
    assert distinct(temperature=0.0, repetition_penalty=2.0) > distinct(temperature=0.0)


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": 2, "min_p": 0.02}, {"beams": 3}], ids=str)
def test_log_probabilities_are_the_losses_of_the_text(writer, options):
    (text,), _ = written(writer, "the old ", [5 if "beams" not in options else None], length=20, **options)
    ids = [*writer.codec.encode("the old "), *text.tokens]
    losses = writer.model.losses(tf.constant([ids], tf.int32)).numpy()[0, -len(text.tokens) :]
    np.testing.assert_allclose(text.log_probabilities, -losses, atol=1e-4)


# Where it ends


def test_a_stop_text_ends_it_and_never_leaks(writer):
    (whole,), _ = written(writer, "the old ", [7], length=120)
    stop = whole.text[50:54]
    (text,), pieces = written(writer, "the old ", [7], length=120, stop=("never", stop))
    assert text.text == whole.text[: whole.text.index(stop)] and text.ended == "stop"
    assert "".join(piece.text for piece in pieces) == text.text
    assert whole.tokens[: len(text.tokens)] == text.tokens


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("stops", [("abab",), ("aba", "bc"), ("x", "cabc"), ("nowhere",)], ids=str)
def test_no_part_of_a_stop_is_shown_however_the_text_comes(stops, size):
    text = "cab ababc abcabab ax"
    places = [text.find(stop) for stop in stops if stop in text]
    expected = text[: min(places)] if places else text
    check, shown = StopFilter(stops), ""
    for start in range(0, len(text), size):
        shown += check.push(text[start : start + size])
        assert expected.startswith(shown)
        if check.stopped:
            break
    assert shown + check.finish() == expected and check.stopped == bool(places)


def test_rows_end_on_their_own(writer):
    texts, pieces = written(writer, "the ", range(8), length=200, stop=("sea",))
    assert len({len(text.tokens) for text in texts}) > 3
    assert all("sea" not in text.text for text in texts)
    assert sum(piece.done for piece in pieces) == 8


def test_a_model_that_can_not_go_past_its_context_stops_there_and_says_so(said, run, writer, monkeypatch, command):
    monkeypatch.setattr(type(writer.model), "endless", False)
    result = command("generate", run.path, "the old ", "--length", 100, "--json")
    (row,) = map(json.loads, result.stdout.splitlines())
    assert row["ended"] == "context" and len(row["tokens"]) == 32 - 8
    assert "sees 32 tokens and can't write past them" in result.stderr
    long = command("generate", run.path, "the old " * 10, "--length", 10, "--json")
    assert len(json.loads(long.stdout)["tokens"]) == 10 and "sees the last 22" in long.stderr


def test_a_long_prompt_is_cut_at_its_front_and_this_is_said(command, run):
    prompt = "the old king and his queen rode out to see "
    long, short = (command("generate", run.path, each, "--seed", 1, "--length", 40) for each in (prompt, prompt[-32:]))
    assert long.stdout == short.stdout and long.exit_code == 0
    assert f"The prompt has {len(prompt)} tokens, and the model sees the last 32: the first" in long.stderr
    assert short.stderr == ""


# Beams


@pytest.mark.parametrize("prompt", ["the old ", "queen", "his ships a"])
def test_beams_are_at_least_as_probable_as_the_likeliest_tokens_one_by_one(writer, prompt):
    (greedy,), _ = written(writer, prompt, [0], length=12, temperature=0)
    found = [Text(f"beam {place}", None, prompt) for place in range(4)]
    list(writer.write(writer.codec.encode(prompt), found, SamplingSettings(beams=8, length=12)))
    sums = [sum(text.log_probabilities) for text in found]
    assert sums[0] >= sum(greedy.log_probabilities) - 1e-4
    means = [np.mean(text.log_probabilities) for text in found]
    assert means == sorted(means, reverse=True) and len({text.text for text in found}) == 4


def test_a_search_that_keeps_everything_finds_the_likeliest_text(writer):
    """Against all texts of two tokens, by brute force."""
    model, ids = writer.model, writer.codec.encode("the old ki")
    size = model.example.vocabulary_size
    first = tf.nn.log_softmax(model.logits(tf.constant([ids]))[0, -1]).numpy()
    both = tf.constant([[*ids, token] for token in range(size)])
    second = tf.nn.log_softmax(model.logits(both)[:, -1]).numpy()
    totals = first[:, None] + second
    totals[model.example.end] = -np.inf
    best = search(model, tf.constant([ids]), tf.constant([len(ids)]), 64, 2)
    best = [beam for beam in best if len(beam.tokens) == 2][0]
    np.testing.assert_allclose(best.total, totals.max(), atol=1e-4)
    assert best.tokens == tuple(int(each) for each in np.unravel_index(np.argmax(totals), totals.shape))


def test_beams_stop_at_a_stop(writer):
    found = [Text("beam 1", None)]
    list(writer.write(writer.codec.encode("the old "), found, SamplingSettings(beams=3, length=60, stop=(" ",))))
    assert found[0].ended == "stop" and found[0].text and " " not in found[0].text


def test_beams_on_the_command_line(said, run, command):
    rows = said("the old ", "--beams", 4, "-n", 2, "--length", 10, "--json")
    assert [row["beam"] for row in rows] == [1, 2] and rows[0]["seed"] is None
    assert rows == said("the old ", "--beams", 4, "-n", 2, "--length", 10, "--json", "--seed", 9)
    refused = command("generate", run.path, "--beams", 2, "-n", 3)
    assert refused.exit_code == 2 and "can't end with 3 texts" in refused.stderr


# Where it goes


def test_one_text_is_alone_on_standard_output(said):
    text = said("the old ", "--length", 50)
    assert "seed" not in text and len(text.rstrip("\n")) <= 50 and text.endswith("\n")


def test_several_texts_look_the_same_on_standard_output_and_in_a_file(said, isolated):
    printed = said("the ", "-n", 3, "--seed", 7, "--length", 30)
    said("the ", "-n", 3, "--seed", 7, "--length", 30, "-o", "texts.txt")
    assert printed == (isolated / "texts.txt").read_text()
    assert [line for line in printed.splitlines() if line.startswith("---")] == [
        f"--- seed {seed} ---" for seed in (7, 8, 9)
    ]


def test_json_has_all_that_it_takes_to_make_the_text_again(said, run, writer):
    (row,) = said("the old ", "--json", "--seed", 4, "--length", 30, "--stop", "zz", "--temperature", 0.7)
    assert row["run"] == run.name and row["model"] == "gpt" and row["prompt"] == "the old " and row["seed"] == 4
    assert row["settings"] == {
        "temperature": 0.7, "top_k": 0, "top_p": 0.95, "min_p": 0.0, "repetition_penalty": 1.0, "length": 30,
        "stop": ["zz"],
    }
    assert "".join(token["text"] for token in row["tokens"]) == row["text"] and row["ended"] == "length"
    (text,), _ = written(writer, "the old ", [4], temperature=0.7, length=30)
    assert row["text"] == text.text
    np.testing.assert_allclose([token["log_probability"] for token in row["tokens"]], text.log_probabilities, atol=1e-4)


@pytest.mark.slow
def test_rows_in_a_file(said, isolated):
    said("the ", "-n", 11, "--length", 12, "-o", "rows.jsonl")
    rows = [json.loads(line) for line in (isolated / "rows.jsonl").read_text().splitlines()]
    assert [row["seed"] for row in rows] == list(range(11)) and all("tokens" not in row for row in rows)
    said("the ", "-n", 2, "--length", 12, "-o", "more.jsonl", "--json")
    more = [json.loads(line) for line in (isolated / "more.jsonl").read_text().splitlines()]
    assert [row["text"] for row in more] == [row["text"] for row in rows[:2]] and "tokens" in more[0]


def test_a_folder_has_a_file_each(said, isolated):
    said("the old", "-n", 2, "--seed", -1, "--length", 12, "-o", "tales/")
    names = sorted(path.name for path in (isolated / "tales").glob("*.txt"))
    assert names == ["the-old-seed-1.txt", "the-old-seed0.txt"]
    assert (isolated / "tales" / "the-old-seed0.txt").read_text() == said("the old", "--length", 12)


def test_without_a_prompt_it_writes_too(said):
    assert said("--length", 30).strip()


@pytest.mark.slow
def test_text_comes_while_it_is_made(run):
    arguments = tfgen_arguments("generate", run.path, "the ", "--length", 1_000_000)
    process = subprocess.Popen(arguments, env=tfgen_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert len(process.stdout.read(200)) == 200 and process.poll() is None
    finally:
        process.kill()
        process.communicate()


# What is refused


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["ЖУК"], "The model never saw 'Ж', 'У', 'К'. Write without"),
        (["--temperature", "-1"], "temperature must be between 0 and 100, not -1. 0 takes"),
        (["--temperature", "nan"], "temperature must be between 0 and 100, not nan."),
        (["--top-k", "-1"], "top_k must be between 0 and 1000000, not -1."),
        (["--top-p", "0"], "top_p must be between 0 and 1, and above 0, not 0."),
        (["--top-p", "1.5"], "not 1.5. It is a probability"),
        (["--min-p", "2"], "min_p must be between 0 and 1, not 2."),
        (["--repetition-penalty", "0"], "repetition_penalty must be between 0.1 and 10, not 0. 1 is for none"),
        (["--length", "0"], "length must be between 1 and 1000000, not 0."),
        (["--beams", "65"], "beams must be between 1 and 64, not 65."),
        (["--beams", "0"], "beams must be between 1 and 64, not 0. It is how many"),
        (["--beams", "0", "-n", "0"], "0 samples can't be made."),
        (["--beams", "2", "--top-k", "3", "--min-p", "0.1"], "it takes no --top-k and --min-p. Leave"),
        (["--stop", ""], "A text to stop at must not be empty."),
        (["--seed", "2147483648"], "The seed 2147483648 is out of range."),
        (["-o", "out.png"], "Give a folder, or a path that ends in .txt or .jsonl."),
        (["-o", "out.txt", "--json"], "JSON can't be written to 'out.txt'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_two_sentences(command, run, arguments, words):
    result = command("generate", run.path, *arguments)
    assert result.exit_code == 2 and result.stdout == "" and words in result.stderr


@pytest.mark.parametrize(
    "arguments", [["--top-k", "3"], ["--temperature", "0"], ["--stop", "a"], ["--json"], ["--beams", "2"]], ids=" ".join
)
def test_options_of_text_are_refused_for_pictures(command, gan_run, arguments):
    result = command("generate", gan_run.path, "seven", *arguments)
    assert result.exit_code == 2
    said = result.stderr
    assert f"'{arguments[0]}' is for texts, " in said and " and melodies, and " in said
    assert said.endswith(f"and '{gan_run.name}' makes pictures. Leave it out.\n")


def test_a_damaged_tokenizer_is_said(command, run, tmp_path):
    import shutil

    folder = tmp_path / "damaged"
    shutil.copytree(run.path, folder)
    (folder / "tokenizer.json").write_text("{")
    result = command("generate", folder, "the")
    assert result.exit_code == 2 and "'tokenizer.json' of the run 'damaged' is damaged." in result.stderr
