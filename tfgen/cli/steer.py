"""tfgen steer: samples that follow what a person picks."""

import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tfgen.cli.options import given_options, sampling_options
from tfgen.console import command_line
from tfgen.environment import load_tensorflow

_KEYS = """3 picks the third; 3 5 picks both; n none of them is better; s skips; u takes the last answer back;
? lists sliders, and + NAME or - NAME moves along one; save NAME keeps it; q ends."""


@click.command("steer")
@click.argument("run", required=False)
@click.argument("prompt", default="")
@click.option("-k", "--count", type=int, default=9, show_default=True, help="Tiles to pick from, 2 to 36.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same one and the same answers give the same.")
@click.option("--session", metavar="ID", help="Go on with an earlier session.")
@click.option("--replay", metavar="FILE", help="Look at an exported session again; nothing is kept.")
@click.option("--save", "name", metavar="NAME", help="Keep what was found as the preset NAME at the end.")
@click.option("--sheet", metavar="FILE", help="Where the tiles are shown.  [default: RUN-steer and the usual ending]")
@click.option("--free", is_flag=True, help="Show what is not typical of the run too.")
@click.option("--who", metavar="NAME", help="Whose answers these are.  [default: $TFGEN_WHO, else the account]")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON row for each round, with what is shown.")
@sampling_options("Text: ", temperature="1", length="48")
def command(
    run: str | None, prompt: str, count: int, seed: int, session: str | None, replay: str | None, name: str | None,
    sheet: str | None, free: bool, who: str | None, as_json: bool, **options: Any,
) -> None:
    """Make RUN's samples follow you: pick among tiles, and the next ones are nearer to what you like.

    Answers are read a line at a time, so a script can give them too. Each is kept in the store of feedback at once,
    from which tfgen tune learns. What was found is kept as a preset, a version of the run; a text ends as the text
    written.

    \b
    3         the third is best       n      nothing new is better than before
    3 5       both are good           s      skip
    u         take that back          ?      sliders; + slant and - slant move along one
    save NAME keep a preset           q      end

    \b
    tfgen steer digits-gan seven
    tfgen steer digits-gan seven --save mine
    tfgen generate digits-gan seven --preset mine
    tfgen steer tales-gpt "Once upon a time" -k 4
    """
    from tfgen.errors import UserError
    from tfgen.run import Run
    from tfgen.steering.session import SteerRequest, continue_session, open_session, replayed
    from tfgen.steering.session_files import read_log

    if run is None:
        raise UserError("No run is named.", "Name one; see them with: tfgen runs list")
    opened = Run.open(run)
    if name is not None:
        from tfgen.versions import check_name

        check_name(opened, name)
    if (session or replay) and given_options(options):
        raise UserError("A session that goes on has its own settings.", "Leave them out.")
    context = click.get_current_context()
    said = [each for each in ("count", "seed", "free") if context.get_parameter_source(each) != ParameterSource.DEFAULT]
    if (session or replay) and said:
        named = {"count": "-k", "seed": "--seed", "free": "--free"}[said[0]]
        raise UserError("A session that goes on has its own tiles and seed.", f"Leave {named} out.")
    if session and replay:
        raise UserError("A session goes on from one place.", "Give either --session or --replay.")
    log = read_log(Path(replay)) if replay else None
    request = SteerRequest(prompt, count, seed, not free, options=given_options(options))
    from tfgen.feedback.store import open_store

    with open_store() as store:
        if session or log is not None:
            load_tensorflow()
            if session:
                steered = continue_session(opened, session, store, who or "")
                if prompt and prompt != steered.request.prompt:
                    raise UserError(f"The session is of '{steered.request.prompt}'.", "Leave the prompt out.")
            else:
                steered = replayed(opened, log, None, who or "").replay(log)  # said already, it isn't kept again
        else:
            steered = open_session(opened, request, store, who or "")
        if name is not None:
            steered.check_presets()
        talk = Talk(steered, sheet, as_json)
        load_tensorflow()
        talk.go_on(name)


class Talk:
    """A session and a person who types."""

    def __init__(self, session: Any, sheet: str | None, as_json: bool):
        from tfgen.steering.session_files import Screen

        self.session = session
        self.screen = Screen(session, Path(sheet) if sheet else None, as_json)
        self.refused = False

    def go_on(self, name: str | None) -> None:
        """Reads answers until there are no more; then saves, where a name was given."""
        from tfgen.console import say

        say(_KEYS if sys.stdin.isatty() else f"Session {self.session.id}")
        self.screen.show()
        while (line := self._line()) is not None:
            if line in ("q", "quit", "exit"):
                break
            if line:
                self._follow(line)
        ending = self.session.ending()
        if ending is not None and ending.strip():
            click.echo(ending)
        if self.session.store is not None:
            say(f"Go on later: {command_line('steer', self.session.run.reference, '--session', self.session.id)}")
        if name is not None:
            self._save(name)
        if self.refused and not sys.stdin.isatty():
            sys.exit(2)

    def _line(self) -> str | None:
        if sys.stdin.isatty():
            click.echo("> ", nl=False, err=True)
        line = sys.stdin.readline()
        return line.strip() if line else None

    def _follow(self, line: str) -> None:
        """Does what a line says; what can't be done doesn't end the session."""
        from tfgen.console import say
        from tfgen.errors import UserError

        try:
            said = self._done(line)
        except UserError as error:
            self.refused = True
            say(str(error))
            return
        if said is not None:
            say(said)
            self.screen.show()

    def _done(self, line: str) -> str | None:
        """What an answer changed; None where the tiles stay."""
        from tfgen.errors import UserError

        session, (word, _, rest) = self.session, line.partition(" ")
        if word == "save":
            self._save(rest.strip())
            return None
        if line in ("?", "more"):
            self.screen.show_sliders()
            return None
        if word in ("+", "-") or line[0] in "+-":
            name = line[1:].strip()
            return session.move(name, 1.0 if line[0] == "+" else -1.0)
        if line in ("n", "none"):
            return session.answer("none")
        if line in ("s", "skip"):
            return session.answer("skip")
        if line in ("u", "undo"):
            return session.undo()
        try:
            places = [int(each) for each in line.replace(",", " ").split()]
        except ValueError:
            raise UserError(f"'{line}' is no answer.", "Type a number, n, s, u, ?, save NAME or q.") from None
        count = len(session.tiles())
        if not all(1 <= place <= count for place in places):
            raise UserError(f"There are {count} tiles.", f"Pick from 1 to {count}.")
        return session.answer("pick", [place - 1 for place in dict.fromkeys(places)])

    def _save(self, name: str) -> None:
        from tfgen.console import say

        say(self.session.saved(name))
