"""tfgen chat: a talk with a run."""

import sys
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
            refused |= not _follow(chat, message.strip())
        except KeyboardInterrupt:
            # A second too late for an answer, it should not end the talk either.
            if not interactive:
                raise
            click.echo("\n/quit or Ctrl-D ends.", err=True)


def _typed() -> str:
    """A line from a terminal, with the keys that one is used to; empty where there are no more."""
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401: its import gives input() a history
    try:
        return input("> ") + "\n"
    except EOFError:
        click.echo(err=True)
        return ""


def _follow(chat: Any, message: str) -> bool:
    """Does what a line says, an empty one says nothing; gives whether it could be answered."""
    if message == "/new":
        chat.forget()
    return message in ("", "/new") or _answer(chat, message)


def _answer(chat: Any, message: str) -> bool:
    """Prints an answer as it is made. What can't be answered doesn't end the talk, and has an empty line instead."""
    import contextlib

    from tfgen.errors import UserError

    try:
        with contextlib.closing(chat.answer(message)) as pieces:
            for piece in pieces:
                click.echo(piece, nl=False)
    except KeyboardInterrupt:
        click.echo(" ...", err=True, nl=False)
    except UserError as error:
        click.echo(str(error), err=True)
        click.echo()
        return False
    click.echo()
    return True
