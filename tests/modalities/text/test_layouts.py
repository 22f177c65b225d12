"""Texts as tools lay them out: tables, lists of objects, chats under other names, markers, lines, odd bytes."""

import json
import re

import pytest

from tests.modalities.image.conftest import real_data, texts_of
from tfgen.data import open_data
from tfgen.errors import UserError

TALES = [f"The old king number {number} rode over the hill and met a grey wolf." for number in range(40)]


def write(path, content):
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content, encoding="utf-8")
    return str(path)


def everything(examples):
    return sorted(texts_of(examples) + texts_of(examples, "held-out"))


def csv_of(columns, rows, mark=","):
    return "\n".join([mark.join(columns), *[mark.join(f'"{value}"' for value in row) for row in rows]]) + "\n"


@pytest.mark.parametrize("name, mark", [("a.csv", ","), ("a.tsv", "\t"), ("a.csv", ";")])
@pytest.mark.parametrize("column", ["text", "Tweet", "whatever"])
def test_a_table_has_a_document_in_each_row(tmp_path, name, mark, column):
    rows = [(number, tale.replace("rode", 'rode, ""slowly"",')) for number, tale in enumerate(TALES)]
    examples = open_data(write(tmp_path / name, csv_of(["id", column], rows, mark)))
    assert everything(examples) == sorted(tale.replace("rode", 'rode, "slowly",') for tale in TALES)
    assert f"The texts are the column '{column.lower()}'" in examples.report.notes[0]


def test_one_column_needs_no_word_and_a_text_may_have_lines(tmp_path):
    content = "text\n" + "".join(f'"{tale}\nAnd so on."\n' for tale in TALES)
    examples = open_data(write(tmp_path / "a.csv", content))
    assert everything(examples) == sorted(f"{tale}\nAnd so on." for tale in TALES) and examples.report.notes == []


def test_columns_of_ones_own(tmp_path):
    rows = [(f"What did {number} do?", tale, "x" * 90) for number, tale in enumerate(TALES)]
    path = write(tmp_path / "a.csv", csv_of(["Asked", "Told", "padding"], rows))
    assert everything(open_data(path, text="Told")) == sorted(TALES)
    examples = open_data(path, prompt="Asked", completion="Told")
    assert examples.kind == "completions" and everything(examples)[0].startswith("What did 0 do?The old king")
    with pytest.raises(UserError, match="has no 'told'; its keys: 'Asked', 'Told', 'padding'"):
        open_data(path, text="told")
    with pytest.raises(UserError, match="Set both, or neither"):
        open_data(path, prompt="Asked")
    with pytest.raises(UserError, match="has no columns: it is plain text"):
        open_data(write(tmp_path / "a.txt", "\n".join(TALES)), text="Told")


@pytest.mark.parametrize("layout", ["list", "object", "lines"])
def test_lists_of_objects(tmp_path, layout):
    rows = [{"text": tale} for tale in TALES]
    content = {"list": json.dumps(rows, indent=1), "object": json.dumps({"version": 1, "data": rows}),
               "lines": "\n".join(map(json.dumps, rows))}[layout]
    assert everything(open_data(write(tmp_path / "a.json", content))) == sorted(TALES)


@pytest.mark.parametrize("keys", [("prompt", "completion"), ("prompt", "response"), ("question", "answer")])
def test_prompts_under_other_names(tmp_path, keys):
    rows = [dict(zip(keys, (f"Tell {number}: ", tale), strict=True)) for number, tale in enumerate(TALES)]
    examples = open_data(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert examples.kind == "completions" and len(everything(examples)) == 40
    assert "Tell 7: The old king number 7" in "".join(everything(examples))


def test_alpacas_instructions(tmp_path):
    rows = [{"instruction": "Tell.", "input": f"of {number}" if number % 2 else "", "output": tale}
            for number, tale in enumerate(TALES)]
    examples = open_data(write(tmp_path / "alpaca_data.json", json.dumps(rows)))
    assert examples.kind == "completions"
    wanted = [f"Tell.\n\n{row['input'] + chr(10) * 2 if row['input'] else ''}{row['output']}" for row in rows]
    assert everything(examples) == sorted(wanted)


def chat(number, style):
    user, answer = f"Who was king {number}?", TALES[number]
    if style == "sharegpt":
        return {"conversations": [{"from": "system", "value": "Be brief."}, {"from": "human", "value": user},
                                  {"from": "gpt", "value": answer}]}
    if style == "openai":
        call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
        parts = [{"type": "text", "text": answer[:9]}, {"type": "text", "text": answer[9:]}]
        return {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": user}, call,
                             {"role": "tool", "content": "42"}, {"role": "assistant", "content": parts}]}
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": user},
            {"role": "assistant", "content": answer}]


