"""Tuning a model of text: from a simulated person's rule to new weights, and refusals where nothing can be learned."""

import functools
import json

import numpy as np
import pytest

from tfgen import versions
from tfgen.catalog import model_class
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.feedback.preferences import Comparison, Edit, Preferences
from tfgen.tuning import TuneRequest, sequences
from tfgen.tuning.direct_preference import Lessons, PreferenceConfig, as_far_as, learn
from tfgen.tuning.sequence_windows import WindowCutter, WindowReader, Written
from tfgen.tuning.sequences import SequenceTuner

pytestmark = pytest.mark.slow

PROMPTS = [f"{name}:\n{word}" for name in ("ROMEO", "MENENIUS", "First Citizen") for word in ("We", "The", "No", "I")]
SETTINGS = {"temperature": 1.0, "length": 48}


def few_spaces(text):
    """A rule that no model was told."""
    return -text.count(" ") / max(len(text), 1)


@pytest.fixture(scope="module")
def run(gpt_run):
    """Don't change it. What is tuned learns for fewer steps than usual, fewer samples are made of it, and XLA compiles
    for one test alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequences, "COUNT", 50)
        patch.setattr(sequences, "PreferenceConfig", functools.partial(PreferenceConfig, epochs=2, least_steps=20))
        patch.setattr("tfgen.models.language.LanguageModel.jit_compile", False)
        yield gpt_run


@pytest.fixture(scope="module")
def codec(run):
    from tfgen.restore import open_codec

    return open_codec(run)


@pytest.fixture(scope="module")
def model(run):
    """Whoever changes it puts it back."""
    from tfgen.restore import load_model

    return load_model(run)


@pytest.fixture(scope="module")
def write(model, codec):
    """Samples of the model for prompts, as text."""
    from tfgen.representations.sequences.sampling_settings import SamplingSettings
    from tfgen.tuning.sequence_measures import Author

    author = Author(model, codec, SamplingSettings.of(SETTINGS))
    return lambda prompts, seed: author.texts(author([codec.prompt_ids(prompt) for prompt in prompts], seed))


@pytest.fixture(scope="module")
def samples(run, write):
    """What people see."""
    prompts = PROMPTS * 20
    texts = write(prompts, 0)
    return [
        Sample.of(run, prompt, seed, settings=SETTINGS, content=text)
        for seed, (prompt, text) in enumerate(zip(prompts, texts, strict=True))
    ]


@pytest.fixture(scope="module")
def compared(samples):
    """Preferences from comparisons of neighbours of one prompt, by a rule or at random."""

    def compared(rule=None, count=120, seed=0):
        chance, found = np.random.default_rng(seed), []
        for first, second in zip(samples, samples[len(PROMPTS) :], strict=False):
            values = [chance.random() if rule is None else rule(each.content) for each in (first, second)]
            if values[0] != values[1] and len(found) < count:
                found.append(Comparison((first, second), (int(np.argmax(values)),), "ann"))
        return Preferences(tuple(found))

    return compared


@pytest.fixture(scope="module")
def said():
    """What a request is."""
    return TuneRequest(seed=3)


@pytest.fixture(scope="module")
def learned(run, compared, codec, said):
    """What a person's rule teaches."""
    return SequenceTuner(run, compared(few_spaces), codec, said).tune()


def test_windows_count_every_token_of_a_completion_once():
    row = Written(np.array([7, 8]), np.arange(10, 45))
    cutter = WindowCutter([row], context=16, start=0)
    windows = cutter([row, Written(np.zeros(0, np.int32), np.array([1, 2, 3]))])
    assert windows.tokens.shape == (2, 4, 17)
    counted = windows.tokens[:, :, 1:][windows.counted]
    assert counted.tolist() == [*range(10, 45), 1, 2, 3]
    assert windows.lengths.tolist() == [35, 3]
    # An empty prompt is the start; later tokens are predicted from at least half a context.
    assert windows.tokens[1, 0, :4].tolist() == [0, 1, 2, 3]
    assert all(np.flatnonzero(window)[0] >= 7 for window in windows.counted[0, 1:] if window.any())


