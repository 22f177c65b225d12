"""Enlarging: what is learned from the run's own data, kept, written under a signature, and exported."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

import tfgen
from tests.conftest import BARE_GAN, fit_run
from tfgen.errors import UserError
from tfgen.run import Run
from tfgen.upscale import learning
from tfgen.upscale.learning import open_learned
from tfgen.upscale.pairs import open_pairs

QUICK = ("network=dense", "width=2", "batch_size=8", *BARE_GAN)


def drawn(number, side=64):
    """A disc whose edge is sharp, which an interpolation blurs."""
    generator = np.random.default_rng(number)
    picture = Image.new("RGB", (side, side), tuple(int(each) for each in generator.integers(0, 80, 3)))
    left, top = (int(each) for each in generator.integers(0, side // 2, 2))
    colour = tuple(int(each) for each in generator.integers(150, 255, 3))
    ImageDraw.Draw(picture).ellipse([left, top, left + side // 2, top + side // 2], fill=colour)
    return picture


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A run at 16 pixels, of files of 64. Don't change it."""
    folder = tmp_path_factory.mktemp("discs")
    (folder / "pictures").mkdir()
    for number in range(40):
        drawn(number).save(folder / "pictures" / f"{number}.png")
    return fit_run("gan", folder / "run", folder / "pictures", 2, "size=16", *QUICK)


@pytest.fixture
def run(fitted, tmp_path):
    return tfgen.load(shutil.copytree(fitted.path, tmp_path / "discs"))


def test_details_come_from_the_files_where_they_have_any(run, tmp_path):
    twice, four_times = open_pairs(run, 2), open_pairs(run, 4)
    assert not twice.why and [large.shape[1] for _, large in twice.sizes] == [32]
    assert [large.shape[1] for _, large in four_times.sizes] == [32, 64]
    small, large = twice.sizes[0]
    assert np.abs(large.reshape(40, 16, 2, 16, 2, 3).mean((2, 4)) - small).mean() < 4  # the same pictures
    folder = tmp_path / "small"
    folder.mkdir()
    for number in range(24):
        drawn(number, 16).save(folder / f"{number}.png")
    own = open_pairs(fit_run("gan", tmp_path / "own", folder, 2, "size=16", *QUICK), 2)
    assert own.why == "the files having no more details" and own.sizes[0][0].shape[1:3] == (8, 8)
    for path in list(folder.iterdir())[:10]:
        path.unlink()
    few = fit_run("gan", tmp_path / "few", folder, 2, "size=16", *QUICK)
    with pytest.raises(UserError, match="14 pictures are too few"):
        open_pairs(few, 2)


@pytest.mark.slow
def test_what_is_learned_beats_interpolation_and_is_kept(run, monkeypatch):
    small = np.asarray(open_pairs(run, 4).sizes[0][0][:3])
    made = run.upscale(small, 4, steps=60)
    assert made.shape == (3, 64, 64, 3) and made.dtype == np.uint8
    learned = open_learned(run, 4)
    assert learned.steps == 60 and not learned.why and learned.pictures == 36 and learned.energy["joules"] > 0
    assert learned.judged_by == 4
    assert learned.decibels > learned.bicubic + 0.2
    np.testing.assert_array_equal(run.upscale(small, 4), made)
    np.testing.assert_array_equal(run.upscale(small[0], 4), made[0])
    assert open_learned(run, 4).created == learned.created
    path = run.path / "upscalers" / "x4.npz"
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(learning, "MINUTES", 0.001)
    assert open_learned(run, 4).steps < 60  # what is damaged is learned anew
    assert open_learned(run, 4).created != learned.created


def test_files_are_enlarged_and_say_whose_they_are(run, command, tmp_path, isolated):
    made = command("generate", run.path, "-n", 2, "--seed", 5, "-o", tmp_path / "made")
    assert made.exit_code == 0, made.stderr
    drawn(100, 20).convert("L").save(tmp_path / "mine.jpg")
    done = command("upscale", run.path, tmp_path / "made", tmp_path / "mine.jpg", "--steps", 2, "--json")
    assert done.exit_code == 0, done.stderr
    assert "dB from held-out pictures; bicubic interpolation" in done.stderr
    written = json.loads(done.stdout)
    assert [Image.open(path).size for path in written] == [(32, 32), (32, 32), (40, 40)]
    assert all(path.startswith("discs-x2/") and path.endswith("-x2.png") for path in written)
    own, _, persons = (tfgen.verify(path) for path in written)
    assert (own.state, own.claims, persons.state, persons.claims) == ("own", "generated", "own", "completed")
    assert (own.made_by["run"], own.made_by["seed"], own.made_by["enlarged"]) == ("discs", "5", "to 2 times its sides")
    assert "runs" not in own.made_by and "seed" not in persons.made_by and persons.made_by["run"] == "discs"
    alone = command("upscale", run.path, tmp_path / "mine.jpg", "-o", tmp_path / "larger.png", "--unsigned")
    assert alone.exit_code == 0 and "Learning" not in alone.stderr
    assert Image.open(tmp_path / "larger.png").size == (40, 40)
    assert tfgen.verify(tmp_path / "larger.png").state != "own"
    again = command("upscale", run.path, "discs-x2", "-o", "again")  # and the names below a folder stay
    assert again.exit_code == 0 and "isn't signed" not in again.stderr
    (twice, *_) = sorted(path for path in isolated.glob("again/*.png") if "seed5" in path.name)
    assert tfgen.verify(twice).made_by["enlarged"] == "to 4 times its sides"