@pytest.mark.parametrize("style", ["sharegpt", "openai", "bare"])
def test_chats_of_other_tools(tmp_path, style):
    plain = [{"messages": chat(number, "bare")} for number in range(40)]
    wanted = open_data(write(tmp_path / "plain.jsonl", "\n".join(map(json.dumps, plain))))
    rows = [chat(number, style) for number in range(40)]
    for name, content in (("a.jsonl", "\n".join(map(json.dumps, rows))), ("a.json", json.dumps(rows))):
        examples = open_data(write(tmp_path / name, content))
        assert examples.kind == "chats" and examples.fingerprint == wanted.fingerprint
        assert examples.report.broken == []


def test_what_is_no_chat_is_said(tmp_path):
    rows = [{"messages": chat(number, "bare")} for number in range(40)]
    rows[3]["messages"][1] = {"role": "user", "content": [{"type": "image_url"}]}
    rows[5]["messages"][1] = {"role": "wizard", "content": "hi"}
    broken = dict(open_data(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))).report.broken)
    assert "no text ('image_url')" in broken["line 4"] and "No role named 'wizard'" in broken["line 6"]


@pytest.mark.parametrize("start, end", [("", "<|endoftext|>"), ("<|startoftext|>", "<|endoftext|>"), ("<s>", "</s>")])
def test_markers_part_documents(tmp_path, start, end):
    examples = open_data(write(tmp_path / "a.txt", "".join(f"{start}{tale}{end}\n" for tale in TALES)))
    assert everything(examples) == sorted(TALES)
    assert f"{end} was taken for the end of a document; there are 40." in examples.report.notes


def test_a_page_is_not_parted_where_words_are_struck_out(tmp_path):
    page = "".join(f"<p><s>{tale}</s> No.</p>\n" for tale in TALES)
    assert open_data(write(tmp_path / "a.html", page)).report.used == 1


def test_each_line_can_be_a_document(tmp_path):
    path = write(tmp_path / "a.txt", "\r\n\r\n".join(TALES) + "\n")
    assert open_data(path).report.used == 1
    examples = open_data(path, documents="lines")
    assert everything(examples) == sorted(TALES)
    with pytest.raises(UserError, match="Did you mean 'lines'"):
        open_data(path, documents="line")


def test_a_cell_that_lost_its_quotes_is_named(tmp_path):
    lines = [f"{number},{tale}" for number, tale in enumerate(TALES)]
    lines[7] += " And then, at last, he slept."
    examples = open_data(write(tmp_path / "a.csv", "\n".join(["id,text", *lines])))
    assert len(everything(examples)) == 39
    assert examples.report.broken[0][0] == "row 8" and "needs quotes" in examples.report.broken[0][1]
    spread = "\n".join(["id,text", *(line.replace("rode", "rode, slowly,") for line in lines)])
    with pytest.raises(UserError, match="4 cells, and 2 names: a text with a delimiter in it needs quotes"):
        open_data(write(tmp_path / "b.csv", spread))


def test_turns_that_are_context_alone_are_not_learned(tmp_path):
    rows = []
    for number, tale in enumerate(TALES):
        turns = [("user", "Tell."), ("assistant", f"No. {tale}"), ("user", "Do."), ("assistant", tale)]
        rows.append({"messages": [{"role": role, "content": content} for role, content in turns]})
        rows[-1]["messages"][1]["weight"] = 0
    whole = open_data(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))), holdout=0)
    assert whole.training_units == sum(len(tale) + 1 for tale in TALES)  # and the end of each turn


