"""Options and arguments that several commands share, and what groups of commands have in common."""

import sys
from collections.abc import Callable
from typing import Any

import click

from tfgen.errors import UserError, unknown


class OrderedGroup(click.Group):
    """Lists commands in the order of use, and names the nearest where there is none."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, context: click.Context, arguments: list[str]):
        name = arguments[0]
        if not name.startswith("-") and name not in self.commands:
            raise unknown("command", name, self.commands)
        return super().resolve_command(context, arguments)


def typed(text: str) -> str:
    """An argument's text, or, for "-", what standard input says, without the end of its last line."""
    return sys.stdin.read().removesuffix("\n") if text == "-" else text


def named_argument(name: str, what_to_do: str, what: str | None = None) -> Callable:
    """An argument that must be given, of `what`; where it isn't, the error says what could be."""

    def check(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        if value is None:
            raise UserError(f"No {what or name} is named.", what_to_do)
        return value

    return click.argument(name, required=False, metavar=name.upper(), callback=check)


run_argument = named_argument("run", "Name one; see them with: tfgen runs list")
overrides_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting; may be given several times.",
)
carbon_option = click.option(
    "--carbon",
    type=float,
    metavar="GRAMS_PER_KWH",
    help="Grams of CO2 per kilowatt-hour of your electricity, to report emissions beside watt-hours.",
)
_SAMPLING = {
    "--temperature": (float, "T", "0 takes the likeliest, more is bolder.  [default: 0.8]"),
    "--top-k": (int, "K", "Choose among the K likeliest tokens alone."),
    "--top-p": (float, "P", "Choose among the likeliest that together have probability P.  [default: 0.95]"),
    "--min-p": (float, "P", "Choose among those at least P times as likely as the likeliest."),
    "--repetition-penalty": (float, "F", "Above 1, what was said before is said less."),
    "--length": (int, "TOKENS", "Tokens to write at the most.  [default: 200]"),
    "--stop": (str, "TEXT", "End before TEXT is said; may be given several times."),
}


def sampling_options(prefix: str = "", **defaults: str) -> Callable:
    """Options on how text is chosen; without a default, so that a command can tell which were given.

    `prefix` comes before what they say of themselves; `defaults` are said where a command has others than usual.
    """

    def add(command: Callable) -> Callable:
        for name, (kind, letters, words) in reversed(_SAMPLING.items()):
            many = name == "--stop"
            if name[2:] in defaults:
                words = f"{words.partition('  [')[0]}  [default: {defaults[name[2:]]}]"
            command = click.option(name, type=kind, metavar=letters, multiple=many, help=prefix + words)(command)
        return command

    return add


def given_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options that a person gave, of those without a default."""
    return {name: value for name, value in options.items() if value is not None and value is not False and value != ()}
