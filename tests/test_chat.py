"""`tfgen chat`: a talk through a pipe and in a terminal, its history, and what is refused."""

import codecs
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from tests.conftest import fit_run, tfgen_arguments, tfgen_environment
from tfgen.cli import main
from tfgen.errors import UserError
from tfgen.evaluate.request import EvaluateRequest
from tfgen.evaluate.stage import evaluate
from tfgen.export.request import ExportRequest
from tfgen.export.stage import export
from tfgen.generate.chat import Chat
from tfgen.modalities.text.modality import TextModality
from tfgen.representations.sequences.sampling_settings import SamplingSettings
from tfgen.representations.sequences.sampling import Sampling
from tfgen.restore import load_model, open_codec

ANSWERS = {"how are you": "fine, thanks", "who are you": "a small model", "what is up": "the sky", "bye": "see you"}
LIKELIEST = SamplingSettings(temperature=0, length=30)

pytestmark = pytest.mark.slow


def write_chats(path, count=1500, seed=0):
    """Chats of one to three questions with the one answer that each has."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        messages = []
        for question in generator.choice(list(ANSWERS), generator.integers(1, 4)):
            messages.append({"role": "user", "content": str(question)})
            messages.append({"role": "assistant", "content": ANSWERS[question]})
        rows.append(json.dumps({"messages": messages}))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny GPT that learned the answers. Don't change it."""
    folder = tmp_path_factory.mktemp("chats")
    data = write_chats(folder / "chats.jsonl")
    return fit_run("gpt", folder / "chats-gpt", data, 300, "context=96", "tokenizer=characters")


@pytest.fixture(scope="module")
def loaded(run):
    """A talk whose model is loaded; begin each test with `forget`."""
    chat = Chat(run, LIKELIEST)
    chat.load()
    return chat


@pytest.fixture
def chat(loaded):
    loaded.forget()
    loaded._said_what_is_cut = False
    return loaded


def talk(run, lines, *arguments):
    """`tfgen chat` with lines through a pipe."""
    result = CliRunner().invoke(main, ["chat", str(run.path), *arguments], input=lines, prog_name="tfgen")
    return result


def test_it_answers_through_a_pipe(run):
    result = talk(run, "how are you\n\nbye\n", "--temperature", "0")
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert result.stdout == "fine, thanks\nsee you\n" and result.stderr.replace("Loading TensorFlow ...\n", "") == ""


