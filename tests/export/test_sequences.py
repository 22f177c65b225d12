"""Text from an export is the model's own: the same seed, the same text in Python, on a server and on a phone."""

import functools
import json
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.apis import prediction_log_pb2

from tests.conftest import fit_run
from tests.serve.running import tfgen_serve
from tfgen.errors import Failure, UserError
from tfgen.modalities.text.graph_tokenizer import GraphTokenizer
from tfgen.export.request import ExportRequest
from tfgen.export.stage import export
from tfgen.models.gpt import GPT
from tfgen.models.language import Cache
from tfgen.representations.sequences.sampling import Sampling
from tfgen.restore import open_codec, load_model
from tfgen.run import Run

SEEDS = np.array([7, 8, 9], np.int32)
MOST = 100  # three times the context: the oldest tokens are forgotten
HOW = {
    "temperature": np.array([0.0, 0.8, 1.0], np.float32),
    "top_k": np.array([0, 0, 5], np.int32),
    "top_p": np.array([1.0, 0.95, 1.0], np.float32),
    "seed": SEEDS,
}
PROMPTS = ["The old", "", "A wolf 😀"]

pytestmark = pytest.mark.slow


def phone_folder(folder, run):
    return folder / "tflite" / run.name / "1"


def runners(folder, run, number_format="float32"):
    interpreter = Interpreter(str(phone_folder(folder, run) / f"{run.name}-{number_format}.tflite"), num_threads=1)
    return interpreter.get_signature_runner("prefill"), interpreter.get_signature_runner("decode")


@functools.cache
def served(folder, run):
    """The signatures of an export that nothing changes."""
    return tf.saved_model.load(str(folder / run.name / "1")).signatures


def card_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def encoded(run, prompts):
    """Ids [batch, most], of which so many count, [batch]."""
    rows = [open_codec(run).encode(prompt) for prompt in prompts]
    ids = np.zeros([len(rows), max(map(len, rows))], np.int32)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    return {"prompt_ids": ids, "prompt_length": np.array([len(row) for row in rows], np.int32)}


def limits(rows=3):
    return np.full([rows], MOST, np.int32)


def in_tensors(inputs):
    return {name: tf.constant(value) for name, value in inputs.items()}


@functools.cache
def by_python(run):
    """Ids and lengths of all prompts by the model itself."""
    sampling = Sampling(*(tf.constant(HOW[name]) for name in ("seed", "temperature", "top_k", "top_p")))
    function = tf.function(load_model(run).generate)
    made, count = function(*in_tensors(encoded(run, PROMPTS)).values(), tf.constant(limits()), sampling)
    return made.numpy(), count.numpy()


def by_phone(calls, given, how, steps):
    """The tokens that a host loop gets from a TFLite file, and the logits of each."""
    prefill, decode = calls
    made = prefill(**given, **how)
    tokens, logits = [made["token"]], [made["logits"]]
    position = np.maximum(given["prompt_length"], 1)
    for _ in range(steps - 1):
        made = decode(token=made["token"], position=position, keys=made["keys"], values=made["values"], **how)
        position = position + 1
        tokens.append(made["token"])
        logits.append(made["logits"])
    return np.stack(tokens, 1), np.stack(logits, 1)


def assert_same_texts(ids, wanted, count):
    for row, want, length in zip(ids, wanted, count, strict=True):
        np.testing.assert_array_equal(row[:length], want[:length])


def test_every_format_is_published_with_its_proof(text_exported):
    run, folder, artefacts = text_exported
    proofs = {each["name"]: each["proof"] for each in artefacts}
    assert list(proofs) == ["SavedModel", "TFLite float32", "TFLite float16", "TFLite int8-weights"]
    for proof in proofs.values():
        assert proof["timed"] == "token" and set(proof["latency"]) == {"1", "3", "8"}
    for name in ("SavedModel", "TFLite float32"):
        assert all(each["difference"] <= 1e-4 for each in proofs[name]["agreements"])
    sizes = {each["name"]: each["size"] for each in artefacts}
    assert sizes["TFLite int8-weights"] < sizes["TFLite float16"] < sizes["TFLite float32"]


def test_text_in_fewer_bits_is_hardly_more_surprising(text_exported):
    _, _, artefacts = text_exported
    for each in artefacts[2:]:
        (judged,) = [found for found in each["proof"]["agreements"] if found["perplexity"] is not None]
        assert judged["signature"] == "prefill>decode" and abs(judged["perplexity"]) < 0.02
        assert each["proof"]["tolerance"]["perplexity"] == 0.02


