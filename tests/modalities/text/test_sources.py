"""Text as a source: encodings, rows, what is learned, what is held out, what is wrong and how that is said."""

import json
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tests.conftest import run_tfgen
from tests.modalities.image.conftest import noise, real_data, save, texts_of
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.text import prepare
from tfgen.modalities.text.modality import TextModality
from tfgen.modalities.text.template import ChatTemplate

TALE = "".join(f"In the year {year} a fox crossed the river.\nNobody saw it, and nobody asked.\n" for year in range(40))


@pytest.fixture
def folder(tmp_path):
    """An empty folder to put texts in."""
    path = tmp_path / "tales"
    path.mkdir()
    return path


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def flags_of(examples):
    """Every stored token with whether it is learned."""
    names = {number: name for name, number in examples.codec.tokenizer.markers.items()}
    names[examples.codec.tokenizer.end] = "END"
    ids, learned = examples.ids(examples.values), examples.learned(examples.values)
    words = [names.get(number) or examples.codec.tokenizer.decode([number]) for number in ids]
    return list(zip(words, learned.tolist(), strict=True))


def test_a_file_is_one_document_and_its_last_tenth_is_held_out(folder):
    path = folder / "tale.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TALE.replace("\n", "\r\n").encode())
    examples = open_data(str(path))
    (start,), (rest,) = texts_of(examples), texts_of(examples, "held-out")
    assert start + rest == TALE and start.endswith("\n") and 0.85 < len(start) / len(TALE) < 0.95
    assert (examples.modality, examples.name, examples.kind, examples.documents) == ("text", "tale", "text", (1, 1))
    assert (examples.training_units, examples.holdout_units) == (len(start), len(rest) + 1)
    flags = examples.learned(examples.values)
    assert not flags[len(start)] and flags.sum() == len(flags) - 1, "where the text is cut it doesn't end"
    assert examples.values.dtype == np.uint16 and not examples.values.flags.writeable
    assert texts_of(open_data(str(path), holdout=0)) == [TALE]
    assert examples.report.notes == [] and examples.codec.tokenizer.unknown("fox!") == ["!"]


def test_every_document_is_closed_by_a_learned_end(folder):
    rows = write(folder / "a.jsonl", *({"text": f"{TALE[:300]} {number}"} for number in range(3)))
    examples = open_data(rows, holdout=0)
    ends = examples.ids(examples.values) == examples.codec.tokenizer.end
    assert ends.sum() == 3 and ends[-1] and examples.learned(examples.values).all()
    assert examples.training_units == examples.training_tokens == 3 * 303
    assert texts_of(examples)[2] == f"{TALE[:300]} 2"


def test_of_prompts_and_completions_the_completion_is_learned(folder):
    rows = [{"prompt": f"{number}+1=", "completion": f"{number + 1}, as {TALE[:50]}"} for number in range(9)]
    examples = open_data(write(folder / "sums.jsonl", *rows), holdout=0)
    assert examples.kind == "completions" and examples.codec.template is None
    completion = rows[0]["completion"]
    expected = [(letter, False) for letter in "0+1="] + [(letter, True) for letter in completion] + [("END", True)]
    assert flags_of(examples)[: len(expected)] == expected
    assert examples.training_units == sum(len(row["completion"]) + 1 for row in rows)
    assert examples.training_units == examples.learned(examples.values).sum()


def test_of_chats_the_answers_are_learned(folder):
    def chat(number):
        return {"messages": [
            {"role": "system", "content": "Be"}, {"role": "user", "content": f"Hi <|end|> {number}"},
            {"role": "assistant", "content": "Yes." + TALE[:60]}, {"role": "user", "content": "So?"},
            {"role": "assistant", "content": "No"},
        ]}  # fmt: skip

    examples = open_data(write(folder / "chats.jsonl", *map(chat, range(5))))
    letters = [(letter, False) for letter in "Hi <|end|> 0"]
    answer = [(letter, True) for letter in "Yes." + TALE[:60]]
    expected = [
        ("<|system|>", False), ("B", False), ("e", False), ("<|end|>", False), ("<|user|>", False), *letters,
        ("<|end|>", False), ("<|assistant|>", False), *answer, ("<|end|>", True), ("<|user|>", False), ("S", False),
        ("o", False), ("?", False), ("<|end|>", False), ("<|assistant|>", False), ("N", True), ("o", True),
        ("<|end|>", True), ("END", False),
    ]  # fmt: skip
    assert flags_of(examples)[: len(expected)] == expected
    assert examples.kind == "chats" and examples.documents == (4, 1)
    template = ChatTemplate.from_json(examples.codec.template.to_json())
    assert template == examples.codec.template
    opening = template.opening(chat(0)["messages"][:2], examples.codec.tokenizer)
    assert opening.tolist() == examples.ids(examples.values)[: len(opening)].tolist()
    with pytest.raises(UserError, match="Did you mean 'user'"):
        template.opening([{"role": "usr", "content": "x"}], examples.codec.tokenizer)