def test_what_nobody_vouches_for_is_not_signed_as_anybodys(run, fitted, command, tmp_path, isolated):
    """Of another run's sample that run is said too; of one that says itself what it is, nothing is signed."""
    other = shutil.copytree(run.path, tmp_path / "others")
    assert command("generate", other, "-n", 1, "-o", tmp_path / "made").exit_code == 0
    assert command("generate", other, "-n", 1, "-o", tmp_path / "plain", "--unsigned").exit_code == 0
    done = command("upscale", run.path, tmp_path / "made", tmp_path / "plain", "--steps", 1, "--json")
    assert done.exit_code == 0, done.stderr
    vouched, not_vouched = (tfgen.verify(path) for path in json.loads(done.stdout))
    assert (vouched.made_by["run"], vouched.made_by["runs"], vouched.claims) == ("others", "others, discs", "generated")
    assert not_vouched.state == "unmarked" and "1 file said that a model made them" in done.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "No picture is named"),
        (["nowhere"], "no file or folder 'nowhere'"),
        (["--by", 3, "{picture}"], "can't be enlarged by 3. Give --by 2 or 4."),
        (["{text}"], "can't be used"),
        (["{large}"], "is 1x1100; sides of 2 to 1024"),
        (["{picture}", "{other}", "-o", "one.png"], "2 pictures don't fit into 'one.png'"),
        (["{picture}", "-o", "one.gif"], "a path that ends in .png"),
        (["{picture}", "-o", "{picture}"], "would be replaced"),
        (["{picture}", "--minutes", -1], "--minutes must be above 0"),
        (["{picture}", "--steps", 0], "--steps must be between 1"),
        (["{picture}", "--export"], "it takes no pictures"),
    ],
)
def test_bad_requests_are_refused_before_anything_is_learned(run, command, tmp_path, isolated, arguments, words):
    named = {name: tmp_path / f"{name}.png" for name in ("picture", "other", "text", "large")}
    for name in ("picture", "other"):
        drawn(1).save(named[name])
    named["text"].write_text("no picture")
    Image.new("RGB", (1100, 1)).save(named["large"])
    result = command("upscale", run.path, *[str(each).format(**named) for each in arguments])
    assert result.exit_code == 2 and words in result.stderr
    assert not (run.path / "upscalers").exists() and not list(isolated.iterdir())


def test_runs_without_pictures_and_private_ones_are_refused(run, gpt_run, command):
    other = command("upscale", gpt_run.path, "x.png")
    assert other.exit_code == 2 and "makes texts; pictures are enlarged" in other.stderr
    with pytest.raises(UserError, match="makes texts; pictures are enlarged"):
        tfgen.load(gpt_run.path).upscale(np.zeros([2, 16, 16, 3], np.uint8))
    private = Run(run.path, {**run.record, "privacy": {}})
    with pytest.raises(UserError, match="is private"):
        open_learned(private, 2)
    with pytest.raises(UserError, match="no pictures that this run knows"):
        run.upscale(np.zeros([2, 16, 16, 1], np.uint8))


@pytest.mark.slow
def test_its_exports_answer_as_it_does(run, command, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    small = np.asarray(open_pairs(run, 2).sizes[0][0][:3])
    made = run.upscale(small, 4, steps=20)
    done = command("upscale", run.path, "--by", 4, "--export", "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.stderr
    served = tf.saved_model.load(str(tmp_path / "out" / "discs-x4" / "1")).signatures["upscale"]
    answer = served(pictures=tf.constant(small / np.float32(255)))["enlarged"].numpy()
    np.testing.assert_allclose(answer * 255, made, atol=0.51)
    assert served(pictures=tf.zeros([1, 9, 31, 3]))["enlarged"].shape == (1, 36, 124, 3)
    (file,) = (tmp_path / "out" / "tflite" / "discs-x4" / "1").glob("*.tflite")
    runner = Interpreter(str(file)).get_signature_runner("upscale")
    np.testing.assert_allclose(runner(pictures=small / np.float32(255))["enlarged"] * 255, made, atol=0.6)
    signed = tfgen.verify(tmp_path / "out" / "discs-x4" / "1")
    assert (signed.state, signed.claims, signed.made_by["run"]) == ("own", "exported", "discs")  # so forget finds it
    card = json.loads((tmp_path / "out" / "discs-x4" / "1" / "assets.extra" / "tfgen.json").read_text())
    assert card["run"]["steps"] == 20 and card["name"] == "discs-x4"
    (instance,) = card["sample"]["instances"]
    assert served(pictures=tf.constant([instance["pictures"]]))["enlarged"].shape == (1, 8, 8, 3)
    assert card["codec"]["enlarges_by"] == 4 and card["signatures"]["upscale"]["inputs"]["pictures"]["shape"][0] == -1