def test_the_same_seed_is_the_same_text_everywhere(text_exported):
    run, folder, _ = text_exported
    ids, count = by_python(run)
    given = encoded(run, PROMPTS)
    made = served(folder, run)["generate"](**in_tensors({**given, "max_new_tokens": limits(), **HOW}))
    np.testing.assert_array_equal(made["ids"].numpy(), ids)
    np.testing.assert_array_equal(made["length"].numpy(), count)
    assert_same_texts(by_phone(runners(folder, run), given, HOW, MOST)[0], ids, count)


def test_the_cache_gives_what_whole_texts_give(text_exported):
    run, folder, _ = text_exported
    model, given, steps = load_model(run), encoded(run, ["The old k"] * 3), 20
    tokens, logits = by_phone(runners(folder, run), given, HOW, steps)
    whole = np.concatenate([given["prompt_ids"], tokens], axis=1)
    full = model.logits(tf.constant(whole))[:, given["prompt_ids"].shape[1] - 1 : -1].numpy()
    np.testing.assert_allclose(logits, full, atol=1e-4)
    np.testing.assert_array_equal(tokens[0], full[0].argmax(axis=-1))


@pytest.mark.parametrize("alone", range(3))
def test_rows_know_nothing_of_each_other(text_exported, alone):
    run, folder, _ = text_exported
    ids, count = by_python(run)
    how = {name: value[alone : alone + 1] for name, value in HOW.items()}
    given = encoded(run, PROMPTS[alone : alone + 1])  # of another width, too
    given["prompt_ids"] = np.pad(given["prompt_ids"], [[0, 0], [0, 1]])
    made = served(folder, run)["generate"](**in_tensors({**given, "max_new_tokens": limits(1), **how}))
    assert_same_texts(made["ids"].numpy(), ids[alone : alone + 1], count[alone : alone + 1])
    tokens, _ = by_phone(runners(folder, run), given, how, MOST)
    assert_same_texts(tokens, ids[alone : alone + 1], count[alone : alone + 1])


def test_limits_are_a_rows_own(text_exported):
    run, folder, _ = text_exported
    call, (ids, count) = served(folder, run)["generate"], by_python(run)
    few = np.array([5, 0, 17], np.int32)
    made = call(**in_tensors({**encoded(run, PROMPTS), "max_new_tokens": few, **HOW}))
    assert made["ids"].shape == (3, 17)
    np.testing.assert_array_equal(made["length"].numpy(), np.minimum(few, count))
    assert_same_texts(made["ids"].numpy(), ids, made["length"].numpy())
    nothing = call(**in_tensors({**encoded(run, PROMPTS), "max_new_tokens": np.zeros(3, np.int32), **HOW}))
    assert nothing["ids"].shape == (3, 0) and not nothing["length"].numpy().any()
    with pytest.raises(tf.errors.InvalidArgumentError, match="4096 at most"):
        call(**in_tensors({**encoded(run, PROMPTS), "max_new_tokens": np.full(3, 5000, np.int32), **HOW}))


def test_a_phone_needs_built_in_operations_only(text_exported):
    run, folder, _ = text_exported
    for path in phone_folder(folder, run).glob("*.tflite"):
        assert b"Flex" not in path.read_bytes()


# Text in, text out.


def test_text_is_that_of_the_ids(text_exported):
    run, folder, _ = text_exported
    given = {"prompt": np.array(PROMPTS), "max_new_tokens": limits(), **HOW}
    made = served(folder, run)["generate_text"](**in_tensors(given))
    ids, count = by_python(run)
    tokenizer = open_codec(run)
    wanted = [tokenizer.decode(row[:length]) for row, length in zip(ids, count, strict=True)]
    assert [text.decode() for text in made["text"].numpy()] == wanted
    np.testing.assert_array_equal(made["length"].numpy(), count)


@given(texts=st.lists(st.text(), min_size=1, max_size=4))
def test_every_string_goes_through_the_graph_as_through_the_tokenizer(gpt_run, texts):
    tokenizer = open_codec(gpt_run)
    characters = characters_of(gpt_run)
    ids, length = characters.encode(tf.constant(texts))
    for text, row, count in zip(texts, ids.numpy(), length.numpy(), strict=True):
        np.testing.assert_array_equal(row[:count], tokenizer.encode(text))
    assert [text.decode() for text in characters.decode(ids, length).numpy()] == texts