def test_what_a_row_says_beside_is_learned_or_named(tmp_path):
    rows = [
        {"instruction": "Tell.", "context": f"Of {number}.", "response": tale, "category": "tale", "id": "x"}
        for number, tale in enumerate(TALES)
    ]
    examples = open_data(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert f"Tell.\n\nOf 7.\n\n{TALES[7]}" in everything(examples)
    assert examples.report.notes == ["Keys of the rows that are not read: 'category'."]
    turns = [[{"from": "Human", "value": "Hi"}, {"from": "GPT", "value": tale}] for tale in TALES]
    chats = [{"system": "Be brief.", "conversations": each} for each in turns]
    examples = open_data(write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, chats))))
    assert "Be brief." in everything(examples)[0] and examples.report.broken == []
    liked = [{"prompt": "Tell. ", "completion": tale, "label": number % 4 > 0} for number, tale in enumerate(TALES)]
    examples = open_data(write(tmp_path / "c.jsonl", "\n".join(map(json.dumps, liked))))
    assert len(everything(examples)) == 30
    assert examples.report.notes == ["10 of 40 rows say 'label': false, and were left out."]


def test_markers_at_the_ends_of_rows_are_no_text(tmp_path):
    rows = [{"text": f"<s> {tale}</s>"} if number % 2 else {"text": f"{tale}<|endoftext|>"}
            for number, tale in enumerate(TALES)]
    assert everything(open_data(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))) == sorted(TALES)


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.json", json.dumps({"text": TALES})),
        ("a.json", json.dumps({"text": {str(number): tale for number, tale in enumerate(TALES)}}, indent=1)),
        ("a.json", json.dumps(TALES)),
        ("a.jsonl", json.dumps([{"text": tale} for tale in TALES], indent=1)),
        ("a.jsonl", json.dumps([{"text": tale} for tale in TALES])),
        ("a.jsonl", "\n".join("\ufeff" + json.dumps({"text": tale}) for tale in TALES)),
    ],
)
def test_json_in_other_forms(tmp_path, name, content):
    assert everything(open_data(write(tmp_path / name, content))) == sorted(TALES)


def test_broken_json_is_placed(tmp_path):
    content = json.dumps([{"text": tale} for tale in TALES], indent=1)
    with pytest.raises(UserError, match="it is no JSON: .* line 12"):
        open_data(write(tmp_path / "a.json", content.replace("number 3 ", 'number "3" ')))


@pytest.mark.parametrize("encoding", ["cp1254", "iso8859-2"])
def test_an_encoding_that_was_guessed_wrong_can_be_seen_and_set(tmp_path, encoding):
    word = {"cp1254": "kırmızı ağaç", "iso8859-2": "zażółć gęślą jaźń"}[encoding]
    text = "\n".join(TALES).replace("wolf", word)
    path = write(tmp_path / "a.txt", text.encode(encoding))
    assert "with words such as '" in open_data(path).report.notes[0]
    examples = open_data(path, encoding=encoding)
    assert word in everything(examples)[0] and not any("words such as" in note for note in examples.report.notes)
    with pytest.raises(UserError, match="'latin-99' is no encoding"):
        open_data(path, encoding="latin-99")


@pytest.mark.parametrize(
    "encoding, text",
    [
        ("cp1250", "Az öregember az időről beszélt, és a kisfiú őt nézte."),
        ("mac-roman", "Den gamle mannen gick över ån och såg på björnen där."),
        ("cp1252", "El niño pequeño comió piña, según dijo el señor."),
    ],
)
def test_a_close_encoding_is_named_with_the_letters_that_it_would_read(tmp_path, encoding, text):
    note = open_data(write(tmp_path / "a.txt", (f"{text}\n" * 40).encode(encoding))).report.notes[0]
    if f"read as {encoding}" not in note:
        rival, read = re.search(r"\((\w+) would read '(.*?)'", note).groups()
        assert rival == encoding and read in text


@pytest.mark.parametrize("encoding", ["cp1250", "iso8859-2"])
@pytest.mark.parametrize("count", [2, 60])
def test_central_european_in_both_encodings(tmp_path, encoding, count):
    text = "Příliš žluťoučký kůň pěl ódy, když večer přišel domů. Łódź, ścieżka, źródło, wąska.\n" * count
    examples = open_data(write(tmp_path / "a.txt", (text + "The end. " * 200).encode(encoding)))
    assert "žluťoučký" in everything(examples)[0] and "ścieżka" in everything(examples)[0]


