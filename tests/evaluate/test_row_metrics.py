"""What is measured of rows, as functions: against sdmetrics, known answers, and what each must notice."""

import math
import time

import numpy as np
import pytest

from tests.evaluate.tables import people, shuffled, table
from tfgen.errors import UserError
from tfgen.evaluate.intervals import half_widths
from tfgen.evaluate.metrics import resemblance
from tfgen.evaluate.metrics.membership import membership_of_rows
from tfgen.evaluate.metrics.privacy import exact_copies, found_at, membership_by_closeness, singling_out
from tfgen.evaluate.metrics.resemblance import associations, pairs_looked_at, pairs_of, quality, shapes_of
from tfgen.evaluate.metrics.usefulness import augmentation, f1, r_squared, scores_of, usefulness
from tfgen.evaluate.rows import attacks, boosting
from tfgen.evaluate.rows.baselines import BASELINES, gaussian_copula, independent, interpolated
from tfgen.evaluate.rows.boosting import giveaways, predict, target_of, tell_apart, wanted
from tfgen.evaluate.rows.tables import Distances, are_among, unique_columns

# What the report of sdmetrics 0.32.0 says of `people(1500, 1)` beside others; of all pairs with its thresholds at 0.
OTHERS = {
    "quality": 0.9459080219139271,
    "strong_pairs": 0.9378106952063707,
    "shapes": {
        "age": 0.9811111111111112, "wage": 0.9746476320257133, "job": 0.9684444444444444, "town": 0.9533502935420743,
        "owner": 0.9613333333333334,
    },
    "pairs": {
        ("age", "wage"): 0.9983868093651869, ("age", "job"): 0.9008888888888889, ("age", "town"): 0.8606666666666667,
        ("age", "owner"): 0.9277777777777778, ("wage", "job"): 0.8984444444444444,
        ("wage", "town"): 0.8944444444444444, ("wage", "owner"): 0.9275555555555556,
        ("job", "town"): 0.9368888888888889, ("job", "owner"): 0.9586666666666667,
        ("town", "owner"): 0.9366666666666666,
    },
}
SHUFFLED = {
    "quality": 0.8606590289858869,
    "strong_pairs": 0.6414219097206889,
    "shapes": {
        "age": 0.952, "wage": 0.9593248007901416, "job": 0.9666666666666667, "town": 0.9650440481003375,
        "owner": 0.9886666666666667,
    },
    "pairs": {
        ("age", "wage"): 0.6564428819367772, ("age", "job"): 0.8753333333333333, ("age", "town"): 0.878,
        ("age", "owner"): 0.6473333333333333, ("wage", "job"): 0.744, ("wage", "town"): 0.7513333333333333,
        ("wage", "owner"): 0.6866666666666668, ("job", "town"): 0.4726666666666668,
        ("job", "owner"): 0.9186666666666666, ("town", "owner"): 0.9193333333333333,
    },
}


@pytest.mark.parametrize(
    "other, said",
    [(lambda: people(900, 2), OTHERS), (lambda: shuffled(people(1500, 3), 4), SHUFFLED)],
    ids=["other rows", "shuffled columns"],
)
def test_sdmetrics_says_the_same(other, said):
    real, generated = table(people(1500, 1)), table(other())
    assert shapes_of(real, generated) == pytest.approx(said["shapes"], abs=1e-6)
    assert pairs_of(real, generated) == pytest.approx(said["pairs"], abs=1e-6)
    scores = quality.function(real, generated)
    assert scores["quality"] == pytest.approx(said["quality"], abs=1e-6)
    assert scores["strong_pairs"] == pytest.approx(said["strong_pairs"], abs=1e-6)
    assert scores["quality"] == pytest.approx((scores["shapes"] + scores["pairs"]) / 2)