def test_a_long_prompt_is_cut_at_its_front():
    row = Written(np.arange(100, 140), np.array([1, 2]))
    windows = WindowCutter([row], context=16, start=0)([row])
    line = windows.tokens[0, 0]
    assert line[:10].tolist() == [*range(132, 140), 1, 2]
    assert line[1:][windows.counted[0, 0]].tolist() == [1, 2]


def test_log_probabilities_are_those_of_the_model(model, codec):
    import tensorflow as tf

    prompt, completion = codec.prompt_ids("ROMEO:\n"), codec.encode("What say you?")
    row = Written(prompt, completion)
    found, hidden = WindowReader(model)(WindowCutter([row], model.context, model.example.start)([row]))
    whole = np.concatenate([prompt, completion])[None]
    logits = tf.nn.log_softmax(model.logits(tf.constant(whole[:, :-1], tf.int32))).numpy()
    expected = sum(logits[0, place - 1, whole[0, place]] for place in range(len(prompt), whole.shape[1]))
    np.testing.assert_allclose(found, [expected], rtol=1e-4)
    assert hidden.shape == (1, model.config.width)


def test_as_far_as_the_bound_allows():
    class Variable:
        def assign(self, value):
            self.value = value

    variable = Variable()
    share = as_far_as([variable], [np.zeros(1)], [np.ones(1)], lambda: float(variable.value[0]) ** 2, 0.25)
    assert 0.47 < share <= 0.5 and variable.value == share
    assert as_far_as([variable], [np.zeros(1)], [np.ones(1)], lambda: 0.1, 0.25) == 1.0
    assert as_far_as([variable], [np.zeros(1)], [np.ones(1)], lambda: 9.0, 0.25) == 0.0
    assert variable.value == 0.0


@pytest.mark.slow
def test_a_rule_is_learned_within_the_bound(learned, model, write):
    """New samples follow the rule more, on seeds that nobody saw, and the version works as any other."""
    assert learned.held_out.p_value < 0.05
    lost = learned.after["nats a character"] - learned.before["nats a character"]
    assert lost < 0.07
    assert learned.facts["comparisons"] == 120
    assert 0 < learned.facts["share_of_the_way"] <= 1
    assert learned.after["tokens"] == pytest.approx(learned.before["tokens"], rel=0.2)
    json.dumps(learned.facts)
    old = [few_spaces(text) for text in write(PROMPTS * 10, 70_000)]
    start = [variable.numpy() for variable in model.trained_variables()]
    model.adopt(learned.arrays)
    new = [few_spaces(text) for text in write(PROMPTS * 10, 70_000)]
    for variable, values in zip(model.trained_variables(), start, strict=True):
        variable.assign(values)
    assert np.mean(new) > np.mean(old) + 0.3 * np.std(old)
    value, low, high = learned.win_rate
    assert low < value < high and value > 0.5


def test_answers_at_random_are_refused(run, codec, compared, said):
    with pytest.raises(UserError, match=r"\d+ of 120 answers .* chance does too \(p = 0.*binomial test"):
        SequenceTuner(run, compared(None), codec, said).tune()


@pytest.mark.slow
def test_edits_are_learned_beside_comparisons_that_are_chance(run, codec, samples, compared, said):
    """What the edits cost that were held out falls."""
    edits = tuple(Edit(each, each.content.replace(" ", "-"), "ann") for each in samples[:40])
    preferences = Preferences(compared(None).comparisons, edits)
    outcome = SequenceTuner(run, preferences, codec, TuneRequest(strength=4.0)).tune()
    name = "nats a token of edits held out"
    assert outcome.after[name] < outcome.before[name] - 0.01
    assert outcome.win_rate is None
    assert outcome.facts["comparisons"] == 0 and outcome.facts["edits"] == 40
    assert any("comparisons are left out" in each for each in outcome.facts["remarks"])


def test_supervised_learning_of_what_was_picked(run, codec, compared, model):
    tuner = SequenceTuner(run, compared(few_spaces), codec, TuneRequest(method="supervised"))
    lessons = tuner._lessons(model, tuner.comparisons, [])
    assert not len(lessons.pairs)
    picked = {each.shown[each.picked[0]].id for each in tuner.comparisons}
    assert len(lessons.texts) == len(picked)
    assert "supervised learning of what was picked" in tuner.plan()


