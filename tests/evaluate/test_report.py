"""The report: whole, well-formed, safe whatever names and prompts hold, and without a need for anything outside."""

import base64
import io
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tfgen.catalog import METRICS
from tfgen.evaluate import report
from tfgen.evaluate.arrays.evaluator import parts_of
from tfgen.evaluate.arrays.groups import Group
from tfgen.evaluate.arrays.report_sections import LOOKED_AT, SAMPLES
from tfgen.evaluate.page import TEMPLATES
from tfgen.evaluate.record import Alarm, Evaluation, MeasuredWith, Score
from tfgen.evaluate.report import write_report
from tfgen.evaluate.score_descriptions import DESCRIPTIONS
from tfgen.modalities.image.modality import ImageModality
from tfgen.run import Run

EVIL = "<script>alert('1')</script> & \"$name\""
VOID = {"meta", "link", "img", "br", "hr"}


class Page(HTMLParser):
    """A page that is read strictly: every tag is closed, in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.said = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "data")]
        assert len(dict(attributes)) == len(attributes), f"twice the same attribute: {tag} {attributes}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.said.append(data)

    def of_class(self, name):
        return [tag for tag, attributes in self.tags if name in (attributes.get("class") or "").split()]

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.said))


def pictures(count, prompts=None, shape=(8, 8, 1), name="samples"):
    """A group whose pictures are all different."""
    values = np.random.default_rng(0).integers(0, 256, [count, *shape], np.uint8)
    return Group(name, lambda start, stop: values[start:stop], np.full(count, -1) if prompts is None else prompts, [])


def inputs_of(prompts=(), kind="none", shape=(8, 8, 1), neighbours=30):
    """Each sample is nearest to the training example of its place, the less so the later it comes."""
    training = SimpleNamespace(prompts=list(prompts), prompt_kind=kind)
    group = pictures(neighbours, shape=shape, name="neighbours")

    def nearest(samples):
        places = np.arange(len(samples))[:, None] + np.arange(3)
        apart = np.stack([np.linspace(0.1, 0.9, len(samples)), *np.ones([2, len(samples)])], axis=1)
        return places % neighbours, apart

    data = SimpleNamespace(training=training, neighbours=lambda: group)
    return SimpleNamespace(data=data, nearest=nearest, others={})


def evaluation_of(**changes):
    fields = {
        "run": "digits-gan",
        "checkpoint": "000005-step-00002129-abc.npz",
        "step": 2129,
        "minutes": 1.5,
        "parameters": 1_234_567,
        "created": "2026-01-31T12:34:56Z",
        "measured_with": MeasuredWith(1, "classifier", "0123", "none", "4567", (8, 8, 1), 100, 7, None),
        "scores": {
            "frechet_distance": Score("frechet", 12.345678, 1.5, "lower"),
            "kernel_distance": Score("kernel", 0.7, None, "lower"),
            "precision": Score("precision-recall", 0.9233, 0.1, "higher"),
            "copied": Score("copying", 0.05, 0.01, "lower"),
            "membership": Score("membership", 0.53, 0.03, "near 0.5"),
            "dead_latents": Score("latents", 12.0, None, "lower"),
            "brand_new": Score("new", 299285.9, None, "lower"),
        },
        "baselines": {
            "real": {"frechet_distance": 0.86, "kernel_distance": -0.1, "precision": 0.95, "copied": 0.01},
            "noise": {"frechet_distance": 7463.75, "kernel_distance": 299285.9, "precision": 0.0, "copied": 0.0},
        },
        "left_out": {"likelihood": "This model doesn't give what it needs."},
        "alarms": [
            Alarm("collapse", "raised", "The samples are too much alike.", "Raise r1."),
            Alarm("copying", "quiet", "Nothing is copied."),
            Alarm("overfit", "not tested", "It needs other examples."),
        ],
        "notes": ["No held-out examples."],
        "words": "Good: they look real. Weak: alarm. To change: raise r1.",
    }
    return Evaluation(**{**fields, **changes})


@pytest.fixture
def page(tmp_path):
    """Writes a report and reads it; `evaluation` and the rest say what to report on."""

    def write(evaluation=None, inputs=None, samples=None, history=""):
        record = {"model": "gan", "data": {"source": EVIL, "count": 60000}, "modality": "image"}
        (tmp_path / "history.jsonl").write_text(history)
        run = Run(tmp_path, record)
        evaluation = evaluation or evaluation_of()
        samples = samples or pictures(100)
        parts = parts_of(run, evaluation, ImageModality, inputs or inputs_of(), samples, samples)
        write_report(run, evaluation, parts)
        return Page((tmp_path / "report.html").read_text(encoding="utf-8"))

    return write


def labelled(count=100):
    return pictures(count, np.arange(count) % 3), inputs_of(["cat", EVIL, ""], "labels")


def test_nothing_is_fetched(page):
    samples, inputs = labelled()
    found = page(inputs=inputs, samples=samples, history='{"step": 1, "loss": 2.0}\n')
    assert found.addresses and all(address.startswith(("data:", "#")) for address in found.addresses)
    assert not {"script", "iframe", "object", "embed", "form"} & {tag for tag, _ in found.tags}
    styles = [value for _, attributes in found.tags for name, value in attributes.items() if name == "style"]
    assert not any("url(" in style for style in styles)


def test_every_picture_opens(page):
    samples, inputs = labelled()
    sources = [attributes["src"] for tag, attributes in page(inputs=inputs, samples=samples).tags if tag == "img"]
    assert len(sources) == SAMPLES // 3 * 3 + LOOKED_AT * 4
    for source in sources:
        image = Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,"))))
        assert image.size == (8, 8)


def test_names_and_words_are_only_text(page):
    samples, inputs = labelled()
    alarms = [Alarm(EVIL, "raised", EVIL, EVIL)]
    evil = evaluation_of(run=EVIL, alarms=alarms, notes=[EVIL], left_out={EVIL: EVIL}, words=EVIL, checkpoint=EVIL)
    found = page(evil, inputs, samples, '{"step": 1, "<b>": 2.0}\n')
    assert "script" not in {tag for tag, _ in found.tags}
    assert found.text.count("alert('1')") >= 10
    assert EVIL in found.text


def test_every_score_stands_with_its_interval_and_the_baselines(page):
    found = page()
    for said in ("12.3", "10.8 to 13.8", "0.860", "7,464", "92.3%", "82.3% to 100.0%", "299,286", "−0.100"):
        assert said in found.text
    for name, reading in DESCRIPTIONS.items():
        if name in evaluation_of().scores:
            assert reading.title in found.text and reading.sentence in found.text
    assert "Brand new" in found.text
    assert len(found.of_class("dots")) == 5  # not where there is no scale, or nothing to compare with


def test_every_metric_has_a_reading():
    scores = {score for name in METRICS for score in METRICS.load(name).scores}
    assert scores == set(DESCRIPTIONS)


def test_alarms_are_told_apart_in_words(page):
    found = page()
    for said in ("raised", "quiet", "not tested", "The samples are too much alike.", "What to do: Raise r1.",
                 "1 raised, 1 quiet, 1 not tested"):
        assert said in found.text
    assert len(found.of_class("raised")) == 1


def test_it_says_how_it_was_measured(page):
    found = page()
    for said in ("classifier (0123)", "4567", "8 × 8 × 1", "000005-step-00002129-abc.npz", "No held-out examples.",
                 "likelihood: This model doesn't give what it needs.", "2026-01-31, 12:34 UTC", "1,234,567 parameters",
                 "2,129 steps, 1.5 min",
                 "Good: they look real. Weak: alarm. To change: raise r1."):
        assert said in found.text


def test_samples_stand_in_columns_by_label(page):
    samples, inputs = labelled()
    found = page(inputs=inputs, samples=samples)
    assert found.of_class("columns") and not found.of_class("sheet")
    assert "no words" in found.text


def test_captions_stand_beneath(page):
    captions = [f"a small bird, number {place}" for place in range(100)]
    found = page(inputs=inputs_of(captions, "captions"), samples=pictures(100, np.arange(100)))
    assert found.of_class("captioned")
    assert all(caption in found.text for caption in captions[:SAMPLES])
    assert captions[SAMPLES] not in found.text


def test_the_most_suspicious_come_first(page):
    found = page()
    assert found.text.index("seed 7") < found.text.index("seed 8") < found.text.index("seed 22")
    assert "seed 23" not in found.text
    assert len(found.of_class("flagged")) == 5  # of 100, with .05 copied
    assert not found.of_class("alarmed")


def test_large_pictures_in_colour_are_made_smaller(page):
    shape = (300, 600, 3)
    found = page(inputs=inputs_of(shape=shape), samples=pictures(20, shape=shape))
    sizes = {(attributes["width"], attributes["height"]) for tag, attributes in found.tags if tag == "img"}
    assert sizes == {("192", "96")}


def test_few_of_everything(page):
    bare = evaluation_of(scores={}, baselines={}, left_out={}, alarms=[], notes=[], words="")
    found = page(bare, inputs_of(neighbours=3), pictures(2))
    assert "None could be measured" in found.text
    assert "no reports" in found.text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_a_dash(page, value):
    odd = {"frechet_distance": Score("frechet", value, value, "lower")}
    found = page(evaluation_of(scores=odd, baselines={"real": {"frechet_distance": value}}))
    assert not re.search(r"\b(nan|inf)\b", found.text)
    assert not found.of_class("dots")


def test_losses_are_drawn_and_strays_told(page):
    rows = ['{"step": %d, "seconds": 1, "loss": %s}' % (step, 1e6 if step == 1 else step % 7) for step in range(1, 200)]
    found = page(history="\n".join(rows))
    assert len(found.of_class("lines")) == 1 and len(found.of_class("line")) == 1
    assert "1 of 199 reports lie beyond the axis" in found.text


def test_a_killed_write_leaves_the_old_report(page, tmp_path, monkeypatch):
    page()
    before = (tmp_path / "report.html").read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space")))
    with pytest.raises(OSError):
        page(evaluation_of(run="another"))
    assert (tmp_path / "report.html").read_bytes() == before


def test_the_template_is_installed():
    from tests.conftest import ROOT

    assert all((TEMPLATES / name).is_file() for name in ("page.html", report.FILE))
    assert "evaluate/templates/*" in (ROOT / "setup.cfg").read_text()
