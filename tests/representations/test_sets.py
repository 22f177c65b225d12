"""Sets in one array, their split, items by name, and rankings in numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.data.examples import clean_text
from tfgen.errors import UserError
from tfgen.models.sets.ease import PENALTIES, Linear, best_ease, best_linear, co_occurrences, weights_of
from tfgen.models.sets.ranking import masked, ndcg, ranks, recall
from tfgen.representations.sets.codec import SetCodec, items_of
from tfgen.representations.sets.sets import Sets

ITEMS = 12
SETS = st.lists(st.lists(st.integers(0, ITEMS - 1), unique=True, max_size=ITEMS), min_size=1, max_size=30)
NAMES = ("whole milk", "butter", "rolls/buns", "Set of 3, small", "BUTTER KNIFE", "jam", "jam jar")


def codec():
    return SetCodec.of(NAMES, Sets.of([[0, 1], [0, 2], [3, 4, 5, 6]]), False, "baskets")


@given(SETS)
def test_rows_hold_the_last_items_at_their_end(lists):
    rows = Sets.of(lists).rows(5)
    assert [[item for item in row if item >= 0] for row in rows.tolist()] == [each[-5:] for each in lists]
    assert all(row == sorted(row, key=lambda item: item >= 0) for row in rows.tolist())


@given(SETS, st.randoms(use_true_random=False))
def test_taking_and_splitting_loses_nothing(lists, chance):
    sets, order = Sets.of(lists), list(range(len(lists)))
    chance.shuffle(order)
    taken = sets.take(np.array(order))
    assert [taken[place].tolist() for place in range(len(taken))] == [lists[at] for at in order]
    given_ones, wanted = sets.split()
    large = [each for each in lists if len(each) >= 2]
    assert [[*given_ones[at], *wanted[at]] for at in range(len(wanted))] == large
    assert len(wanted) == 0 or min(given_ones.sizes.min(), wanted.sizes.min()) >= 1


@given(SETS)
def test_both_ways_to_count_pairs_agree(lists):
    from tfgen.models.sets import ease

    sets = Sets.of(lists)
    hot = sets.multi_hot(ITEMS)
    for power in (0.0, -0.5, 1.0):
        counting = np.maximum(sets.sizes, 1.0) ** power / np.mean(np.maximum(sets.sizes, 1.0) ** power)
        wanted = (hot.T * counting) @ hot
        np.testing.assert_allclose(ease._counted(sets, ITEMS, counting.astype(np.float32)), wanted, rtol=1e-5)
        np.testing.assert_allclose(co_occurrences(sets, ITEMS, power), wanted, rtol=1e-5)
    np.testing.assert_array_equal(co_occurrences(sets, ITEMS), hot.T @ hot)


def test_ease_solves_its_problem():
    """The weights are the ridge regression of each item by the others (Steck 2019, equation 3)."""
    hot = (np.random.default_rng(0).random([300, 8]) < 0.4).astype(np.float64)
    weights = weights_of((hot.T @ hot).astype(np.float32), PENALTIES[0])
    assert np.allclose(np.diag(weights), 0)
    for item in range(8):
        others = [place for place in range(8) if place != item]
        part = hot[:, others]
        wanted = np.linalg.solve(part.T @ part + PENALTIES[0] * np.eye(7), part.T @ hot[:, item])
        np.testing.assert_allclose(weights[others, item], wanted, atol=1e-4)


def test_dropout_in_closed_form_is_dropout_at_random():
    """The weights are those of least squares on many copies of the sets, with items dropped out of each at random."""
    random = np.random.default_rng(1)
    hot = (random.random([60, 6]) < 0.5).astype(np.float64)
    copies = np.repeat(hot, 4000, axis=0)
    left = copies * (random.random(copies.shape) < 0.5) * 2.0  # p = .5, and p / (1 - p) = 1; what is left is scaled
    counts = (hot.T @ hot).astype(np.float32)
    weights = Linear(3.0, 1.0, 0.0, 0.0).weights(counts, np.diag(counts))
    for item in range(6):
        others = [place for place in range(6) if place != item]
        part = left[:, others] / np.sqrt(4000)
        wanted = np.linalg.solve(part.T @ part + 3.0 * np.eye(5), part.T @ copies[:, item] / np.sqrt(4000))
        np.testing.assert_allclose(weights[others, item], wanted, atol=0.01)


def test_rare_items_gain_by_a_negative_power():
    counts = np.diag([100.0, 10.0, 10.0]).astype(np.float32) + 5.0
    plain, scaled = (Linear(10.0, 0.0, 0.0, power).weights(counts, np.diag(counts)) for power in (0.0, -0.5))
    ratio = scaled[2, :2] / plain[2, :2]
    np.testing.assert_allclose(ratio[1] / ratio[0], np.sqrt(105 / 15), rtol=1e-5)


def test_the_linear_part_is_better_than_ease_where_sets_differ_in_size():
    """Customers of one taste in four, among whom wholesalers buy most of what there is; judged by customers that it
    isn't chosen by."""
    gains = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        taste, groups = random.random([4, 40]) ** 6, random.integers(0, 4, 1500)
        share = np.where((random.random(1500) < 0.3)[:, None], 0.7, taste[groups])
        share[1200:] = taste[groups[1200:]]
        sets = Sets.of([random.permutation(np.flatnonzero(random.random(40) < row)).tolist() for row in share])
        learned, choosing = sets.part(0, 600), sets.part(600, 900).split()
        counts, (given, wanted) = co_occurrences(learned, 40), sets.part(1200, 1500).split()
        linear = best_linear(learned, counts, *choosing)
        assert linear.size_power < 0
        weights = linear.weights(co_occurrences(learned, 40, linear.size_power), np.diag(counts))
        ours, ease = (
            ndcg(ranks(masked(given.multi_hot(40) @ each, given), wanted))
            for each in (weights, best_ease(counts, *choosing))
        )
        gains.append(ours - ease)
    gains = np.concatenate(gains)
    assert gains.mean() > 2 * gains.std() / len(gains) ** 0.5