def test_a_stray_nul_is_dropped_counted_and_placed(tmp_path):
    text = "\n".join(TALES)
    whole = open_data(write(tmp_path / "whole.txt", text))
    content = text.encode()
    place = content.index(b"number 7")
    examples = open_data(write(tmp_path / "book.txt", content[:place] + b"\0" + content[place:]))
    assert examples.report.notes == ["1 NUL in book.txt dropped, in line 8."]
    assert everything(examples) == everything(whole)
    with pytest.raises(UserError, match="a binary file"):
        open_data(write(tmp_path / "many.txt", content + bytes(50)))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised(tmp_path, encoding):
    text = "\n".join(TALES).replace("wolf", "Wölfin")
    examples = open_data(write(tmp_path / "a.txt", text.encode(encoding)))
    assert "Wölfin" in everything(examples)[0] and examples.report.notes == []


def test_english_with_a_few_odd_bytes_is_no_chinese(tmp_path):
    content = "\n".join(TALES).encode().replace(b"number 7", b"\xa7\xa8 7").replace(b"number 9", b"\xb3caf\xe9 9")
    examples = open_data(write(tmp_path / "a.txt", content))
    assert not [letter for letter in "".join(everything(examples)) if ord(letter) > 0x2FFF]
    notes = " ".join(examples.report.notes)
    assert "read as cp1252: a.txt" in notes and "is a guess" in notes


def test_chinese_in_its_own_encoding_stays_chinese(tmp_path):
    text = "春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。\n" * 40
    examples = open_data(write(tmp_path / "a.txt", text.encode("big5")))
    assert "處處聞啼鳥" in "".join(everything(examples))
    assert "is a guess" not in " ".join(examples.report.notes)


def test_a_readme_beside_the_texts_is_pointed_out(tmp_path):
    folder = tmp_path / "tales"
    folder.mkdir()
    for number, tale in enumerate(TALES):
        write(folder / f"{number}.txt", tale)
    (files,) = open_data(str(folder)).report.notes
    assert files.startswith(f"{len(TALES)} files: 0.txt (") and files.endswith(f"and {len(TALES) - 8} more.")
    write(folder / "README.md", "# About")
    assert "README.md is learned like the other texts" in open_data(str(folder)).report.notes[1]


def test_a_folder_of_json_lists_is_read_and_settings_of_programs_are_not(tmp_path):
    folder = tmp_path / "poems"
    folder.mkdir()
    poems = [{"title": str(number), "paragraphs": [TALES[number], "So it was."]} for number in range(20)]
    write(folder / "poet.0.json", json.dumps(poems, indent=2))
    write(folder / "poet.1.json", json.dumps(poems[::-1]))
    write(folder / "README.md", "# Poems")
    write(folder / "package.json", '{"name": "poems"}')
    examples = open_data(str(folder))
    assert examples.report.used == 40 and f"{TALES[3]}\nSo it was." in everything(examples)


def test_poems_in_other_writings():
    tang, persian = (open_data(str(real_data(name))) for name in ("tang_poems", "persian_poems"))
    assert tang.report.used > 1000 and "。" in "".join(everything(tang)[:5])
    assert any("\u0600" < letter < "\u06ff" for letter in everything(persian)[1][:500])


@pytest.mark.parametrize("kind", ["pairs", "chat"])
def test_plain_text_with_tabs_or_marks_is_no_table(tmp_path, kind):
    lines = {
        "pairs": [f"{tale}\tDer alte König Nummer {number}." for number, tale in enumerate(TALES)],
        "chat": [f"<|im_start|>user\nGo on.<|im_end|>\n<|im_start|>assistant\n{tale}<|im_end|>" for tale in TALES],
    }[kind]
    examples = open_data(write(tmp_path / "a.txt", "\n".join(lines)))
    assert examples.modality == "text" and TALES[3] in "".join(everything(examples))


