"""What is measured in pictures, how a terminal shows them, and the people that tests simulate."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.people import WISHES, Person, attributes, wish_of
from tfgen.modalities.image.attributes import attributes_of
from tfgen.modalities.image.terminal import as_terminal


def stroke(width, lean, channels=1, light=255):
    """A stroke from the bottom to the top, on black."""
    picture = np.zeros([28, 28, channels], np.uint8)
    for row in range(4, 24):
        middle = 14 + lean * (14 - row)
        first = int(round(middle - width / 2))
        picture[row, first : first + width] = light
    return picture


def test_attributes_measure_what_they_say():
    measure = attributes_of(1)
    pictures = np.stack([stroke(2, 0), stroke(6, 0), stroke(2, 0.4), stroke(2, -0.4), stroke(2, 0, light=80)])
    thickness, slant, brightness = (measure[name](pictures) for name in ("thickness", "slant", "brightness"))
    assert thickness[1] > 2 * thickness[0] and abs(thickness[4] - thickness[0]) < 1e-4
    np.testing.assert_allclose(slant[:4], [0, 0, 0.4, -0.4], atol=0.05)
    assert brightness[4] < brightness[0] < brightness[1]
    np.testing.assert_allclose(measure["slant"](255 - pictures), slant, atol=1e-4)  # dark on light is the same
    colours = np.zeros([2, 8, 8, 3], np.uint8)
    colours[1, 2:6, 2:6, 0] = 255
    assert attributes_of(3)["warmth"](colours)[1] > 0.2 and attributes_of(3)["colour"](colours)[0] == 0


def test_tests_measure_the_same_in_their_own_way():
    pictures = np.stack([stroke(width, lean) for width in (2, 3, 5) for lean in (-0.3, 0, 0.3)])
    own, measure = attributes(pictures), attributes_of(1)
    for name in ("slant", "thickness"):
        assert np.corrcoef(own[name], measure[name](pictures))[0, 1] > 0.99


def test_half_blocks_have_the_pictures_colours(monkeypatch):
    for name in ("KITTY_WINDOW_ID", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    red = np.zeros([3, 4, 4, 3], np.uint8)
    red[:, :2, :, 0] = 200
    lines = as_terminal(red, 10).split("\n")
    assert [line.split() for line in (lines[0], lines[3])] == [["1", "2"], ["3"]]
    assert lines[1].count("▀") == 8 and "\033[38;2;200;0;0m\033[48;2;200;0;0m▀" in lines[1]
    assert "38;2;200" not in lines[2]
    clear = np.zeros([1, 2, 2, 4], np.uint8)
    assert "38;2;255;255;255" in as_terminal(clear, 10)


@pytest.mark.parametrize("name, value, start", [("KITTY_WINDOW_ID", "1", "\033_Ga=T,f=100,m=0;"),
                                                ("TERM_PROGRAM", "iTerm.app", "\033]1337;File=inline=1;")])
def test_terminals_that_show_files_get_one(monkeypatch, name, value, start):
    monkeypatch.delenv("KITTY_WINDOW_ID", raising=False)
    monkeypatch.setenv(name, value)
    shown = as_terminal(np.full([2, 8, 8, 1], 99, np.uint8), 80)
    assert shown.startswith(start)
    content = shown.partition(start)[2].rstrip("\a").removesuffix("\033\\").rpartition(":")[2]
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.format == "PNG" and image.width > image.height


@pytest.fixture(scope="module")
def pictures():
    chance = np.random.default_rng(0)
    drawn = np.stack([stroke(int(chance.integers(1, 7)), chance.normal(0, 0.25)) for _ in range(300)])
    return np.clip(drawn - chance.integers(0, 20, drawn.shape), 0, 255).astype(np.uint8)  # no two are the same


@pytest.mark.parametrize("kind", WISHES)
def test_people_pick_by_their_wish(pictures, kind):
    person = Person(wish_of(kind, pictures, 3), pictures, 4)
    liked = person.liking(pictures)
    assert abs(liked.mean()) < 1e-6 and abs(liked.std() - 1) < 1e-6
    best = pictures[[np.argmax(liked)]]
    assert person.percentile(best)[0] > 99 and person.percentile(pictures[[np.argmin(liked)]])[0] < 1
    places = np.random.default_rng(1).integers(0, 300, [200, 9])
    picked = np.array([liked[row[person.pick(pictures[row])]] for row in places])
    assert picked.mean() > 0.6  # chance is 0, the best of nine 1.5 where the wish is normal
    surest = Person(wish_of(kind, pictures, 3), pictures, 4, noise=0.0, random=0.0)
    assert all(liked[row[surest.pick(pictures[row])]] == liked[row].max() for row in places)
    assert set(person.rating(pictures)) == {1, 2, 3, 4, 5}


def test_a_tenth_of_the_answers_says_nothing(pictures):
    person = Person(wish_of("slant", pictures, 3), pictures, 5, noise=0.0)
    liked = person.liking(pictures)
    places = np.random.default_rng(1).integers(0, 300, [1000, 9])
    wrong = np.mean([liked[row[person.pick(pictures[row])]] < liked[row].max() for row in places])
    assert 0.06 < wrong < 0.12  # eight of nine of a tenth