def structured(**columns):
    found = np.empty(len(next(iter(columns.values()))), [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        found[name] = values
    return found


def test_what_cannot_be_said_does_not_count():
    """All missing, constant, one value beside none: no number, and no score of 0 either."""
    count = 40
    empty, one = np.full(count, np.nan), np.zeros(count)
    number, codes = np.arange(count, dtype=np.float64), np.arange(count, dtype=np.int32) % 3
    real = structured(empty=empty, one=one, number=number, none=np.full(count, -1, np.int32), codes=codes)
    shapes, pairs = shapes_of(real, real), pairs_of(real, real)
    assert math.isnan(shapes["empty"]) and math.isnan(shapes["none"])
    assert shapes["one"] == shapes["number"] == shapes["codes"] == 1
    assert math.isnan(pairs["one", "number"]) and math.isnan(pairs["empty", "number"])
    assert pairs["number", "codes"] == pairs["none", "codes"] == 1
    assert quality.function(real, real)["quality"] == 1
    alone = structured(number=number)
    assert math.isnan(quality.function(alone, alone)["pairs"]) and quality.function(alone, alone)["quality"] == 1


def test_numbers_of_any_size_and_many_categories_are_compared():
    generator = np.random.default_rng(0)
    big = 1e15 + generator.normal(size=5000)
    many = generator.integers(0, 40_000, (2, 5000)).astype(np.int32)
    real = structured(big=big, tiny=1e-12 * big, many=many[0], more=many[1])
    assert all(0 <= score <= 1 for score in pairs_of(real, real[::-1]).values())
    assert pairs_of(real, real)["big", "tiny"] == pytest.approx(1)
    assert pairs_of(real, real)["many", "more"] == 1
    assert abs(associations(real, [("many", "more")])["many", "more"]) < 0.2


def test_of_very_many_pairs_a_sample_is_taken_and_always_the_same(monkeypatch):
    names = [f"column {place}" for place in range(100)]
    pairs = pairs_looked_at(names)
    assert len(pairs) == len(set(pairs)) == resemblance.MOST_PAIRS < 100 * 99 // 2
    assert pairs == pairs_looked_at(names)


def test_a_wide_table_is_compared_quickly():
    """A fiftieth of 50 columns of 100,000 rows, which must stay well under a minute."""
    generator, count = np.random.default_rng(0), 20_000
    columns = {f"number {place}": generator.normal(size=count) for place in range(10)}
    columns |= {f"category {place}": generator.integers(0, 30, count).astype(np.int32) for place in range(10)}
    real = structured(**columns)
    began = time.process_time()
    quality.function(real, real[::-1])
    assert time.process_time() - began < 5


def test_associations_are_about_nothing_where_nothing_goes_together():
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 20, (2, 500)).astype(np.int32)
    real = structured(one=codes[0], other=codes[1], same=codes[0], number=codes[0] + generator.normal(size=500))
    found = associations(real, [("one", "other"), ("one", "same"), ("one", "number")])
    assert found["one", "other"] < 0.1 and found["one", "same"] == pytest.approx(1) and found["one", "number"] > 0.5


# Baselines.


def test_baselines_keep_columns_and_only_some_keep_what_goes_together():
    real = table(people(2000))
    generator = np.random.default_rng(0)
    for name, make in BASELINES.items():
        made = make(real, 1500, generator)
        assert len(made) == 1500 and made.dtype == real.dtype, name
        assert quality.function(real, made)["shapes"] > 0.93, name
        assert np.isnan(made["wage"]).mean() == pytest.approx(0.05, abs=0.06), name
        known = made["age"][~np.isnan(made["age"])]
        assert np.array_equal(known, np.round(known)), name

    def together(make):
        made = make(real, 2000, generator)
        return quality.function(real, made)["strong_pairs"]

    assert together(independent) < 0.75 < together(gaussian_copula) < together(BASELINES["copies"])
    assert together(interpolated) > 0.85
    assert are_among(BASELINES["copies"](real, 100, generator), real).all()


# Usefulness.


def test_f1_auc_and_r2_have_known_answers():
    truth, said = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    assert f1(truth, said) == pytest.approx((2 / 4 + 4 / 5 + 0) / 3)  # of classes 0, 1 and 2
    chances = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9]])
    assert scores_of(np.array([0, 0, 1, 1.0]), chances)["auc"] == 0.75
    assert r_squared(np.array([1.0, 2, 3]), np.array([1.0, 2, 3])) == 1
    assert r_squared(np.array([1.0, 2, 3]), np.full(3, 2.0)) == 0
    assert math.isnan(r_squared(np.ones(3), np.ones(3)))


@pytest.mark.parametrize(
    "columns, named, expected",
    [
        ({"a": np.arange(30.0), "b": np.arange(30, dtype=np.int32) % 2}, None, "b"),
        ({"Income": np.arange(30, dtype=np.int32) % 2, "b": np.arange(30.0)}, None, "Income"),
        ({"a": np.arange(30.0), "b": np.arange(30.0), "c": np.arange(30, dtype=np.int32)}, None, "b"),
        ({"outcome": np.arange(30.0), "b": np.arange(30.0)}, None, "outcome"),
        ({"a": np.arange(30.0), "b": np.arange(30, dtype=np.int32) % 2}, "a", "a"),
    ],
    ids=["the last category", "by its name", "the last number", "a number by its name", "as asked"],
)
def test_what_is_predicted_is_found_or_named(columns, named, expected):
    target = target_of(structured(**columns), named)
    assert target.name == expected and target.guessed == (named is None)


