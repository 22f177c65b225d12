"""What people said as files: out for others and back in; samples of arrays are made again for it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tfgen.console import say, several
from tfgen.environment import load_tensorflow
from tfgen.errors import UserError, unknown
from tfgen.feedback import rows
from tfgen.feedback.events import Sample, run_digest
from tfgen.feedback.preferences import preferences_of
from tfgen.feedback.store import Store
from tfgen.files import check_place
from tfgen.generate.remade import which_can_be_made, write_remade
from tfgen.representations import ARRAYS, SEQUENCES
from tfgen.restore import open_codec
from tfgen.run import Run

KINDS = ("events", "preferences", "unpaired")


def export_feedback(store: Store, path: Path, run: Run | None, what: str) -> int:
    """Writes JSON lines of one of the KINDS, and gives how many there are. What can't be made again is left out, and
    that is said.

    Raises:
        UserError: preferences are of one run, and none is named; or nothing can be written at `path`.
    """
    check_place(path)
    if what not in KINDS:
        raise unknown("kind of rows", what, KINDS)
    if what == "events":
        return rows.export_events(store, path, run and run.name)
    if run is None:
        raise UserError("Preferences are of one run.", "Name it; see them with: tfgen runs list")
    can_be_made = which_can_be_made(run)
    if what == "unpaired":
        every = rows.judged(store, run.name)
        judged = [each for each in every if can_be_made(each[1])]
        _say_left_out(len(every) - len(judged))
        return rows.export_unpaired(judged, path, _names_in_rows(run, [each for _, each in judged], path))
    said = preferences_of(store, run)
    comparisons = [each for each in said.comparisons if all(map(can_be_made, each.shown))]
    edits = [each for each in said.edits if can_be_made(each.sample)]
    _say_left_out(said.left_out + len(said.comparisons) - len(comparisons) + len(said.edits) - len(edits))
    shown = [sample for each in comparisons for sample in each.shown] + [each.sample for each in edits]
    return rows.export_preferences(comparisons, edits, path, _names_in_rows(run, shown, path))


def import_feedback(store: Store, path: Path, run: Run | None) -> int:
    """Keeps what a file says, and gives how many answers are new; texts of others are taken for samples of the run.

    Raises:
        UserError: there is no file, the run makes no texts, or a row can't be read.
    """
    if not path.exists():
        raise UserError(f"There is no '{path}'.", "Check the path.")
    if run is None:
        return rows.import_rows(store, path)
    if open_codec(run).representation != SEQUENCES:
        raise UserError(f"Texts of others are no samples of '{run.name}'.", "Name a run of text, or leave --run out.")
    return rows.import_rows(store, path, run.name, run_digest(run))


def _say_left_out(count: int) -> None:
    if count:
        say(f"Left out: {several(count, 'answer')} about samples that can't be made again.")


def _names_in_rows(run: Run, samples: Sequence[Sample], path: Path) -> Callable[[Sample], str]:
    """What stands for a sample in a row: its text, or the name of a file, which is written."""
    if open_codec(run).representation != ARRAYS:
        return lambda sample: sample.content
    load_tensorflow()
    return write_remade(run, samples, path.with_suffix(""))