def test_the_split_follows_the_content(folder):
    def lay(name, text):
        (folder / name).write_text(text)

    for number in range(60):
        lay(f"{number}.txt", f"{number} {TALE[:200]}")
    lay("copy.txt", f"7 {TALE[:200]}")
    first = open_data(str(folder))
    held = set(texts_of(first, "held-out"))
    assert held and not held & set(texts_of(first)) and sum(first.documents) == 61
    for number in range(60, 100):
        lay(f"more-{number}.txt", f"{number} {TALE[:200]}")
    for text in held:
        lay(f"copied-{text.split()[0]}.txt", text)
    second = open_data(str(folder))
    assert held <= set(texts_of(second, "held-out")) and set(texts_of(first)) <= set(texts_of(second))
    assert not set(texts_of(second)) & set(texts_of(second, "held-out"))
    assert open_data(str(folder), holdout=0).documents == (100 + 1 + len(held), 0)


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_few_documents_of_many_sizes_leave_something_on_both_sides(folder, share):
    for seed in range(8):
        for number in range(20):
            size = 8000 if number == seed else 50 + number
            (folder / f"{number}.txt").write_text(f"{seed} {number} {(TALE * 3)[:size]}")
        examples = open_data(str(folder), holdout=share)
        assert 0 < len(examples.values) - len(examples) <= 0.6 * len(examples.values)


def test_encodings_are_found_and_said(folder):
    french = "Le garçon a mangé un gâteau à la crème, où était-il passé ?\n" * 6
    for number in range(4):
        (folder / f"plain-{number}.txt").write_text(f"{number} naïve {TALE}")
    (folder / "french.txt").write_bytes(french.encode("cp1252"))
    (folder / "wide.txt").write_bytes(french.encode("utf-16"))
    (folder / "broken.txt").write_bytes(french.encode() + b"\xff broken \xfe\n")
    examples = open_data(str(folder), holdout=0)
    texts = texts_of(examples)
    assert texts[:3] == [french + "\ufffd broken \ufffd\n", french, texts[2]] and texts[-1] == french
    notes = " ".join(examples.report.notes)
    assert "1 file is not UTF-8; read as cp1252: french.txt, with words such as 'garçon', " in notes
    assert "2 broken places in broken.txt replaced" in notes


def test_speeches_in_several_encodings():
    examples = open_data(str(real_data("state_union")))
    assert examples.codec.tokenizer.kind == "bpe" and examples.codec.tokenizer.size == 2048
    assert "6 files are not UTF-8" in examples.report.notes[0] and "cp1252: 1954-E" in examples.report.notes[0]
    assert 0.02 < examples.documents[1] / examples.report.used < 0.2
    assert examples.report.broken == []


def test_shakespeare_is_split_as_nanogpt_splits_it():
    examples = open_data(str(real_data("tinyshakespeare") / "input.txt"))
    assert abs(examples.training_units - 1_003_854) < 40
    assert examples.training_units + examples.holdout_units == 1_115_394 + 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b" \n \n", "nothing but space"),
        ("a.txt", b"text\0with zeros" * 50, "binary file"),
        ("a.txt", bytes(range(1, 32)) * 50, "binary file"),
        ("a.txt", b"Hello, world.\n", "only 13 characters"),
        ("a.txt", b"word " * 60, "single line"),
        ("a.jsonl", b"\n\n", "nothing but space"),
        ("a.jsonl", b'{"text": "x"\n' * 3, r"3 of 3 rows .* line 1 \(not JSON\)"),
        ("a.jsonl", b"[1]\n", "not an object"),
        ("a.jsonl", b'{"tale": "x", "id": 1}\n', "lacks 'text', .* its keys: 'tale', 'id'"),
        ("a.jsonl", b'{"text": 5}\n', "'text' is a number, not a string"),
        ("a.jsonl", b'{"prompt": null, "completion": "x"}\n', "'prompt' is null"),
        ("a.jsonl", b'{"messages": "x"}\n', "'messages' is a string, not a list"),
        ("a.jsonl", b'{"messages": [{"role": "elf", "content": "x"}]}\n', "role named 'elf'"),
        ("a.jsonl", b'{"messages": [{"content": "x"}]}\n', "lacks 'role'"),
        ("a.jsonl", b'{"text": "x"}\n{"messages": []}\n', "mixes rows"),
        ("a.jsonl", b'{"text": "short"}\n', "only 5 characters"),
        ("a.jsonl", b'{"prompt": "a", "completion": ""}\n', "no text to learn"),
        ("a.json", b'[\n{"text": "x"}\n]\n', "only 1 characters"),
    ],
)
def test_bad_input_gets_a_sentence_on_what_is_wrong_and_one_on_what_to_do(folder, cache, name, content, words):
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=words) as raised:
        open_data(str(folder / name))
    assert raised.value.what_to_do and not list(cache.glob("*"))


