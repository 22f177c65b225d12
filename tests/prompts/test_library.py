"""Saved prompts: versions never change, tags move, removal hides, and several may save at once."""

import threading

import pytest
import sqlalchemy as sql

from tfgen.errors import UserError
from tfgen.feedback.store import open_store
from tfgen.prompts.library import PromptLibrary, difference


@pytest.fixture
def library():
    with open_store() as store:
        yield PromptLibrary(store)


def test_versions_are_numbered_and_found_again(library):
    first = library.save("hearts", "a {red|blue} heart", message="begun")
    second = library.save("hearts", "a {red|blue} heart", {"truncation": 0.7}, evidence={"judge": "recognised"})
    assert first.is_new and (first.number, first.parent) == (1, None)
    assert (second.number, second.parent, second.evidence) == (2, 1, {"judge": "recognised"})
    assert library.find("hearts") == library.find("@hearts@2")
    assert library.find("hearts@1").message == "begun"
    assert [each.number for each in library.versions("hearts")] == [1, 2]


def test_what_did_not_change_makes_no_version(library):
    library.save("hearts", "a heart")
    again = library.save("hearts", "a heart", message="other words")
    assert (again.number, again.is_new, again.message) == (1, False, "")
    library.save("hearts", "a star")
    assert library.save("hearts", "a heart").number == 3, "going back is a change"


def test_a_tag_moves(library):
    for text in ("a", "b", "c"):
        library.save("x", text)
    library.tag("x@2", "best")
    assert library.find("x@best").text == "b"
    library.tag("x@3", "best")
    assert library.find("x@best").text == "c" and library.find("x@2").tags == ()


def test_a_removed_prompt_is_hidden_until_it_is_saved_again(library):
    library.save("x", "a")
    library.save("y", "b")
    library.remove("x")
    assert library.names() == ["y"]
    with pytest.raises(UserError, match="The prompt 'x' was removed"):
        library.find("x")
    assert library.save("x", "c").number == 2
    assert library.find("x@1").text == "a"


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda each: each.find("heart"), "Did you mean 'hearts'"),
        (lambda each: each.find("hearts@7"), "no version 7. Its newest is 1"),
        (lambda each: each.find("hearts@bets"), "Did you mean 'best'"),
        (lambda each: each.save("a b", "x"), "can't be the name of a prompt"),
        (lambda each: each.save("a", "{x"), "never closed"),
        (lambda each: each.save("a", "x" * 70_000), "too long"),
        (lambda each: each.tag("hearts", "3"), "can't be a tag"),
        (lambda each: each.remove("nothing"), "nothing"),
    ],
)
def test_mistakes_are_said_in_words(library, call, words):
    library.save("hearts", "a heart")
    library.tag("hearts", "best")
    with pytest.raises(UserError, match=words):
        call(library)


def test_nothing_is_ever_changed(library):
    library.save("x", "a")
    for statement in ("UPDATE prompt_version SET text = 'b'", "DELETE FROM prompt_version"):
        with pytest.raises(UserError, match="never changed"), library.store.writing() as connection:
            connection.execute(sql.text(statement))
    assert library.find("x").text == "a"


def test_two_that_save_at_once_get_two_numbers(library):
    def save(writer):
        with open_store() as store:
            for number in range(5):
                PromptLibrary(store).save("x", f"{writer} {number}")

    writers = [threading.Thread(target=save, args=[writer]) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    versions = library.versions("x")
    assert [each.number for each in versions] == list(range(1, 21))
    assert len({each.text for each in versions}) == 20


def test_a_difference_is_by_words_and_settings(library):
    old = library.save("x", "a red heart", {"truncation": 0.7})
    new = library.save("x", "a blue heart", {"truncation": 0.8})
    found = difference(old, new)
    assert found["text"] == [[" ", "a"], ["-", "red"], ["+", "blue"], [" ", "heart"]]
    assert found["settings"] == {"truncation": [0.7, 0.8]}