def test_the_linear_part_is_ease_where_nobody_is_there_to_choose_by():
    learned, nobody = Sets.of([[0, 1], [1, 2], [0, 1, 2]]), Sets.of([])
    counts = co_occurrences(learned, 3)
    assert best_linear(learned, counts, nobody, nobody) == Linear(dropout=0.0, size_power=0.0, popularity_power=0.0)
    np.testing.assert_array_equal(best_ease(counts, nobody, nobody), Linear().weights(counts, np.diag(counts)))


def test_scores_of_rankings_by_hand():
    scores = masked(np.array([[9.0, 5, 4, 3], [1, 2, 3, 4]]), Sets.of([[0], [3]]))
    found = ranks(scores, Sets.of([[1, 3], [0]]))
    assert found.tolist() == [[0, 2], [2, -1]]
    assert recall(found, 1).tolist() == [1.0, 0.0] and recall(found, 2).tolist() == [0.5, 0.0]
    best = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(ndcg(found, 2), [1 / best, 0.0])
    np.testing.assert_allclose(ndcg(found, 3), [1.5 / best, 0.5])


def test_equal_scores_are_in_the_middle():
    assert ranks(np.zeros([1, 9]), Sets.of([[0]])).tolist() == [[4]]


def test_prompts():
    assert codec().read("whole milk,  butter").tolist() == [0, 1]
    assert codec().read('"Set of 3, small", JAM').tolist() == [3, 5]
    assert codec().read("Set of 3, small").tolist() == [3], "one name with a comma in it"
    assert codec().read("").tolist() == [] and codec().read("jam, jam").tolist() == [5]
    assert codec().read(codec().write(range(7))).tolist() == list(range(7))


@given(st.lists(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=9), min_size=1))
def test_any_names_survive_writing(texts):
    names = list(dict.fromkeys(name for name in map(clean_text, texts) if name))
    if names:
        some = SetCodec.of(names, Sets.of([range(len(names))]), False, "baskets")
        assert items_of(some.write(range(len(names)))) == names


def test_a_graph_reads_what_is_written():
    """A server's table of names, on names with commas and quotation marks anywhere."""
    import tensorflow as tf

    from tfgen.export.sets import ItemLookup

    names = [*NAMES, 'Shelf 7", oak', '"Big" plate, red, 3', '"Small" plate', 'say ""it"", twice', '7" nail', '"', "a,"]
    some = SetCodec.of(names, Sets.of([range(len(names))]), False, "baskets")
    rows, known = ItemLookup(some).rows(tf.constant([some.write(range(len(names))), '"butter", jam', ""]))
    assert known.numpy().tolist() == [len(names), 2, 0]
    assert [row[row >= 0].tolist() for row in rows.numpy()] == [list(range(len(names))), [1, 5], []]


def test_a_batch_has_its_sets_last_items(monkeypatch):
    from types import SimpleNamespace

    from tfgen.representations.sets import examples

    monkeypatch.setattr(examples, "LONGEST", 4)
    lists = [list(range(1 + place % 9)) for place in range(30)]
    some = examples.SetExamples("basket", "", "", Sets.of(lists), 30, 0, codec(), None, "")
    rows = np.concatenate([batch.numpy() for batch in some.batches(SimpleNamespace(batch_size=10), 0, 0, 3)])
    assert rows.dtype == np.int32 and rows.shape == (30, 4)
    assert sorted(map(tuple, rows)) == sorted(map(tuple, Sets.of(lists).rows(4)))


@pytest.mark.parametrize(
    "prompt, sentence",
    [
        ("butte", "no item 'butte'. Did you mean 'butter'?"),
        ("whole milk, knif", "Did you mean 'BUTTER KNIFE'?"),
        ("xyzzy", "Name some that it knows, such as: whole milk"),
    ],
)
def test_unknown_items_are_named_with_the_nearest(prompt, sentence):
    with pytest.raises(UserError) as caught:
        codec().read(prompt)
    assert sentence in str(caught.value)


def test_a_codec_survives_json():
    again = SetCodec.from_json(codec().to_json())
    assert again.names == codec().names and again.specification == codec().specification
