"""What is asked next: samples of one prompt, and those first whose answer would teach most."""

import numpy as np
import pytest
from click.testing import CliRunner

from tfgen.cli import main
from tfgen.errors import UserError
from tfgen.feedback.store import open_store
from tfgen.steering.choice import ChoiceModel
from tfgen.tuning.questions import Questions, _to_learn


def asked(run, answers, *arguments):
    words = ["feedback", "ask", str(run.path), *arguments, "--who", "ada"]
    return CliRunner().invoke(main, words, input=answers, prog_name="tfgen")


def test_answers_are_kept_as_they_are_typed(gan_run, isolated):
    result = asked(gan_run, "1\n9\n=\n1 3\nq\n", "three", "-k", "3", "-n", "5")
    assert result.exit_code == 0 and "Type a number from 1 to 3" in result.stderr, result.output
    assert "Kept 3 answers" in result.stderr and len(list((isolated / f"{gan_run.name}-ask").iterdir())) == 4
    with open_store() as store:
        events = store.events()
        samples = store.samples({each for event in events for each in event.shown})
    assert [event.picked for event in events] == [(0,), (0, 1, 2), (0, 2)]
    assert {event.who for event in events} == {"ada"} and {each.prompt for each in samples.values()} == {"three"}
    assert len(samples) == 9, "none is shown twice while there are others"


@pytest.mark.slow
def test_texts_are_asked_about_too(gpt_run):
    result = asked(gpt_run, "2\n1\n", "Once", "-n", "2")
    assert result.exit_code == 0 and result.stderr.count("--- 2 ---") == 2, result.output
    with open_store() as store:
        events = store.events()
        assert all(sample.content for sample in store.samples(events[0].shown).values())
    assert [event.picked for event in events] == [(1,), (0,)]


@pytest.mark.slow
def test_with_enough_answers_those_are_asked_that_teach_most(gan_run):
    with open_store() as store:
        first = Questions(gan_run, store, "three", 2, 12, seed=1)
        for question in first:
            brighter = int(np.sum(question.values[1], dtype=float) > np.sum(question.values[0], dtype=float))
            first.answer(question, (brighter,))
        informed = list(Questions(gan_run, store, "three", 2, 6, seed=2))
    with open_store("empty.db") as store:
        uninformed = list(Questions(gan_run, store, "three", 2, 6, seed=2))
    named = [[tuple(each.seed for each in one.samples) for one in questions] for questions in (informed, uninformed)]
    assert named[0] != named[1] and len({seed for pair in named[0] for seed in pair}) == 12


def test_what_is_surely_known_teaches_least():
    model = ChoiceModel(np.array([8.0, 0.0]), np.diag([0.01, 4.0]))
    positions = np.array([[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]], [[0.0, 0.1], [0.0, -0.1]]])
    worth = _to_learn(model, positions)
    assert worth[1] > worth[2] > worth[0]


@pytest.mark.parametrize("options, what", [((1, 5), "1 samples"), ((2, 0), "0 questions"), ((99, 5), "99 samples")])
def test_what_can_not_be_asked(gan_run, options, what):
    with open_store() as store, pytest.raises(UserError, match=what):
        Questions(gan_run, store, "three", *options)
