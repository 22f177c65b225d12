"""tfgen chat: a talk with a run."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Any

import click

from tfgen.cli.options import given_options, run_argument, sampling_options
from tfgen.environment import load_tensorflow


@click.command("chat")
@run_argument
@click.option("--system", metavar="TEXT", default="", help="What the model is told before the talk.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same one gives the same answers.")
@sampling_options()
def command(run: str, system: str, seed: int, **options: Any) -> None:
    """Talk with RUN, which learned chats.

    /new begins anew, /quit or Ctrl-D ends, and Ctrl-C stops an answer. Messages can come through a pipe too, one a
    line; answers go to standard output. A line that can't be answered gets an empty one, and a 2 at the end.

    \b
    tfgen chat support-gpt
    tfgen chat support-gpt --temperature 0 < questions.txt
    """
    from tfgen.generate.chat import Chat
    from tfgen.representations.sequences.sampling_settings import SamplingSettings
    from tfgen.run import Run

    chat = Chat(Run.open(run), SamplingSettings.of(given_options(options)), seed, system)
    load_tensorflow()
    chat.load()
    interactive = sys.stdin.isatty()
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")  # what isn't UTF-8 gets a sentence
    if interactive:
        click.echo("/new begins anew, /quit or Ctrl-D ends, Ctrl-C stops an answer.", err=True)
    refused = False
    while True:
        try:
            message = _typed() if interactive else sys.stdin.readline()
            if not message or message.strip() == "/quit":
                sys.exit(2 if refused and not interactive else 0)
            refused |= not _follow(chat, message.strip(), interactive)
        except KeyboardInterrupt:
            # A second too late for an answer, it should not end the talk either.
            if not interactive:
                raise
            click.echo("\n/quit or Ctrl-D ends.", err=True)


def _typed() -> str:
    """A line from a terminal, with the keys that one is used to; empty where there are no more."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401: its import gives input() a history
    try:
        return input("> ") + "\n"
    except EOFError:
        click.echo(err=True)
        return ""


def _follow(chat: Any, message: str, interactive: bool) -> bool:
    """Does what a line says, an empty one says nothing; gives whether it could be answered."""
    if message == "/new":
        chat.forget()
    return message in ("", "/new") or _answer(chat, message, interactive)


def _answer(chat: Any, message: str, interactive: bool) -> bool:
    """Prints an answer as it is made. What can't be answered doesn't end the talk, and has an empty line instead."""
    from tfgen.errors import UserError

    try:
        with contextlib.closing(chat.answer(message)) as pieces, _stopped_by_hand(interactive) as stopped:
            for piece in pieces:
                click.echo(piece, nl=False)
                if stopped:
                    click.echo(" ...", err=True, nl=False)
                    break
    except UserError as error:
        click.echo(str(error), err=True, nl=not interactive)
        click.echo()
        return False
    click.echo()
    return True


@contextlib.contextmanager
def _stopped_by_hand(interactive: bool) -> Iterator[list[int]]:
    """In a terminal, the first Ctrl-C of the block is noted in the list that it gives, and the second ends the talk.

    Raised where it comes, as usual, it could be lost: Python ignores what is raised while an object is deleted.
    """
    noted: list[int] = []
    if not interactive:
        yield noted
        return

    def note(number: int, frame: Any) -> None:
        if noted:
            signal.default_int_handler(number, frame)
        noted.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
