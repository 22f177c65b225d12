"""Files of baskets as people have them, files of the wrong kinds, and tables that must stay tables."""

import gzip
import json
import random

import numpy as np
import pytest

from tests.modalities.image.conftest import real_data
from tfgen.data import open_data
from tfgen.data.sources import modality_of
from tfgen.errors import UserError
from tfgen.modalities.basket.columns import plain
from tfgen.modalities.basket.recognition import how_surely, line_delimiter

MEALS = ("pasta,tomatoes,basil,garlic", "rice,beans,lime", "bread,butter,jam,milk,tea", "flour,eggs,milk")


def till(count=200, seed=0):
    """Baskets of two meals less some items, as lists of names."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        items = [item for meal in chance.sample(MEALS, 2) for item in meal.split(",") if chance.random() < 0.8]
        made.append(list(dict.fromkeys(items)) or ["bread", "milk"])
    return made


@pytest.fixture
def lines(isolated):
    """A basket a line."""
    path = isolated / "till.csv"
    path.write_text("".join(f"{','.join(basket)}\n" for basket in till()))
    return path


def interactions(time=True):
    """Rows of user, item and time."""
    return [(user, item, 1000 + 10 * user + place) for user, basket in enumerate(till()) if len(basket) > 4
            for place, item in enumerate(basket)]  # fmt: skip


def sets_of(examples):
    """The sets by their names, in any order."""
    names = examples.codec.names
    return {frozenset(names[item] for item in examples.sets[place]) for place in range(len(examples.sets))}


def test_a_basket_a_line(lines):
    examples = open_data(str(lines))
    assert examples.modality == "basket" and examples.representation == "sets"
    assert sets_of(examples) == {frozenset(basket) for basket in till() if len(basket) > 1}
    assert not examples.codec.specification.ordered
    assert examples.training + 2 * examples.validation == len(examples.sets)


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.csv", "user,item,time\n" + "".join(f"{u},{i},{t}\n" for u, i, t in interactions())),
        ("b.tsv", "User ID\titemId\ttimestamp\n" + "".join(f"{u}\t{i}\t{t}\n" for u, i, t in interactions())),
        ("c.dat", "".join(f"{u}::{i}::5::{t}\n" for u, i, t in interactions())),
        ("d.inter", "user_id:token\titem_id:token\ttimestamp:float\n"
         + "".join(f"{u}\t{i}\t{t}\n" for u, i, t in interactions())),
    ],
)  # fmt: skip
def test_the_same_interactions_in_any_file_are_the_same_baskets(isolated, name, text):
    (isolated / name).write_text(text)
    assert how_surely(isolated / name) == 2
    examples = open_data(str(isolated / name))
    assert examples.modality == "basket" and examples.codec.specification.ordered
    wanted: dict[int, list[str]] = {}
    for user, item, _ in interactions():
        wanted.setdefault(user, []).append(item)
    names, sets = examples.codec.names, examples.sets
    found = {tuple(names[item] for item in sets[place]) for place in range(len(sets))}
    assert found == {tuple(items) for items in wanted.values()}, "each in its order of time"


def test_columns_are_found_by_a_shops_names_returns_and_postage_are_left_out(isolated):
    rows = ["InvoiceNo,StockCode,Description,Quantity,InvoiceDate,CustomerID\n"]
    for user, item, minute in interactions():
        rows.append(f"5{minute},{plain(item)[:3].upper()},{item.upper()},2,2011-03-01 08:{minute % 60:02d},C{user}\n")
    rows += ["C5,BRE,BREAD,-1,2011-03-02 08:00,C1\n", "5,POST,POSTAGE,1,2011-03-02 08:00,C1\n"]
    rows.append("5,BRE,BREAD,1,2011-03-02,\n")
    (isolated / "sales.csv").write_text("".join(rows))
    assert modality_of(str(isolated / "sales.csv")).name == "table"
    examples = open_data(str(isolated / "sales.csv"), user="CustomerID")
    assert "BREAD" in examples.codec.names and "POSTAGE" not in examples.codec.names
    notes = " ".join(examples.report.notes)
    assert "returns and corrections" in notes and "no products (POSTAGE)" in notes and "name no user" in notes
    assert "items from 'StockCode', names from 'Description', times from 'InvoiceDate'" in notes
    baskets = open_data(str(isolated / "sales.csv"), user="CustomerID", time="", without="BREAD")
    assert "BREAD" not in baskets.codec.names and not baskets.codec.specification.ordered


def test_items_of_one_time_have_no_order(isolated):
    """Tills list a purchase by code; whoever learns what comes next would learn the order of codes."""
    items = [f"item {number:02d}" for number in range(10)]
    text = "user,item,day\n" + "".join(f"{user},{item},1\n" for user in range(40) for item in items)
    (isolated / "same.csv").write_text(text)
    sets = open_data(str(isolated / "same.csv")).sets
    assert len({tuple(sets[place]) for place in range(len(sets))}) > 30


def test_rare_items_small_users_and_repetitions_are_left_out_and_that_is_said(isolated):
    text = "user,item\n" + "".join(f"{user},{item}\n" for user, item, _ in interactions() for _ in range(2))
    (isolated / "twice.csv").write_text(text + "zed,bread\nzed,caviar\n")
    examples = open_data(str(isolated / "twice.csv"))
    assert "caviar" not in examples.codec.names
    notes = " ".join(examples.report.notes)
    assert "repetitions" in notes and "fewer than 5 users" in notes and "1 user with fewer than 5" in notes
    assert all(size == len(set(examples.sets[place])) for place, size in enumerate(examples.sets.sizes))


def test_in_memory_and_again_from_the_run(isolated):
    from tfgen.catalog import MODALITIES

    examples = open_data(till())
    name, content = MODALITIES.load("basket").keep_in_memory(examples, till())
    (isolated / name).write_bytes(content)
    assert open_data(str(isolated / name)).fingerprint == examples.fingerprint


def test_sets_in_memory_are_read_by_the_alphabet():
    as_sets = [set(basket) for basket in till()]
    assert open_data(as_sets).fingerprint == open_data([sorted(basket) for basket in as_sets]).fingerprint


def test_an_open_quotation_mark_spoils_its_line_alone(isolated):
    lines = [",".join(basket) for basket in till()]
    (isolated / "a.baskets").write_text("\n".join(['"jam;x,milk', *lines, '7" nail, tea', '"jam,milk']) + "\n")
    examples = open_data(str(isolated / "a.baskets"))
    places = [place for place, _ in examples.report.broken]
    assert places == ["line 1", f"line {len(lines) + 3}"]
    assert sets_of(examples) == {frozenset(basket) for basket in till() if len(basket) > 1}


def test_signs_in_quotation_marks_part_nothing(isolated):
    assert line_delimiter(['"a;b;c;d",e', '"f;g;h", i']) == ","
    assert line_delimiter(["a;b, c;d", "e;f"]) == ";"
    (isolated / "a.baskets").write_text("milk;1;l,bread;1;kg\n" * 30)
    assert set(open_data(str(isolated / "a.baskets")).codec.names) == {"milk;1;l", "bread;1;kg"}


def test_other_data_is_read_by_what_was_said_of_the_runs(isolated):
    from tfgen.modalities.basket.modality import BasketModality

    def table(name, rows):
        path = isolated / name
        path.write_text("customer,receipt,what,stars\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))
        return path

    rows = [(user // 50, user, item, 5) for user, item, _ in interactions()]
    said = {"user": "receipt", "item": "what", "least_rating": 4.0}
    examples = open_data(str(table("learned.csv", rows)), **said)
    (isolated / "codec.json").write_text(json.dumps(examples.codec_json()))
    path = table("other.csv", [(1, 7, "jam", 5), (1, 7, "tea", 1), (1, 8, "milk", 4), (1, 8, "eggs", 5)])
    owners, sets = BasketModality.read_sets(path, examples.codec, {**said, "holdout": 0.1})
    names = [[examples.codec.names[item] for item in sets[place]] for place in range(len(sets))]
    assert owners == ["7", "8"] and names[0] == ["jam"] and sorted(names[1]) == ["eggs", "milk"]
    settings = BasketModality.held_out_settings(examples, said, isolated)
    assert sets_of(open_data(str(path), **settings)) == {frozenset(["jam"]), frozenset(["milk", "eggs"])}
    (isolated / "unknown.baskets").write_text("caviar,truffles\n")
    with pytest.raises(UserError, match="run doesn't know") as caught:
        BasketModality.read_sets(isolated / "unknown.baskets", examples.codec, said)
    assert "--set" not in caught.value.what_to_do


def test_packed_and_in_other_encodings(isolated):
    text = "\n".join(",".join(basket) for basket in till()).replace("jam", "crème brûlée")
    (isolated / "till.csv.gz").write_bytes(gzip.compress(text.encode("cp1252")))
    assert "crème brûlée" in open_data(str(isolated / "till.csv.gz")).codec.names


@pytest.mark.parametrize(
    "name, text, sentence",
    [
        ("empty.baskets", "", "is empty"),
        ("one.baskets", "milk\nbread\n", "No basket is left"),
        ("rare.baskets", "a,b\nc,d\ne,f\n", "No basket is left"),
        ("wrong.inter", "a:token\tb:token\n1\t2\n3\t4\n", "no column that is known to hold the users"),
        ("half.inter", "user_id:token\tb:token\n1\t2\n3\t4\n", "no column that is known to hold the items"),
        ("times.inter", "user_id\titem_id\ttime\n" + "1\ta\tsoon\n2\tb\tlater\n" * 20, "The times in 'time' can't be"),
        ("bytes.baskets", "\0\1\2" * 200, "is no text"),
    ],
)
def test_files_that_hold_no_baskets_are_answered_in_a_sentence(isolated, name, text, sentence):
    (isolated / name).write_text(text)
    with pytest.raises(UserError) as caught:
        open_data(str(isolated / name))
    assert sentence in str(caught.value) and caught.value.what_to_do


def test_fifty_broken_files_are_baskets_or_a_sentence(lines, isolated):
    whole, chance = lines.read_bytes(), random.Random(1)
    for number in range(50):
        broken = bytearray(whole[: chance.randrange(1, len(whole))])
        for _ in range(number):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        path = isolated / f"broken-{number}.baskets"
        path.write_bytes(broken)
        try:
            assert len(open_data(str(path)).sets) > 0
        except UserError as error:
            assert error.what_is_wrong.endswith(".") and error.what_to_do


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"user": "who"}, "No column named 'who'"),
        ({"core": "many"}, "'many' is not a whole number"),
        ({"core": 0}, "core must be between"),
        ({"layout": "rows"}, "No layout named 'rows'"),
        ({"least_rating": "good"}, "'good' is not a number"),
        ({"holdout": 0.9}, "holdout must be between"),
    ],
)
def test_settings_that_make_no_sense(isolated, settings, sentence):
    (isolated / "a.csv").write_text("user,item\n" + "".join(f"{u},{i}\n" for u, i, _ in interactions()))
    with pytest.raises(UserError, match=sentence):
        open_data(str(isolated / "a.csv"), **settings)


def test_ratings_below_the_least_are_left_out(isolated):
    text = "".join(f"{u}::{i}::{1 if i == 'jam' else 5}::{t}\n" for u, i, t in interactions())
    (isolated / "ratings.dat").write_text(text)
    assert "jam" in open_data(str(isolated / "ratings.dat")).codec.names
    assert "jam" not in open_data(str(isolated / "ratings.dat"), least_rating=4, core=2).codec.names


@pytest.mark.parametrize(
    "text",
    [
        "age,sex,smoker\n30,f,yes\n40,m,no\n" * 20,
        "a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,3\n" + "1,2,3\n" * 30,  # a row or two are ragged
        "user,age,item,price,city,sex,job\n" + "1,30,tea,2,Ulm,f,cook\n" * 30,  # a table with such columns
        "q1,q2,q3,q4\n" + "yes,no,yes,\nno,,yes,no\n" * 30,  # the same answers in every column
    ],
)
def test_tables_stay_tables(isolated, text):
    (isolated / "table.csv").write_text(text)
    assert modality_of(str(isolated / "table.csv")).name != "basket"


def test_no_real_table_is_taken_for_baskets():
    base = real_data("groceries").parent
    found = [path for path in base.rglob("*.csv") if how_surely(path) == 2]
    assert [path.name for path in found if modality_of(str(path)).name == "basket"] == ["groceries.csv"]


def test_groceries():
    examples = open_data(str(real_data("groceries") / "groceries.csv"))
    assert (len(examples.sets), len(examples.codec.names)) == (7676, 164)
    assert examples.codec.names[:2] == ("whole milk", "other vegetables")


def test_a_folder_of_sales_is_read_as_baskets_where_the_settings_say_so():
    folder = str(real_data("online_retail"))
    assert modality_of(folder).name == "table"
    assert modality_of(folder, settings=["user"]).name == "basket"


def test_the_till_is_the_same_everywhere():
    examples = open_data("corner-shop")
    assert examples.codec.specification.ordered and len(examples.sets) == 2000
    assert np.array_equal(examples.sets.items, open_data("corner-shop").sets.items)


def test_a_few_baskets_of_a_run_that_has_lines_are_lines_and_strangers_are_counted(isolated, capsys):
    from tfgen.modalities.basket.modality import BasketModality

    (isolated / "till.csv").write_text("\n".join(",".join(basket) for basket in till()))
    codec = open_data(str(isolated / "till.csv")).codec
    (isolated / "few.csv").write_text("jam,tea\nmilk,unicorn\nunicorn\n")
    owners, sets = BasketModality.read_sets(isolated / "few.csv", codec, {})
    assert len(owners) == len(sets) == 2 and len(sets[0]) == 2
    assert "1 basket without an item that the run knows is left out." in capsys.readouterr().err


@pytest.mark.parametrize("sign, between, name", [(",", ";", "a.csv"), ("|", ",", "a.csv"), ("\t", ",", "a.tsv")])
@pytest.mark.parametrize("header", [True, False])
def test_a_column_of_lists_makes_a_table_no_baskets(isolated, sign, between, name, header):
    tags = ["rock", "pop", "jazz", "folk", "soul"]
    rows = [f"{1990 + row % 9}{sign}{between.join(tags[row % 3: row % 3 + 1 + row % 4 % 3])}" for row in range(80)]
    (isolated / name).write_text("\n".join([*([f"year{sign}tags"] if header else []), *rows, ""]))
    assert open_data(name).modality == "table"


@pytest.mark.parametrize("sign", ["\t", ",", ";"])
def test_recboles_files_are_parted_as_their_header_is(isolated, sign):
    other = ";" if sign == "," else ","
    text = sign.join(["user_id:token", "item_id:token"]) + "\n"
    text += "".join(f"{user}{sign}Run{other} {item}{other} Run\n" for user, item, _ in interactions())
    (isolated / "a.inter").write_text(text)
    assert f"Run{other} jam{other} Run" in open_data("a.inter").codec.names
