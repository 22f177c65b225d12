"""Sessions of runs that make sequences: a person picks how the text goes on."""

import pytest

import tfgen
from tests.sources import SOURCES
from tfgen.errors import UserError
from tfgen.feedback.store import open_store
from tfgen.steering.session import SteerRequest, continue_session, open_session, replayed

pytestmark = pytest.mark.slow


def request(**changes):
    return SteerRequest(**{"prompt": "ROMEO:", "count": 4, "options": {"length": 12}, **changes})


def test_what_is_picked_becomes_part_of_the_text(gpt_run, tmp_path):
    with open_store(str(tmp_path / "feedback.db")) as store:
        session = open_session(gpt_run, request(), store, "ann")
        first = session.tiles()
        assert len(set(first.values)) == 4 and all(first.values)
        said = session.answer("pick", [2])
        assert session.written == first.values[2] and said.startswith("So far: ")
        second = session.tiles()
        assert all(sample.prompt == "ROMEO:" + first.values[2] for sample in second.samples)
        assert session.answer("none") == "Others follow."
        others = session.tiles()
        assert session.written == first.values[2] and set(others.values) != set(second.values)
        session.undo()
        assert session.tiles().values == second.values
        session.answer("pick", [0, 1])
        assert session.ending() == "ROMEO:" + first.values[2] + second.values[0]
        continued = continue_session(gpt_run, session.id, store)
        assert continued.ending() == session.ending() and continued.tiles().values == session.tiles().values
        log = store.events(session=session.id, withdrawn=True)
        assert replayed(gpt_run, log).replay(log).tiles().values == session.tiles().values
        shown = store.samples(log[0].shown)
        assert sorted(sample.content for sample in shown.values()) == sorted(first.values)


def test_a_sheet_of_tiles_is_signed(gpt_run, tmp_path):
    session = open_session(gpt_run, request())
    session.save_sheet(tmp_path / "tiles.txt")
    found = tfgen.verify(tmp_path / "tiles.txt")
    assert (found.state, found.generated, found.made_by["session"]) == ("own", True, session.id)


def test_undo_takes_the_text_back(gpt_run):
    session = open_session(gpt_run, request())
    first = session.tiles().values
    session.answer("pick", [1])
    session.undo()
    assert session.written == "" and session.tiles().values == first


def test_what_can_not_be_is_refused(gpt_run):
    with pytest.raises(UserError, match="nothing to pick from without chance"):
        open_session(gpt_run, request(options={"temperature": 0}))
    with pytest.raises(UserError, match="No option named 'ladder'"):
        open_session(gpt_run, request(options={"ladder": "1,2"}))
    with pytest.raises(UserError, match="has no preset. Let the model learn from your picks: tfgen tune"):
        open_session(gpt_run, request()).save("mine")


@pytest.mark.slow
def test_sequences_of_another_package_go_on_too(fit_once):
    source = SOURCES["melody"]
    run = fit_once("gpt", 120, *source.sequence_settings, modality="melody", seed=1)
    session = open_session(run, SteerRequest(source.opening, 3, options={"length": 4}))
    picked = session.tiles().values[1]
    session.answer("pick", [1])
    assert session.tiles().samples[0].prompt.split() == [*source.opening.split(), *picked.split()]


def test_arrays_of_another_package_are_shown_as_lines(fit_once):
    run = fit_once("gan", SOURCES["melody"].array_steps, modality="melody")
    session = open_session(run, SteerRequest("down", 4, bank=128))
    session.answer("pick", [1])
    assert len(session.in_lines()) == 4 and session.in_terminal(80) is None
    assert all(len(line.split()) == 17 for line in session.in_lines())
    assert [slider.name for slider in session.sliders()][0] == "like my picks"
    assert session.changed() == "The best so far is among the next."