@given(ids=st.lists(st.integers(0, 2**16), max_size=12))
def test_broken_letters_are_replaced_as_the_tokenizer_does_it(gpt_run, ids):
    tokenizer = open_codec(gpt_run)
    ids = np.array(ids, np.int32) % tokenizer.specification.vocabulary_size
    (text,) = characters_of(gpt_run).decode(tf.constant(ids[None]), tf.constant([len(ids)])).numpy()
    assert text.decode() == tokenizer.decode(ids)


def characters_of(run, made={}):
    if run.path not in made:
        made[run.path] = GraphTokenizer(open_codec(run).tokenizer)
    return made[run.path]


# What lies beside.


def test_the_tokenizer_lies_beside_and_not_inside(text_exported):
    run, folder, _ = text_exported
    content = (run.path / "tokenizer.json").read_bytes()
    for path in (folder / run.name / "1" / "assets.extra", phone_folder(folder, run)):
        assert (path / "tokenizer.json").read_bytes() == content
        card = card_of(path / "tfgen.json")
        assert card["codec"] == run.codec() and len(json.dumps(card["codec"])) < 2000
        assert str(run.path.parent) not in json.dumps(card)


def test_the_samples_in_the_cards_can_be_repeated(text_exported):
    run, folder, _ = text_exported
    sample = card_of(folder / run.name / "1" / "assets.extra" / "tfgen.json")["sample"]
    call = served(folder, run)[sample["signature"]]
    types = {name: each.dtype for name, each in call.structured_input_signature[1].items()}
    inputs = {name: tf.constant([value], types[name]) for name, value in sample["instances"][0].items()}
    assert call(**inputs)["text"].numpy()[0].decode() == sample["text"]
    assert len(open_codec(run).encode(sample["text"])) == 32
    phone = card_of(phone_folder(folder, run) / "tfgen.json")["sample"]
    (row,) = phone["instances"]
    how = {name: np.array([row[name]], each.dtype) for name, each in HOW.items()}
    given = {name: np.array([row[name]], np.int32) for name in ("prompt_ids", "prompt_length")}
    tokens, _ = by_phone(runners(folder, run), given, how, len(phone["ids"]))
    assert tokens[0].tolist() == phone["ids"]


def test_warmup_requests_call_every_signature(text_exported):
    run, folder, _ = text_exported
    path = folder / run.name / "1" / "assets.extra" / "tf_serving_warmup_requests"
    logs = [prediction_log_pb2.PredictionLog.FromString(each.numpy()) for each in tf.data.TFRecordDataset(str(path))]
    signatures = served(folder, run)
    assert {"generate", "generate_text", "logits", "serving_default"} == set(signatures)
    names = [log.predict_log.request.model_spec.signature_name for log in logs]
    assert sorted(names) == ["generate", "generate_text", "logits"]
    for log in logs:
        request = log.predict_log.request
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        signatures[request.model_spec.signature_name](**inputs)


def example_text(folder, run, *arguments):
    """What example.py prints where neither tfgen nor TensorFlow can be imported."""
    script = str(phone_folder(folder, run) / "example.py")
    code = "import sys, runpy; sys.modules.update(tfgen=None, tensorflow=None); "
    code += f"runpy.run_path({script!r}, run_name='__main__')"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("place", range(3))
def test_the_worked_example_writes_what_a_server_does(text_exported, isolated, place):
    run, folder, _ = text_exported
    how = {name: value[place : place + 1] for name, value in HOW.items()}
    given = {"prompt": np.array(PROMPTS[place : place + 1]), "max_new_tokens": limits(1), **how}
    text = served(folder, run)["generate_text"](**in_tensors(given))["text"].numpy()[0].decode()
    temperature, top_k, top_p, seed = (how[name][0] for name in HOW)
    assert example_text(folder, run, PROMPTS[place], seed, MOST, temperature, top_k, top_p) == f"{text}\n"


def test_the_examples_of_other_languages_are_filled_in(text_exported):
    run, folder, _ = text_exported
    for name in ("Example.kt", "Example.swift"):
        text = (phone_folder(folder, run) / name).read_text(encoding="utf-8")
        assert f"{run.name}-float32" in text and "Not compiled" in text
        left = re.findall(r"\$(?!0)\w+", text)
        assert not left, left


# Servers.


