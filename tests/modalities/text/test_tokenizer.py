"""Tokenizers: every string comes back, fast ways give what the library gives, a stream shows whole characters."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import models, normalizers, pre_tokenizers

from tests.modalities.image.conftest import real_data
from tfgen.errors import UserError
from tfgen.modalities.text.learning import choose_kind, choose_size, learn
from tfgen.modalities.text.template import ChatTemplate
from tfgen.modalities.text.tokenizer import Tokenizer, from_file
from tfgen.representations.sequences.codec import TokenStream

TEXT = "It was the best of times, it was the worst of times.\n\n  It's 1859 — naïve café 😀 don't\t日本\n" * 20
MARKERS = ChatTemplate.standard().markers
LEARNED = {kind: learn([TEXT], kind, None, len(TEXT), MARKERS) for kind in ("characters", "bytes", "bpe")}
STRINGS = st.one_of(
    st.text(),
    st.text(alphabet=st.sampled_from(" \n\t\r\x1c\x85\u180e\u2028It's the 12345é日😀👩‍👧<|end|>_.,")),
    st.sampled_from(["", "<|endoftext|>", "<|end|><|user|>", "<0x41>", "Ġ", "\ufeff", "\0", "a" * 200, " " * 200]),
)


@pytest.fixture(params=LEARNED)
def tokenizer(request):
    return LEARNED[request.param]


@pytest.mark.parametrize("kind", LEARNED)
@given(text=STRINGS)
def test_every_string_comes_back_and_as_the_library_has_it(kind, text):
    tokenizer = LEARNED[kind]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text and ids.dtype == np.int32
    assert b"".join(tokenizer.token_bytes()[number] for number in ids) == text.encode()
    library = Library.from_buffer(tokenizer.to_bytes())
    library.encode_special_tokens = True
    assert ids.tolist() == library.encode(text, add_special_tokens=False).ids
    assert tokenizer.end not in ids and not set(tokenizer.markers.values()) & set(ids.tolist())


@pytest.mark.parametrize("kind", LEARNED)
@given(texts=st.lists(STRINGS))
def test_many_texts_are_encoded_as_each_alone(kind, texts):
    tokenizer = LEARNED[kind]
    together = tokenizer.encode_many(texts)
    assert len(together) == len(texts)
    assert all(np.array_equal(ids, tokenizer.encode(text)) for ids, text in zip(together, texts, strict=True))


@pytest.mark.parametrize("kind", LEARNED)
@given(text=STRINGS)
def test_a_stream_gives_the_same_text_and_never_half_a_character(kind, text):
    tokenizer = LEARNED[kind]
    stream = TokenStream(tokenizer.token_bytes())
    shown = [stream.push(number) for number in tokenizer.encode(text)]
    assert "".join(shown) == text and stream.finish() == ""


def test_an_emoji_cut_in_half(tokenizer):
    stream = TokenStream(tokenizer.token_bytes())
    strange = tokenizer.encode("🦊")
    assert len(strange) > 1 and [stream.push(number) for number in strange][:-1] == [""] * (len(strange) - 1)
    assert [stream.push(number) for number in strange[:-1]] == [""] * (len(strange) - 1)
    assert stream.finish() == "\ufffd" == tokenizer.decode(strange[:-1])


def test_lone_surrogates_are_replaced_and_pairs_joined(tokenizer):
    assert tokenizer.decode(tokenizer.encode("a\ud800b\ud83d\ude00")) == "a\ufffdb😀"


def test_special_tokens_say_nothing_and_the_end_is_last(tokenizer):
    assert tokenizer.end == tokenizer.size - 1 > 0
    assert list(tokenizer.markers) == MARKERS
    assert list(tokenizer.markers.values()) == list(range(tokenizer.end - len(MARKERS), tokenizer.end))
    silent = [*tokenizer.markers.values(), tokenizer.end]
    assert tokenizer.decode(silent) == "" and all(tokenizer.token_bytes()[number] == b"" for number in silent)


def test_the_file_keeps_everything(tokenizer):
    again = Tokenizer.restore(tokenizer.to_bytes(), tokenizer.to_json())
    assert again.to_bytes() == tokenizer.to_bytes() and again.to_json() == tokenizer.to_json()
    assert again.alphabet == frozenset(TEXT) and again.kind == tokenizer.kind


def test_unknown_characters_are_named_once(tokenizer):
    assert tokenizer.unknown("Zebra Zoé 😀 ЖЖ") == ["Z", "Ж"]
    assert tokenizer.unknown(TEXT) == []


def test_learning_the_same_text_gives_the_same_file():
    for kind, tokenizer in LEARNED.items():
        assert learn([TEXT], kind, None, len(TEXT), MARKERS).to_bytes() == tokenizer.to_bytes()


def test_rare_characters_of_a_large_alphabet_are_spelled_in_bytes():
    letters = "".join(chr(0x4E00 + number) for number in range(3000))
    tokenizer = learn([letters[:2000] * 2 + letters], "characters", None, 7000)
    assert len(tokenizer.encode(letters[:2000])) == 2000 and len(tokenizer.encode(letters[2000:])) == 3000
    assert tokenizer.decode(tokenizer.encode(letters)) == letters and tokenizer.unknown(letters) == []


def test_the_kind_and_the_size_follow_the_length_of_the_text():
    assert choose_kind("auto", None, 10**6) == "characters" and choose_kind("auto", None, 2 * 10**6) == "bpe"
    assert choose_kind("auto", 1000, 10**5) == "bpe"
    assert [choose_size(count) for count in (10**4, 1_500_000, 2_100_000, 10**9)] == [512, 1024, 2048, 8192]
    with pytest.raises(UserError, match="vocabulary_size"):
        choose_kind("characters", 1000, 10**6)
    with pytest.raises(UserError, match="characters, bytes, bpe"):
        choose_kind("words", None, 10**6)


def test_a_line_without_spaces_is_learned_in_reasonable_time():
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 200_000))
    tokenizer = learn([letters], "bpe", 600, len(letters))
    assert tokenizer.decode(tokenizer.encode(letters)) == letters


def test_learning_looks_at_parts_spread_over_a_long_text(monkeypatch):
    monkeypatch.setattr("tfgen.modalities.text.learning.LEARNED_FROM", 400_000)
    pieces = [f"{word} " * 20_000 for word in ("alpha", "beta", "gamma", "delta")] * 5
    tokenizer = learn(pieces, "bpe", 512, sum(map(len, pieces)))
    assert all(len(tokenizer.encode(f" {word}")) == 1 for word in ("alpha", "beta", "gamma", "delta"))


def test_a_tokenizer_of_ones_own(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(LEARNED["bpe"].to_bytes())
    again = from_file(path)
    assert again.size == LEARNED["bpe"].size and np.array_equal(again.encode(TEXT), LEARNED["bpe"].encode(TEXT))
    bare = json.loads(LEARNED["bpe"].to_bytes())
    bare["added_tokens"] = []
    path.write_text(json.dumps(bare))
    ended = from_file(path)
    assert ended.end == ended.size - 1 == len(bare["model"]["vocab"]) and not ended.markers
    chats = from_file(path, MARKERS)
    assert list(chats.markers) == MARKERS and chats.end == ended.end + len(MARKERS)


def test_what_would_change_a_text_is_taken_out_of_a_tokenizer(tmp_path):
    library = Library.from_buffer(LEARNED["bpe"].to_bytes())
    library.normalizer = normalizers.Lowercase()
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    library.enable_truncation(3)
    library.save(str(tmp_path / "tokenizer.json"))
    tokenizer = from_file(tmp_path / "tokenizer.json")
    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT


def test_tokenizers_that_lose_text_are_refused(tmp_path):
    library = Library(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.save(str(tmp_path / "words.json"))
    with pytest.raises(UserError, match="does not give every text back"):
        from_file(tmp_path / "words.json")
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(UserError, match="no tokenizer.json"):
        from_file(tmp_path / "other.json")
    with pytest.raises(UserError, match="can't be read"):
        from_file(tmp_path / "gone.json")


def test_shakespeare():
    text = (real_data("tinyshakespeare") / "input.txt").read_text()
    letters, pieces = (learn([text], kind, None, len(text)) for kind in ("characters", "bpe"))
    assert len(letters.encode(text)) == len(text) and letters.size <= 256
    assert len(pieces.encode(text)) < len(text) / 2.2
    assert letters.decode(letters.encode(text)) == text == pieces.decode(pieces.encode(text))