@pytest.mark.parametrize("layout", ["rows", "files", "folders"])
def test_the_test_part_of_texts_is_held_out(tmp_path, layout):
    (tmp_path / "set").mkdir()
    for part, tales in (("train", TALES[:30]), ("test", TALES[30:])):
        if layout == "rows":
            content = "\n".join(json.dumps({"text": tale}) for tale in tales)
            write(tmp_path / "set" / f"{part}.jsonl", content)
        elif layout == "files":
            write(tmp_path / "set" / f"{part}.txt", "\n".join(tales))
        else:
            (tmp_path / "set" / part).mkdir()
            for number, tale in enumerate(tales):
                write(tmp_path / "set" / part / f"{number}.txt", tale)
    settings = {"documents": "lines"} if layout == "files" else {}
    examples = open_data(str(tmp_path / "set"), **settings)
    assert sorted(texts_of(examples, "held-out")) == sorted(TALES[30:])
    assert any("The test part is held out to judge by" in note and "test" in note for note in examples.report.notes)
    assert len(texts_of(open_data(str(tmp_path / "set"), holdout=0, **settings))) == 40


def test_several_tables_of_texts_in_a_folder_are_one_set(tmp_path):
    for number in range(2):
        rows = enumerate(TALES[20 * number : 20 * number + 20])
        write(tmp_path / f"{number}.csv", csv_of(["id", "text"], rows))
    write(tmp_path / "prices.csv", "day,price\n" + "".join(f"{day},{day * 3}\n" for day in range(50)))
    examples = open_data(str(tmp_path))
    assert everything(examples) == sorted(TALES) and examples.kind == "text"


def test_documents_with_a_layout_beside_few_texts_are_named(tmp_path):
    for number in range(3):
        write(tmp_path / f"{number}.txt", "\n".join(TALES))
    for name in ("plan.docx", "paper.pdf", "old.pdf"):
        write(tmp_path / name, b"PK\0")
    notes = open_data(str(tmp_path)).report.notes
    assert "3 documents with a layout not read (2 .pdf, 1 .docx). To learn them: save them as plain text, .txt" in notes


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("as_folder", [False, True])
def test_telegrams_chats_are_texts_with_a_line_for_each_message(tmp_path, several, as_folder):
    messages = [{"id": 0, "type": "service", "actor": "Ann", "action": "create_group", "text": ""}]
    for number, tale in enumerate(TALES):
        text = [tale, {"type": "link", "text": " https://a.example"}] if number == 1 else tale
        messages.append({"id": number, "type": "message", "from": "Ann" if number % 2 else "Bo", "text": text})
    chat = {"name": "Bo", "type": "personal_chat", "id": 7, "messages": messages}
    content = {"about": "An export.", "chats": {"about": "All.", "list": [chat, chat]}} if several else chat
    path = write(tmp_path / "result.json", json.dumps(content, indent=1))
    text = everything(open_data(str(tmp_path) if as_folder else path, holdout=0))[0]
    assert text.startswith(f"Bo: {TALES[0]}\nAnn: {TALES[1]} https://a.example\nBo: {TALES[2]}\n")


@pytest.mark.parametrize("layout", ["object", "list", "spread"])
def test_pretty_printed_json_in_a_folder(tmp_path, layout):
    rows = [{"text": tale} for tale in TALES]
    content = {"object": json.dumps({"version": 1, "name": "Tales", "data": rows}, indent=2),
               "list": json.dumps(rows, indent=2), "spread": "\n".join(json.dumps(row, indent=2) for row in rows)}
    write(tmp_path / f"tales.json{'l' if layout == 'spread' else ''}", content[layout])
    assert everything(open_data(str(tmp_path))) == sorted(TALES)


def test_json_that_breaks_off_in_the_middle_is_named(tmp_path):
    rows = "\n".join(json.dumps({"text": tale}, indent=2) for tale in TALES)
    examples = open_data(write(tmp_path / "tales.jsonl", rows + '\n{"text": "The'))
    assert examples.report.broken == [("behind row 40", "not JSON")] and examples.report.used == 40


def test_keys_in_capitals_are_read_and_misspelled_ones_get_a_hint(tmp_path):
    rows = [{"Text": tale, "Mood": "grim"} for tale in TALES]
    examples = open_data(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert everything(examples) == sorted(TALES)
    rows = [{"promt": tale, "completions": tale} for tale in TALES]
    with pytest.raises(UserError, match="for 'promt' write 'prompt', 'completions' write 'completion'"):
        open_data(write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, rows))))