def test_a_column_that_is_not_there_cannot_be_predicted():
    with pytest.raises(UserError, match="'ages'.*Did you mean 'age'"):
        target_of(table(people(30)), "ages")
    assert target_of(structured(only=np.arange(30.0))) is None


def predictions(learned, target, real=None):
    """Of 600 rows that nobody learned."""
    rows = table(people(600, 9))
    said, by_real = (predict(each, rows, target) for each in (learned, learned if real is None else real))
    width = (said.shape[1],)
    fields = [("truth", np.float64), ("of_samples", np.float64, width), ("of_real", np.float64, width)]
    found = np.empty(len(said), fields)
    found["truth"], found["of_samples"], found["of_real"] = wanted(rows, target), said, by_real
    return found


@pytest.mark.parametrize(
    "name, score", [("owner", "f1"), ("wage", "r2"), pytest.param("job", "f1", marks=pytest.mark.slow)]
)
def test_shuffled_columns_are_no_use_and_real_rows_are(name, score):
    real, other = table(people(1500)), table(people(1500, 5))
    target = target_of(real, name)
    useless = usefulness(({"unseen_predictions": predictions(table(shuffled(people(1500))), target, real)}))
    useful = usefulness({"unseen_predictions": predictions(other, target, real)})
    assert useful[score] > 0.6 and useless[score] < useful[score] - 0.15
    assert useless["usefulness_lost"] > 0.2 > 0.1 > abs(useful["usefulness_lost"])
    width = half_widths(usefulness, {"unseen_predictions": predictions(other, target, real)})["usefulness_lost"]
    assert 0 < width < 0.1


def test_what_was_learned_may_know_fewer_classes():
    real = table(people(300))
    target = target_of(real, "job")
    rows = table(people(200, 1))
    for learned in (real[real["job"] < 2], real[real["job"] == 3], real[:0]):
        said = predict(learned, rows, target)
        assert said.shape == (200, 5) and np.all(said[:, 4] == 0)
    gone = structured(wage=np.full(20, np.nan), age=np.arange(20.0))
    assert predict(gone, gone, target_of(gone, "wage")).shape == (0, 1)


def augmented(real, generated, target, seed=0):
    rows = table(people(800, 9))
    said = boosting.augment(real, generated, rows, target, seed)
    repeats = (said.shape[1],)
    found = np.empty(
        len(said), [("truth", float), ("rarest", int), ("alone", float, repeats), ("augmented", float, repeats)]
    )
    found["truth"], found["rarest"] = wanted(rows, target), 4
    found["alone"], found["augmented"] = said[..., 0], said[..., 1]
    return found


@pytest.mark.slow
def test_more_real_rows_help_and_shuffled_ones_harm():
    few, target = table(people(150)), target_of(table(people(150)), "job")
    for generated, sign in ((table(people(2000, 4)), 1), (table(shuffled(people(2000, 4))), -1)):
        inputs = {"unseen_augmented": augmented(few, generated, target)}
        gain, width = augmentation(inputs)["augmentation"], half_widths(augmentation, inputs)["augmentation"]
        assert sign * gain > 0 and width > 0


def test_without_scikit_learn_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    with pytest.raises(UserError, match="needs scikit-learn") as error:
        tell_apart(table(people(50)), table(people(50)))
    assert "pip install 'tfgen[tables]'" in str(error.value)


# What tells samples from real rows.


def test_independent_columns_are_detected_and_real_rows_are_not():
    from tfgen.evaluate.metrics.detectability import detectability_of_rows

    unseen = table(people(1200, 2))

    def detected(rows):
        return detectability_of_rows.function(*tell_apart(unseen, table(rows)))["detectability"]

    assert detected(people(1200, 3)) == pytest.approx(0.5, abs=0.05)
    assert detected(shuffled(people(1200, 3))) > 0.8


def test_the_column_that_gives_samples_away_is_named():
    unseen, rows = table(people(1000, 2)), people(1000, 3)
    rows.values["wage"][:] = np.round(rows.values["wage"], -2)
    assert giveaways(unseen, table(rows))[0].name == "wage"
    found = giveaways(unseen, table(people(1000, 3)))[0]
    assert found.alone < 0.58 and found.lost < 0.06
    spoilt = people(1000, 3)
    spoilt.values["town"][:] = np.random.default_rng(0).permutation(spoilt.values["town"])
    first = giveaways(unseen, table(spoilt))[0]
    # By itself it is as it should be; what went together with it isn't.
    assert first.name in ("town", "job") and first.alone < 0.58 < 0.6 < 0.5 + first.lost