def test_a_few_broken_rows_are_left_out_and_named(folder):
    good = [{"text": f"{number} {TALE[:100]}"} for number in range(30)]
    path = folder / "a.jsonl"
    write(path, *good)
    with open(path, "a") as file:
        file.write('{"text": 5}\n{"text": ""}\nnot json\n')
    report = open_data(str(path)).report
    assert (report.found, report.used) == (33, 30)
    assert report.broken == [("line 31", "'text' is a number, not a string"), ("line 33", "not JSON")]
    assert ["1 of 33 rows have nothing to learn and were left out."] == report.notes


def test_folders(folder):
    for number in range(1, 13):
        (folder / f"{number}.md").write_text(f"{number}. {TALE[:100]}")
    (folder / "in" / "deep").mkdir(parents=True)
    (folder / "in" / "deep" / "a.txt").write_text(f"deep {TALE[:100]}")
    (folder / "in" / "NOTES").write_text(f"notes {TALE[:100]}")
    (folder / ".hidden.txt").write_text("hidden")
    (folder / "empty.txt").touch()
    (folder / "bad.txt").write_bytes(b"a\0b")
    (folder / "table.csv").write_text("1,2")
    (folder / "round").symlink_to(folder)
    (folder / "rows.jsonl").write_text('{"a": 1}')
    examples = open_data(str(folder), holdout=0)
    assert [text.split()[0] for text in texts_of(examples)] == [*(f"{n}." for n in range(1, 13)), "deep", "notes"]
    assert examples.report.broken == [("bad.txt", "a binary file")] and "1 empty file" in examples.report.notes[1]
    assert (examples.name, examples.report.found, examples.report.used) == ("tales", 16, 14)


def test_a_folder_of_rows_with_a_readme(folder):
    for name in ("b", "a"):
        write(folder / f"{name}.jsonl", *({"text": f"{name}{number} {TALE[:100]}"} for number in range(3)))
    (folder / "README.md").write_text("These are tales.")
    examples = open_data(str(folder), holdout=0)
    assert [text.split()[0] for text in texts_of(examples)] == ["a0", "a1", "a2", "b0", "b1", "b2"]


def test_pictures_win_over_the_texts_beside_them(folder):
    for number in range(4):
        (folder / f"{number}.txt").write_text(TALE)
        save(folder / "in" / f"{number}.png", noise(number))
    assert open_data(str(folder)).modality == "image"
    shutil.rmtree(folder / "in")
    assert open_data(str(folder)).modality == "text"


def test_a_folder_with_neither_and_one_with_broken_texts(folder):
    (folder / "a.bin").write_bytes(b"\0\1\2")
    with pytest.raises(UserError, match=r"no pictures, texts, .* \(1 .bin\)"):
        open_data(str(folder))
    (folder / "b.txt").symlink_to(folder / "gone.txt")
    with pytest.raises(UserError, match=r"that can be read: b.txt \(a link to nothing\); other files: 1 .bin"):
        open_data(str(folder))
    (folder / "b.txt").unlink()
    (folder / "a.txt").write_text(TALE)
    (folder / "b.txt").write_bytes(b"\0")
    with pytest.raises(UserError, match=r"1 of 2 files .* more than a tenth: b.txt \(a binary file\)"):
        open_data(str(folder))


def test_a_second_opening_reads_the_cache(folder, cache, monkeypatch):
    path = folder / "tale.txt"
    path.write_text(TALE)
    first = open_data(str(path))
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "look_through", lambda source: pytest.fail("prepared again"))
        again = open_data(str(path))
    assert isinstance(again.values, np.memmap) and again.fingerprint == first.fingerprint
    assert again.codec.tokenizer.to_bytes() == first.codec.tokenizer.to_bytes()
    path.write_text(TALE + "The end.\n")
    assert texts_of(open_data(str(path)), "held-out")[0].endswith("The end.\n")
    assert len(list(cache.glob("*.npy"))) == 1


