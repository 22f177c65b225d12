"""Files of preferences that others made, read row by row."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tfgen.errors import UserError
from tfgen.feedback.events import KINDS, Event, check
from tfgen.feedback.layouts import read_rows

SHARED = Path(os.environ.get("TFGEN_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
PREFERENCE = {"prompt": "Say hello.", "chosen": "Hello!", "rejected": "No."}
PANDALM = {
    "idx": 7, "instruction": "Add.", "input": "1 + 1", "response1": "3", "response2": "2",
    "annotator1": 2, "annotator2": 0, "annotator3": 1,
}


@pytest.fixture
def read(tmp_path):
    """Writes rows as JSON lines, or as a list, and reads them."""

    def read(rows, as_list=False, name="rows.json"):
        path = tmp_path / name
        text = json.dumps(rows, indent=1) if as_list else "\n".join(json.dumps(row) for row in rows)
        path.write_text(text, encoding="utf-8")
        return read_rows(path)

    return read


def test_preferences_of_prompt_chosen_rejected(read):
    (row,) = read([{**PREFERENCE, "who": "ann"}])
    key = row.pop("key")
    assert row.pop("line") == 1
    assert row == {"kind": "pair", "prompt": "Say hello.", "shown": ["Hello!", "No."], "picked": [0], "who": "ann"}
    assert len(key) == 24


@pytest.mark.parametrize("asked", [{"question": "Why?"}, {"instruction": "Why?"}, {"prompt": "Why?", "input": "x"}])
def test_prompts_of_preferences_under_other_names(read, asked):
    (found,) = read([{**asked, "system": "Be brief.", "chosen": "So.", "rejected": "No."}])
    assert found["prompt"] == "Why?" and found["shown"] == ["So.", "No."]
    (found,) = read([{"instruction": "Sum up.", "input": "It rained.", "chosen": "Rain.", "rejected": "No."}])
    assert found["prompt"] == "Sum up.\n\nIt rained."


def test_conversations_are_read_as_their_last_message(read):
    question = {"role": "user", "content": "Why?"}
    answers = [{"role": "assistant", "content": each} for each in ("Because.", "Go away.")]
    (explicit,) = read([{"prompt": [question], "chosen": answers[:1], "rejected": answers[1:]}])
    (implicit,) = read([{"chosen": [question, answers[0]], "rejected": [question, answers[1]]}])
    assert explicit == implicit
    assert (explicit["prompt"], explicit["shown"]) == ("Why?", ["Because.", "Go away."])


def test_several_messages_are_a_prompt_with_roles(read):
    said = [("user", "Hi"), ("assistant", "Hi!"), ("user", "Bye")]
    (row,) = read([{**PREFERENCE, "prompt": [{"role": role, "content": content} for role, content in said]}])
    assert row["prompt"] == "user: Hi\n\nassistant: Hi!\n\nuser: Bye"


@pytest.mark.parametrize("label, value", [(True, 1), (False, -1), (1, 1), (0, -1), (-1, -1)])
def test_labels_are_thumbs(read, label, value):
    (row,) = read([{"prompt": "p", "completion": "c", "label": label}])
    assert (row["kind"], row["value"], row["shown"]) == ("thumb", value, ["c"])


def test_ratings(read):
    (row,) = read([{"prompt": "p", "completion": "c", "rating": 4}])
    assert (row["kind"], row["value"]) == ("rating", 4)


@pytest.mark.parametrize("as_list", [False, True])
def test_each_annotator_of_pandalm_is_a_person(read, as_list):
    rows = read([PANDALM], as_list)
    assert [row["who"] for row in rows] == ["annotator1", "annotator2", "annotator3"]
    assert [row["picked"] for row in rows] == [[1], [0, 1], [0]]
    assert {row["prompt"] for row in rows} == {"Add.\n\n1 + 1"}
    assert [row["key"] for row in rows] == ["7-annotator1", "7-annotator2", "7-annotator3"]


def test_a_ranking_is_the_best_of_all_then_the_best_of_the_rest(read):
    rows = read([{"id": "x", "prompt": "a heart", "generations": ["a", "b", "c", "d"], "ranking": [2, 1, 5, 2]}])
    assert [(row["kind"], row["shown"], row["picked"]) for row in rows] == [
        ("pick", ["a", "b", "c", "d"], [1]),
        ("pick", ["a", "c", "d"], [0, 2]),
    ]
    assert len({row["key"] for row in rows}) == 2


def test_replies_of_openassistant_are_ranked_within_their_question(read):
    def message(own, parent, role, text, rank=None, **more):
        return {"message_id": own, "parent_id": parent, "role": role, "text": text, "rank": rank, **more}

    rows = read([
        message("q", None, "prompter", "Why?"),
        message("a", "q", "assistant", "Because.", 1),
        message("b", "q", "assistant", "It rains.", 0),
        message("c", "q", "assistant", "deleted", 2, deleted=True),
        message("q2", "b", "prompter", "And then?"),
        message("d", "q2", "assistant", "Sun.", 0),
        message("e", "q2", "assistant", "Snow.", 1),
        message("f", "lost", "assistant", "Whose?", 0),
        message("g", "lost", "assistant", "Mine.", 1),
    ])
    assert [(row["prompt"], row["shown"], row["picked"]) for row in rows] == [
        ("Why?", ["Because.", "It rains."], [1]),
        ("user: Why?\n\nassistant: It rains.\n\nuser: And then?", ["Sun.", "Snow."], [0]),
    ]


def test_keys_stay_when_rows_move_and_tell_equal_rows_apart(read):
    other = {**PREFERENCE, "prompt": "Say goodbye."}
    first, second = read([PREFERENCE, other])
    moved = read([other, {**PREFERENCE, "prompt": "new"}, PREFERENCE, PREFERENCE])
    assert [moved[0]["key"], moved[2]["key"]] == [second["key"], first["key"]]
    assert moved[3]["key"] == f"{first['key']}-2"


def test_what_is_read_are_events_that_the_store_takes(read):
    for row in read([PANDALM, {**PANDALM, "idx": 8}]):
        payload = {"picked": row["picked"]}
        check(Event(row["kind"], tuple(map(str, range(len(row["shown"])))), payload, row["who"]))


@pytest.mark.parametrize(
    "rows, line, what",
    [
        ([PREFERENCE, {"prompt": "p", "chosen": "c"}], 2, "'rejected' is missing"),
        ([PREFERENCE, {**PREFERENCE, "chosen": 3}], 2, "'chosen' is no text"),
        ([PREFERENCE, [1]], 2, "it is no object"),
        ([{**PREFERENCE, "chosen": "Hello \ud83d"}], 1, "'chosen' has half a character"),
        ([{**PREFERENCE, "prompt": [{"role": "user"}]}], 1, "a message of 'prompt' has no content"),
        ([{"prompt": "p", "completion": "c", "label": "good"}], 1, "'label' is neither true nor false"),
        ([{"prompt": "p", "completion": "c", "rating": 6}], 1, "'rating' is no whole number from 1 to 5"),
        ([PANDALM, {**PANDALM, "annotator2": 3}], 2, "'annotator2' is none of 0, 1 and 2"),
        ([{"prompt": "p", "generations": ["a", "b"], "ranking": [1]}], 1, "there are not as many ranks as generations"),
        ([{"prompt": "p", "generations": ["a", "b"], "ranking": [1, None]}], 1, "a rank is no number"),
        ([{"message_id": "a", "parent_id": "b", "role": "assistant", "text": "", "rank": "0"}], 1, "'rank' is no"),
    ],
)
def test_a_malformed_row_is_named_by_its_line(read, rows, line, what):
    with pytest.raises(UserError, match=f"Line {line} of .*rows.json' is malformed: {what}"):
        read(rows)


def test_all_malformed_rows_are_counted_and_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    good = json.dumps(PREFERENCE)
    path.write_text("\n".join(["{", good, '{"prompt": "p"}', good, "[]", '{"chosen": "a"', "1", "2", good]))
    with pytest.raises(UserError) as refused:
        read_rows(path)
    what = refused.value.what_is_wrong
    assert what.startswith(f"6 rows of '{path}' are malformed: line 1 (it is no JSON), line 3 ('chosen' is missing)")
    assert "line 7" in what and what.endswith("and 1 more.")


def test_lines_of_a_list_are_those_of_the_file(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('[\n{"prompt": "p",\n "chosen": "a", "rejected": "b"},\n\n{"prompt": "p"}\n]\n')
    with pytest.raises(UserError, match="Line 5 .*'chosen' is missing"):
        read_rows(path)


@pytest.mark.parametrize(
    "text, line",
    [
        ('{"prompt": 1', 1),
        ('[{"chosen": "a", "rejected": "b"} {"chosen": "a"}]', 1),
        ('[{"chosen": "a", "rejected": "b"},\n', 2),
    ],
)
def test_what_is_no_json_is_named_by_its_line(tmp_path, text, line):
    path = tmp_path / "rows.json"
    path.write_text(text)
    with pytest.raises(UserError, match=f"Line {line} of .* it is no JSON"):
        read_rows(path)


def test_other_files_are_refused_in_a_sentence(tmp_path):
    path = tmp_path / "rows.jsonl"
    with pytest.raises(UserError, match="There is no file"):
        read_rows(path)
    contents = {b"": "has no rows", b"\xff\xfe\x00": "can't be read as UTF-8", b'{"text": "a"}': "its rows have text"}
    for content, what in contents.items():
        path.write_bytes(content)
        with pytest.raises(UserError, match=what):
            read_rows(path)


@pytest.mark.parametrize(
    "name, kinds, pairs",
    [
        ("oasst1_en_validation/preference_pairs.jsonl", {"pair": 714}, 714),
        ("oasst1_en_validation/messages.jsonl", {"pair": 416, "pick": 295}, 1022),
        ("pandalm_testset/testset-v1.json", {"pair": 2997}, None),
        ("imagereward/test.json", None, 6399),
    ],
)
def test_public_sets(name, kinds, pairs):
    """As their own descriptions count them."""
    if not (SHARED / name).exists():
        pytest.skip(f"{name} is not here")
    rows = read_rows(SHARED / name)
    assert {row["kind"] for row in rows} <= set(KINDS)
    assert len({row["key"] for row in rows}) == len(rows)
    if kinds is not None:
        assert Counter(row["kind"] for row in rows) == kinds
    if pairs is not None:
        assert sum(len(row["picked"]) * (len(row["shown"]) - len(row["picked"])) for row in rows) == pairs


def test_a_set_of_prompts_alone_has_no_preferences():
    path = SHARED / "imagereward" / "refl_data.json"
    if not path.exists():
        pytest.skip("imagereward is not here")
    with pytest.raises(UserError, match="no preferences in a layout that is known"):
        read_rows(path)