# Distances and attacks.


def test_the_nearest_row_is_found_and_a_copy_is_at_distance_0():
    rows = table(people(700))
    distances = Distances(rows)
    found = distances.nearest(rows[:300], rows)
    assert np.all(found.apart == 0) and are_among(rows[found.places], rows[:300]).all()
    generator = np.random.default_rng(0)
    some, among = rows[generator.integers(0, 700, 20)], table(people(500, 1))
    columns = zip(distances.of_columns(some), distances.of_columns(among), strict=True)
    naive = np.mean(
        [
            np.minimum(np.abs(np.subtract.outer(one, two)), 1) if one.dtype.kind == "f" else one[:, None] != two
            for one, two in columns
        ],
        axis=0,
    )
    found = distances.nearest(some, among, ["job"])
    assert found.apart == pytest.approx(naive.min(axis=1), abs=1e-5)
    without = found.without["job"]
    rest = naive * 5 - (some["job"][:, None] != among["job"])
    assert rest[np.arange(20), without] == pytest.approx(rest.min(axis=1), abs=1e-5)


def test_a_memory_is_caught_by_every_attack_and_fresh_rows_by_none():
    training, unseen = table(people(500, 1)), table(people(500, 2))
    distances, secrets = Distances(training), attacks.secrets_of(training, 0)
    found = {}
    for name, samples in (("memory", training[::-1]), ("fresh", table(people(500, 3)))):
        nearest = [distances.nearest(rows, samples, secrets) for rows in (training, unseen)]
        closeness = membership_by_closeness.function(nearest[1].apart, nearest[0].apart)
        guesses = [
            np.nanmean(attacks.guessed(rows, samples, each.without))
            for rows, each in zip((training, unseen), nearest, strict=True)
        ]
        singled, _ = singling_out_of(samples, training, unseen)
        found[name] = (closeness["closeness"], guesses[0] - guesses[1], *singled.values())
    assert found["memory"][0] > 0.95 and min(found["memory"][1:]) > 0.2, found
    assert found["fresh"] == pytest.approx((0.5, 0, 0, 0), abs=0.1), found


def singling_out_of(samples, training, unseen):
    """The scores and their intervals."""
    kinds = attacks.predicates_on(samples, training, unseen, 0)
    several = np.repeat([False, True], [len(kinds["univariate"]), len(kinds["multivariate"])])
    inputs = {"predicates": np.concatenate(list(kinds.values())), "of_several": several}
    return singling_out(inputs), half_widths(singling_out, inputs)


def test_the_interval_of_singling_out_holds_what_chance_does():
    """Predicates single out the same rows again and again, so their own spread would be half of that."""
    found = []
    for seed in range(8):
        tables = [table(people(300, 100 + 3 * seed + place)) for place in range(3)]
        scores, widths = singling_out_of(*tables)
        found.append(abs(scores["singling_out_by_several"]) <= widths["singling_out_by_several"])
        assert 0.05 < widths["singling_out_by_several"] < 0.25
    assert sum(found) >= 6


def test_false_accusations_are_at_most_one_in_a_hundred():
    generator = np.random.default_rng(0)
    others = generator.normal(size=2000)
    assert np.mean(others > np.sort(others)[::-1][20]) <= 0.01
    assert found_at(generator.normal(size=20_000), others) == pytest.approx(0.01, abs=0.006)
    assert found_at(np.full(10, 9.0), others) == 1 and found_at(np.zeros(5), np.zeros(200)) == 0


def test_copies_are_equal_in_every_cell_also_in_those_that_are_missing():
    rows = table(people(200))
    twin, other = rows.copy(), rows.copy()
    other["wage"] += 0.1
    other["town"][np.isnan(rows["wage"])] = 5  # where there is no wage
    assert exact_copies.function(are_among(twin, rows))["copied_rows"] == 1
    assert are_among(other, rows).mean() < 0.05
    assert unique_columns(rows) == ["wage"]
    zero = structured(a=np.array([0.0, -0.0]))
    assert are_among(zero[1:], zero[:1]).all()


def test_a_likelihood_that_knows_its_rows_is_caught():
    nats = np.random.default_rng(0).normal(20, 3, 400)
    assert membership_of_rows.function(nats[:200], nats[200:] - 6)["membership"] > 0.85
    assert membership_of_rows.function(nats[:200], nats[200:])["membership"] == pytest.approx(0.5, abs=0.08)