def test_a_server_answers_with_the_same_text(text_exported):
    run, folder, _ = text_exported
    ids, count = by_python(run)
    rows = [{name: value[place].item() for name, value in HOW.items()} for place in range(3)]
    given, tokenizer = encoded(run, PROMPTS), open_codec(run)
    for place, row in enumerate(rows):
        row.update(max_new_tokens=MOST, prompt_length=given["prompt_length"][place].item())
        row["prompt_ids"] = given["prompt_ids"][place].tolist()
    path = f"/v1/models/{run.name}"
    with tfgen_serve(folder / run.name) as server:
        command = re.search(r"Try +curl -d (.*)", server.said)[1]
        body, url = shlex.split(command)
        code, answer = server.post(url.removeprefix(server.url), body)
        assert code == 200 and answer["outputs"]["length"] == [32] and answer["outputs"]["text"][0]
        code, answer = server.predict({"signature_name": "generate", "instances": rows}, path)
        assert code == 200
        assert [row["ids"] for row in answer["predictions"]] == ids.tolist()
        columns = {"prompt": PROMPTS, "max_new_tokens": [MOST] * 3}
        columns.update({name: value.tolist() for name, value in HOW.items()})
        code, answer = server.predict({"signature_name": "generate_text", "inputs": columns}, path)
        assert code == 200
        assert answer["outputs"]["text"] == [tokenizer.decode(row[:n]) for row, n in zip(ids, count, strict=True)]
        request = json.loads((folder / "serving" / "requests" / f"{run.name}.json").read_text(encoding="utf-8"))
        assert server.predict(request, path)[0] == 200
        rows[0]["max_new_tokens"] = 10**6
        code, answer = server.predict({"instances": rows[:1]}, path)
        assert code == 400 and "4096 at most" in answer["error"]


# What can't be had.


def test_a_format_that_does_not_suit_text_is_refused_before_anything_is_written(gpt_run, command, isolated):
    done = command("export", gpt_run.path, "--quantize", "float32", "--quantize", "int8", "-o", "out")
    assert done.exit_code == 2 and "Traceback" not in done.stderr
    assert "can't be had in int8" in done.stderr and "int8-weights" in done.stderr
    assert not (isolated / "out").exists() and not (gpt_run.path / "export").exists()


def test_a_cache_that_forgets_is_not_published(gpt_run, tmp_path, monkeypatch):
    decode = GPT.decode

    def forgetful(self, token, position, cache):
        return decode(self, token, position, Cache(*(tf.zeros_like(each) for each in cache)))

    monkeypatch.setattr(GPT, "decode", forgetful)
    with pytest.raises(Failure, match="Nothing was published") as failed:
        export(gpt_run, ExportRequest(("tflite",), ("float32", "float16"), tmp_path / "out"))
    for number_format in ("float32", "float16"):
        assert re.search(f"TFLite {number_format}: '[a-z]+' of 'prefill>decode' differs", str(failed.value))
    assert not list((tmp_path / "out").rglob("*.tflite"))


def test_a_servers_cache_is_proved_too(gpt_run, tmp_path, monkeypatch):
    decode = GPT.decode
    monkeypatch.setattr(GPT, "decode", lambda self, token, position, cache: decode(self, token, position + 3, cache))
    with pytest.raises(Failure, match="'ids' of 'generate' differs"):
        export(gpt_run, ExportRequest(("saved-model",), (), tmp_path / "out"))


def test_longer_tokens_and_a_prompt_that_is_too_long(sources, tmp_path, plain_steps):
    run = fit_run("gpt", tmp_path / "pieces", sources("text"), 20, "context=24", "tokenizer=bpe", "vocabulary_size=300")
    export(run, ExportRequest(("saved-model", "tflite"), ("float32",), tmp_path / "out"))
    signatures = served(tmp_path / "out", run)
    assert "generate_text" not in signatures
    prompt = "Zwölf 😀 wolves and the old king rode over a hill and met one grey wolf who spoke of rain of rain"
    given = encoded(run, [prompt])
    assert given["prompt_length"][0] > 24
    how = {name: value[1:2] for name, value in HOW.items()}
    made = signatures["generate"](**in_tensors({**given, "max_new_tokens": limits(1), **how}))
    text = open_codec(run).decode(made["ids"].numpy()[0, : made["length"].numpy()[0]])
    assert example_text(tmp_path / "out", run, prompt, 8, MOST, 0.8, 0, 0.95) == f"{text}\n"


def test_a_run_without_its_tokenizer_says_so(gpt_run, tmp_path):
    run = Run.open(str(shutil.copytree(gpt_run.path, tmp_path / "tales")))
    (run.path / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="tokenizer.json"):
        export(run, ExportRequest(("saved-model",), (), tmp_path / "out"))