def test_quit_ends_and_new_begins_anew(run):
    first = talk(run, "how are you\n/quit\nbye\n", "--temperature", "0")
    assert first.stdout == "fine, thanks\n"
    again = talk(run, "how are you\nbye\n/new\nhow are you\nbye\n", "--seed", "5", "--temperature", "1.5")
    lines = again.stdout.splitlines()
    assert again.exit_code == 0 and lines[: len(lines) // 2] == lines[len(lines) // 2 :]


def test_the_history_is_what_was_said(chat):
    for question in ("how are you", "bye"):
        assert "".join(chat.answer(question)) == ANSWERS[question]
    assert [(turn["role"], turn["content"]) for turn in chat.turns] == [
        ("user", "how are you"), ("assistant", "fine, thanks"), ("user", "bye"), ("assistant", "see you"),
    ]
    chat.forget()
    assert chat.turns == []


def test_a_long_talk_drops_its_oldest_turns_and_says_so_once(chat, capsys):
    for _ in range(4):
        for question, answer in ANSWERS.items():
            assert "".join(chat.answer(question)) == answer
    assert len(chat.turns) < 10 and chat.turns[0]["role"] == "user"
    assert capsys.readouterr().err.count("its oldest turns are forgotten") == 1


def test_an_answer_that_is_broken_off_is_kept_as_far_as_it_came(chat):
    pieces = chat.answer("how are you")
    shown = next(pieces)
    pieces.close()
    assert chat.turns[-1] == {"role": "assistant", "content": shown} and shown in ANSWERS["how are you"]
    assert "".join(chat.answer("bye"))


def test_letters_that_it_never_saw_are_refused_and_forgotten(chat, run):
    with pytest.raises(UserError, match="The model never saw 'Ж'."):
        next(chat.answer("Ж"))
    assert chat.turns == []
    piped = talk(run, "Ж\nbye\n", "--temperature", 0)
    assert piped.exit_code == 2 and piped.stdout == "\nsee you\n" and "never saw 'Ж'" in piped.stderr
    with pytest.raises(UserError, match="never saw"):
        Chat(run, LIKELIEST, system="Ж")


def test_generate_takes_a_prompt_for_a_message(command, run):
    result = command("generate", run.path, "how are you", "--temperature", 0)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "fine, thanks\n"
    (row,) = [json.loads(command("generate", run.path, "bye", "--temperature", 0, "--json").stdout)]
    assert row["text"] == "see you" and row["ended"] == "end" and row["tokens"][-1]["text"] == ""


def test_an_answer_ends_where_it_is_closed_whoever_asks_for_it(run):
    model, tokenizer = load_model(run), open_codec(run)
    ids = tokenizer.opening([{"role": "user", "content": "bye"}])
    greedy = Sampling(*(tf.constant([value]) for value in (0, 0.0, 0, 1.0)))
    made, count = model.generate(tf.constant([ids]), tf.constant([len(ids)]), tf.constant([90]), greedy)
    assert tokenizer.decode(made[0, : int(count[0])].numpy()) == "see you" and int(count[0]) == len("see you") + 1
    shown = sorted((run.path / "samples").glob("samples-*.txt"))[-1].read_text(encoding="utf-8")
    answers = re.findall(r"->\n(.*)\n", shown)
    assert answers and max(map(len, answers)) < 2 * len("a small model")


def test_its_exports_end_an_answer_where_it_is_closed(run, tmp_path):
    export(run, ExportRequest(("saved-model", "tflite"), output=tmp_path))
    codec = open_codec(run)
    template, tokenizer = codec.template, codec.tokenizer
    ids = template.opening([{"role": "user", "content": "bye"}], tokenizer)
    call = tf.saved_model.load(str(tmp_path / run.name / "1")).signatures["generate"]
    most, how = {"max_new_tokens": [90], "top_k": [0], "seed": [0]}, {"temperature": [0.0], "top_p": [1.0]}
    made = call(
        prompt_ids=tf.constant([ids]), prompt_length=tf.constant([len(ids)]),
        **{name: tf.constant(value) for name, value in {**most, **how}.items()},
    )
    assert tokenizer.decode(made["ids"][0, : int(made["length"][0])].numpy()) == "see you"
    example = (tmp_path / "tflite" / run.name / "1" / "example.py").read_text(encoding="utf-8")
    assert f'"{tokenizer.end}, {tokenizer.markers[template.end]}".split(",")' in example


def test_a_run_that_learned_chats_is_judged_by_its_answers(run):
    evaluation = evaluate(run, EvaluateRequest(count=30))
    assert any("begin from prompts that are held out" in note for note in evaluation.notes)
    # One who knows all answers is as varied as the held-out answers to the same questions.
    assert evaluation.scores["distinct_2"].value == pytest.approx(evaluation.baselines["real"]["distinct_2"])
    assert "Weak" not in evaluation.words


def test_what_to_do_next_is_to_talk(run):
    assert TextModality.first_command(run.codec(), "helpdesk") == "tfgen chat helpdesk"


def test_a_run_that_learned_no_chats_is_refused(command, gan_run):
    result = command("chat", gan_run.path)
    assert result.exit_code == 2 and f"'{gan_run.name}' did not learn chats, so it can't talk." in result.stderr
    assert "tfgen generate" in result.stderr
    assert "No run is named." in command("chat").stderr


def test_bad_settings_are_refused(command, run):
    assert "top_p must be between 0 and 1" in command("chat", run.path, "--top-p", 2).stderr
    assert "is out of range" in command("chat", run.path, "--seed", 2**31).stderr


class Terminal:
    """`tfgen chat` in a terminal of its own."""

    def __init__(self, *arguments):
        self._end, other = pty.openpty()
        self.process = subprocess.Popen(
            tfgen_arguments("chat", *arguments), env=tfgen_environment(TERM="dumb"), stdin=other, stdout=other,
            stderr=other, start_new_session=True,
            # A shell lets what it starts in the background ignore Ctrl-C, and that is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(other)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within a letter

    def type(self, text):
        os.write(self._end, text.encode())

    def wait_for(self, text, seconds=120):
        """Reads until `text` was shown, and gives all up to its end."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            ready, _, _ = select.select([self._end], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"never showed {text!r}, but {self.shown[-1000:]!r}"
            self.shown += self._decoder.decode(os.read(self._end, 1000))
        seen, _, self.shown = self.shown.partition(text)
        return seen + text

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._end)


def test_ctrl_c_stops_an_answer_alone_and_ctrl_d_ends_the_talk(run, tmp_path):
    # Waiting for a marker that it never learned to say, it talks for ever.
    endless = tmp_path / "endless"
    shutil.copytree(run.path, endless)
    codec = json.loads((endless / "codec.json").read_text())
    codec["template"]["end"] = codec["template"]["roles"]["system"]
    (endless / "codec.json").write_text(json.dumps(codec))
    terminal = Terminal(endless, "--length", 1_000_000, "--temperature", 0)
    try:
        terminal.wait_for("> ")
        terminal.type("how are you\n")
        terminal.wait_for("how are you\r\nf")
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for(" ...")
        terminal.wait_for("> ")
        terminal.process.send_signal(signal.SIGINT)
        time.sleep(1)
        terminal.type("\n")  # a signal that comes just before Python waits for keys is seen with the next one
        terminal.wait_for("/quit or Ctrl-D ends.")
        terminal.type("Ж\n")
        terminal.wait_for("never saw 'Ж'")
        terminal.wait_for("> ")
        terminal.type("\x04")
        assert terminal.process.wait(60) == 0
    finally:
        terminal.close()