def test_pairs_and_texts_are_learned_as_xla_compiles_it():
    """By a model that is small enough for it; the other tests do without."""
    examples = open_data(["Ay.", "No, never!", "Well."] * 20, tokenizer="bytes")
    made_by = model_class("gpt", "sequences")
    config = made_by.Config(width=8, layers=1, heads=1, context=8, batch_size=4)
    model = made_by(config, examples.codec.specification, examples.conditions(), seed=0)
    model.jit_compile = True
    rows = [Written(np.array([3]), np.arange(4, 20)), Written(np.array([3]), np.arange(30, 35))]
    windows, read = WindowCutter(rows, model.context, model.example.start)(rows), WindowReader(model)
    before = read(windows)[0]
    lessons = Lessons(windows, before, np.array([[1, 0]]), np.ones(1), np.array([1]))
    learn(model, lessons, examples, PreferenceConfig(least_steps=4))
    worse, better = (read(windows)[0] - before) / windows.lengths
    assert better > max(worse, 0)


def test_a_text_that_ended_by_itself_has_an_end(run, codec, samples, said):
    short = Sample.of(run, "ROMEO:\n", 1, settings={"length": 48}, content="Ay.")
    preferences = Preferences((Comparison((short, samples[0]), (0,)),) * 10)
    tuner = SequenceTuner(run, preferences, codec, said)
    ends = codec.specification.ends
    assert tuner._written[short.id].completion[-1] in ends
    assert tuner._written[samples[0].id].completion[-1] not in ends


def test_the_plan_says_what_will_be_done(run, codec, compared, samples):
    edits = (Edit(samples[0], "No."),)
    preferences = Preferences(compared(few_spaces).comparisons, edits)
    plan = SequenceTuner(run, preferences, codec, TuneRequest(strength=0.5)).plan()
    assert "120 comparisons and 1 edit by smoothed direct preference optimisation" in plan
    assert "0.025 nats a character" in plan


@pytest.mark.parametrize(
    "request_, what",
    [
        (TuneRequest(method="dqo"), "No method named 'dqo'. Did you mean 'dpo'"),
        (TuneRequest(strength=0.0), "The strength must be above 0"),
        (TuneRequest(strength=float("nan")), "The strength must be above 0"),
    ],
)
def test_requests_that_make_no_sense(run, codec, compared, request_, what):
    with pytest.raises(UserError, match=what):
        SequenceTuner(run, compared(few_spaces), codec, request_)


def test_too_little_is_refused(run, codec, compared, samples, said):
    few = tuple(Edit(each, each.content + "!", "ann") for each in samples[:3])
    with pytest.raises(UserError, match="Nothing of what was said .* 10 edits at the least"):
        SequenceTuner(run, Preferences((), few), codec, said)
    with pytest.raises(UserError, match="9 comparisons of what was said"):
        SequenceTuner(run, compared(few_spaces, count=9), codec, said)
    nothing_known = Comparison((Sample.of(run, "ROMEO:", 1), samples[0]), (0,))
    all_picked = Comparison(tuple(samples[:2]), (0, 1))
    unchanged = Edit(samples[0], samples[0].content)
    with pytest.raises(UserError, match="Nothing"):
        SequenceTuner(run, Preferences((nothing_known, all_picked), (unchanged,)), codec, said)


@pytest.mark.slow
def test_it_learns_for_the_weights_of_the_fit(tmp_path, run, codec, compared, said, learned):
    """With another version in use, what is learned is the same, and is compared with that version."""
    import shutil

    from tfgen.run import Run

    shutil.copytree(run.path, tmp_path / "copy")
    copy = Run.open(str(tmp_path / "copy"))
    versions.create(copy, "v1", learned.arrays, {"kind": "tuned"})
    versions.use(copy, "v1")
    second = SequenceTuner(Run.open(str(copy.path)), compared(few_spaces), codec, said).tune()
    assert all(np.array_equal(learned.arrays[name], second.arrays[name]) for name in learned.arrays)
    assert second.before == pytest.approx(learned.after)
