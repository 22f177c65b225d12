"""tfgen studio: all of it in a browser."""

from pathlib import Path

import click


@click.command("studio")
@click.argument("run", required=False, default="")
@click.option("--port", type=click.IntRange(0, 65535), default=8600, show_default=True, help="0 for any that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; 0.0.0.0 for others.")
@click.option("--token", metavar="TOKEN", help="What others need to come in.  [default: a new one with --host]")
@click.option("--users", type=Path, metavar="FILE", help="Who may come in, each with a password.")
@click.option("--add-user", metavar="NAME", help="Put NAME into the file of --users, and ask for a password.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="Another name of the studio, as by a proxy.")
@click.option("--memory", type=click.FloatRange(0.5), metavar="GB", help="What a job may take.  [default: 3/4 of it]")
@click.option("--browser/--no-browser", default=True, help="Whether to open a browser.  [default: do]")
def command(
    run: str, port: int, host: str, token: str | None, users: Path | None, add_user: str | None, names: tuple[str, ...],
    memory: float | None, browser: bool,
) -> None:
    """Open a page on which all of it can be clicked: train, make, pick, steer, compare, tune, evaluate, export.

    The page is for this machine alone. With --host it is for others too, who need the token that is printed, or a name
    and a password of --users.

    \b
    tfgen studio
    tfgen studio digits-gan
    tfgen studio --users people.txt --add-user ada
    tfgen studio --host 0.0.0.0 --users people.txt
    """
    from tfgen.errors import UserError
    from tfgen.studio.people import add_user as add
    from tfgen.studio.server import StudioOptions
    from tfgen.studio.server import run as run_studio

    if add_user is not None:
        if users is None:
            raise UserError("No file of users is named.", f"Name one: --users people.txt --add-user {add_user}")
        add(users, add_user, click.prompt(f"Password for {add_user}", hide_input=True, confirmation_prompt=True))
        click.echo(f"{users} has {add_user}.", err=True)
        return
    options = StudioOptions(host, port, run, users, token, names, memory)
    run_studio(options, _open_browser if browser else None)


def _open_browser(address: str) -> None:
    """Opens a browser where there is one for a person to see."""
    import os
    import sys
    import webbrowser

    has_screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen and sys.stdin.isatty():
        webbrowser.open(address)