def test_the_fingerprint_is_that_of_content_and_tokenizer(folder, tmp_path):
    (folder / "tale.txt").write_text(TALE)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "named.md").write_text(TALE)
    first = open_data(str(folder / "tale.txt")).fingerprint
    assert open_data(str(tmp_path / "other")).fingerprint == first
    assert open_data(str(folder), tokenizer="bpe").fingerprint != first
    (folder / "tale.txt").write_text(TALE.replace("fox", "cat"))
    assert open_data(str(folder)).fingerprint != first


def test_tokenizers_by_setting(folder, tmp_path):
    (folder / "tale.txt").write_text(TALE)
    pieces = open_data(str(folder), vocabulary_size=400)
    assert pieces.codec.tokenizer.kind == "bpe" and pieces.codec.tokenizer.size <= 400
    (tmp_path / "tokenizer.json").write_bytes(pieces.codec.tokenizer.to_bytes())
    brought = open_data(str(folder), tokenizer=str(tmp_path / "tokenizer.json"))
    assert brought.fingerprint == pieces.fingerprint
    assert brought.codec.tokenizer.alphabet == pieces.codec.tokenizer.alphabet
    refused = {"letters": "Did you mean 'bytes'", "a/b.json": "no tokenizer", "charcters": "'characters'"}
    for setting, words in refused.items():
        with pytest.raises(UserError, match=words):
            open_data(str(folder), tokenizer=setting)


def test_long_files_are_read_in_pieces_and_large_vocabularies_take_four_bytes(folder, monkeypatch):
    monkeypatch.setattr("tfgen.modalities.text.reading.BLOCK", 1000)
    monkeypatch.setattr("tfgen.data.encodings.BLOCK", 1000)
    monkeypatch.setattr("tfgen.modalities.text.reading.LONGEST_PIECE", 400)
    text = ("".join(f"né{number} " + ("\r\n" if number % 7 == 0 else "") for number in range(3000)) + "x" * 3000) * 2
    (folder / "a.txt").write_bytes(text.encode())
    monkeypatch.setattr(prepare, "given_bit", lambda dtype: 1 if dtype == np.uint16 else 2**31)
    told = []
    examples = open_data(str(folder), progress=lambda done, total: told.append((done, total)))
    assert texts_of(examples)[0] + texts_of(examples, "held-out")[0] == text.replace("\r\n", "\n")
    assert examples.values.dtype == np.uint32 and told[-1][0] == told[-1][1]


def test_memory_does_not_grow_with_the_text(tmp_path):
    line = "It was a dark and stormy night; the rain fell in torrents, except at times.\n"
    (tmp_path / "long.txt").write_text(line * 700_000)
    code = """
        import resource, sys
        from tfgen.data import open_data
        import tfgen.modalities.text.prepare, charset_normalizer
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        open_data(sys.argv[1], tokenizer="characters")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, "tensorflow" in sys.modules)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "long.txt")]
    said = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.split()
    assert int(said[0]) < 150_000 and said[1] == "False", "kB for a text of 53 MB"


def test_what_the_command_says(folder):
    path = folder / "tale.txt"
    path.write_text(TALE)
    seen = run_tfgen("data", path)
    assert seen.returncode == 0 and "1 document, " in seen.stdout and "held out" in seen.stdout, seen.stderr
    facts = json.loads(run_tfgen("data", path, "--json").stdout)
    assert facts["modality"] == "text" and facts["documents"] == {"training": 1, "holdout": 1}
    assert facts["tokens"]["training"] + facts["tokens"]["holdout"] == len(TALE) + 2
    assert TextModality.facts(open_data(str(path)))["vocabulary_size"] == facts["vocabulary_size"]


def test_openings_are_what_is_given_of_held_out_documents(tmp_path):
    rows = [{"prompt": f"Say {place}. ", "completion": f"So I say {place}, as told."} for place in range(40)]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    examples = open_data(str(path))
    openings = examples.openings(5)
    texts = [examples.codec.tokenizer.decode(ids) for ids in openings]
    assert len(texts) == 5 and all(re.fullmatch(r"Say \d+\. ", text) for text in texts)
    held_out = examples.codec.tokenizer.decode(examples.ids(examples.part("held-out")))
    assert all(text in held_out for text in texts)


def test_a_share_that_rounds_to_nothing_holds_out_next_to_nothing(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("A line of some words.\n" * 20, encoding="utf-8")
    examples = open_data(str(path), holdout=0.001)
    assert len(examples.values) - examples.training_tokens <= 25


@pytest.mark.parametrize(
    ("name", "content"), [("a.pdf", b"%PDF-1.4\n" + b"words " * 999), ("a.rtf", b"{\\rtf1 " + b"words " * 999)]
)
def test_documents_with_a_layout_are_no_texts(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match="plain text"):
        open_data(path)
