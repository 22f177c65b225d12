"""tfgen chat: a talk with a run."""

import sys
from collections.abc import Iterator
from typing import Any

import click

from tfgen.cli.options import given_options, load_tensorflow, run_argument, sampling_options


@click.command("chat")
@run_argument
@click.option("--system", metavar="TEXT", default="", help="What the model is told before the talk.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same one gives the same answers.")
@sampling_options()
def command(run: str, system: str, seed: int, **options: Any) -> None:
    """Talk with RUN, which learned chats.

    /new begins anew, /quit or Ctrl-D ends, and Ctrl-C stops an answer. Messages can come through a pipe too, one a
    line; answers go to standard output.

    \b
    tfgen chat support-gpt
    tfgen chat support-gpt --temperature 0 < questions.txt
    """
    from tfgen.generate.chat import Chat
    from tfgen.generate.text_settings import TextSettings
    from tfgen.run import Run

    chat = Chat(Run.open(run), TextSettings.of(given_options(options)), seed, system)
    load_tensorflow()
    chat.load()
    interactive = sys.stdin.isatty()
    if interactive:
        click.echo("/new begins anew, /quit or Ctrl-D ends, Ctrl-C stops an answer.", err=True)
    for message in _messages(interactive):
        if message == "/new":
            chat.forget()
        else:
            _answer(chat, message, interactive)


def _messages(interactive: bool) -> Iterator[str]:
    """What is typed, or comes through a pipe, line by line up to /quit; empty lines are left out."""
    for line in _typed() if interactive else sys.stdin:
        if line.strip() == "/quit":
            return
        if line.strip():
            yield line.strip()


def _typed() -> Iterator[str]:
    """Lines from a terminal, with the keys that one is used to."""
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401: its import gives input() a history
    while True:
        try:
            yield input("> ")
        except KeyboardInterrupt:
            click.echo("\n/quit or Ctrl-D ends.", err=True)
        except EOFError:
            click.echo(err=True)
            return


def _answer(chat: Any, message: str, interactive: bool) -> None:
    """Prints an answer as it is made. In a terminal, one mistake does not end the talk."""
    import contextlib

    from tfgen.errors import UserError

    try:
        with contextlib.closing(chat.answer(message)) as pieces:
            for piece in pieces:
                click.echo(piece, nl=False)
    except KeyboardInterrupt:
        click.echo(" ...", err=True, nl=False)
    except UserError as error:
        if not interactive:
            raise
        click.echo(str(error), err=True, nl=False)
    click.echo()
