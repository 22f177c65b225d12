"""tfgen prompt: prompts that one keeps, tests, and makes better."""

import json
from pathlib import Path
from typing import Any

import click

from tfgen.cli.options import OrderedGroup, named_argument, run_argument, typed
from tfgen.cli.tables import table
from tfgen.console import command_line
from tfgen.environment import load_tensorflow

_as_json = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
_name = named_argument("name", "Name one; see them with: tfgen prompt list", "prompt")
_pairs = click.option("--var", "pairs", multiple=True, metavar="NAME=VALUE", help="A variable's value; several by |.")
_settings = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="An option of generate that belongs to it, such as temperature=0.5 or truncation=0.7.",
)


@click.group("prompt", cls=OrderedGroup)
def command() -> None:
    """Keep prompts under a name, test them, and look for better ones.

    A template has variables and alternatives; every version of it is kept, and a tag says which one is meant.

    \b
    tfgen prompt save hearts "a {red|blue} {thing}" --message "first try"
    tfgen generate emoji-gan @hearts --var thing=heart
    tfgen prompt test emoji-gan @hearts --var thing=heart --assert "recognised>=0.9"
    tfgen prompt optimize emoji-gan @hearts --judge recognised
    tfgen prompt tag hearts@2 best
    tfgen generate emoji-gan @hearts@best
    """


@command.command("save")
@named_argument("name", 'Name it: tfgen prompt save hearts "a {red|blue} heart"', "prompt")
@click.argument("template", required=False)
@click.option("--message", default="", metavar="TEXT", help="What is new in this version.")
@_settings
@_as_json
def save(name: str, template: str | None, message: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Keep TEMPLATE as the newest version of NAME; "-" reads it from standard input.

    {color} is a variable, {red|blue} are alternatives, which may stand in each other; {{ and }} are braces themselves.
    """
    from tfgen.api import save_prompt
    from tfgen.errors import UserError

    if template is None:
        raise UserError("There is no template.", 'Write one in quotes: tfgen prompt save hearts "a {red|blue} heart"')
    version = save_prompt(name, typed(template), message=message, settings=_settings_of(settings))
    if as_json:
        click.echo(_json(version.to_json()))
    said = f"Saved {version.address}" if version.is_new else f"{version.address} says so already"
    click.echo(f"{said}. Next: tfgen generate RUN @{version.name}", err=True)


@command.command("list")
@_as_json
def list_prompts(as_json: bool) -> None:
    """Every prompt: its newest version, and its tags."""
    from tfgen.api import saved_prompts

    newest = saved_prompts()
    if as_json:
        click.echo(_json([each.to_json() for each in newest]))
    elif not newest:
        click.echo('There are no prompts yet. Begin with: tfgen prompt save NAME "a {red|blue} heart"', err=True)
    else:
        rows = [[each.name, str(each.number), " ".join(each.tags), each.at, _short(each.text)] for each in newest]
        click.echo(table([["name", "version", "tags", "saved", "template"], *rows]))


@command.command("show")
@_name
@_as_json
def show(name: str, as_json: bool) -> None:
    """All versions of NAME, or everything about one: NAME@3, NAME@best."""
    from tfgen.api import prompt, prompt_versions

    if "@" in name.removeprefix("@"):
        version = prompt(name)
        if as_json:
            click.echo(_json(version.to_json()))
            return
        facts = version.to_json()
        evidence = facts.pop("evidence")
        trials = len(evidence.pop("trials", []))
        rows = [[key, _cell(value)] for key, value in facts.items()]
        rows += [[f"evidence: {key}", _cell(value)] for key, value in evidence.items()]
        rows += [["evidence: trials", f"{trials}; see them with --json"]] * bool(trials)
        click.echo(table(rows))
        return
    versions = prompt_versions(name)
    if as_json:
        click.echo(_json([each.to_json() for each in versions]))
        return
    rows = [
        [str(each.number), _cell(each.parent), " ".join(each.tags), each.at, each.message,
         _settings_in_words(each.settings), _short(each.text)]
        for each in versions
    ]
    click.echo(table([["version", "from", "tags", "saved", "message", "settings", "template"], *rows]))


@command.command("diff")
@_name
@named_argument("other", "Name two versions: tfgen prompt diff hearts@1 hearts@2")
@_as_json
def diff(name: str, other: str, as_json: bool) -> None:
    """What changed from version NAME to version OTHER."""
    from tfgen.api import prompt
    from tfgen.prompts.library import difference

    changes = difference(prompt(name), prompt(other))
    if as_json:
        click.echo(_json(changes))
        return
    click.echo(f"{changes['from']} -> {changes['to']}")
    for sign, words in changes["text"]:
        click.echo(f"{sign} {words}")
    for key, (old, new) in changes["settings"].items():
        click.echo(f"{key}: {_cell(old)} -> {_cell(new)}")


@command.command("tag")
@_name
@named_argument("tag", "Name one: tfgen prompt tag hearts@3 best")
def tag(name: str, tag: str) -> None:
    """Put TAG on a version, NAME@3; it moves there from wherever it was."""
    from tfgen.api import tag_prompt

    version = tag_prompt(name, tag)
    click.echo(f"{version.name}@{tag} is {version.address} now.", err=True)


@command.command("remove")
@_name
def remove(name: str) -> None:
    """Hide NAME: it is no longer listed or found. Its versions are kept, and saving it again brings them back."""
    from tfgen.api import remove_prompt

    remove_prompt(name)
    click.echo(f"'{name}' is hidden now; its versions are kept. Save it again to get them back.", err=True)


@command.command("test")
@run_argument
@click.argument("prompt", required=False, metavar="@NAME|TEMPLATE|FILE")
@click.option("-n", "--count", type=int, help="Samples of each combination.  [default: 16 pictures, 8 texts]")
@click.option("--seed", type=int, help="The first seed; all combinations have the same.  [default: 0]")
@click.option(
    "--assert", "asserted", multiple=True, metavar="ASSERTION",
    help="recognised, recognised:LABEL, contains:WORD, regex:..., min-length:N, max-length:N, python:FILE.py:FUNCTION, "
    "diversity, repetition, rating, each also with a limit: recognised>=0.9.",
)
@_pairs
@_settings
@click.option("--random", type=int, metavar="N", help="Only N of the combinations, drawn by chance.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="PATH", help="All samples, a row each.")
@_as_json
@click.pass_context
def test(
    context: click.Context, run: str, prompt: str | None, count: int | None, seed: int | None,
    asserted: tuple[str, ...], pairs: tuple[str, ...], settings: tuple[str, ...], random: int | None,
    output: Path | None, as_json: bool,
) -> None:
    """Make every combination of a prompt at the same seeds, measure each, and check what is asserted.

    Prints a table; ends with exit code 1 where an assertion fails, so it can stand in a build. FILE is JSON or TOML
    with prompts, variables and assertions in one: docs/prompts.md.

    \b
    tfgen prompt test digits-gan "{seven|two}" --assert "recognised>=0.9" -o sheet.png
    tfgen prompt test tales-gpt @opening --assert "contains:wolf>=0.5" --assert max-length:400
    tfgen prompt test emoji-gan prompts.json --json
    """
    from tfgen.api import load
    from tfgen.errors import UserError
    from tfgen.prompts.template import values_of

    if prompt is None:
        raise UserError("No prompt is named.", 'Name one: tfgen prompt test RUN @hearts, or "{red|blue} heart"')
    opened = load(run).open_prompt_test(
        prompt, n=count, seed=seed, asserted=asserted, variables=values_of(pairs), settings=_settings_of(settings),
        random=random, output=output,
    )
    load_tensorflow()
    result = opened.run()
    if output:
        click.echo(f"Wrote {opened.save(result)}", err=True)
    click.echo(_json(result.to_json()) if as_json else _tested(result))
    failed = sum(not each.passed for row in result.rows for each in row.checks)
    if failed:
        checks = sum(len(row.checks) for row in result.rows)
        click.echo(f"{failed} of {checks} assertions failed.", err=True)
        context.exit(1)


@command.command("optimize")
@run_argument
@named_argument("name", "Name a saved prompt: tfgen prompt optimize RUN @hearts", "prompt")
@click.option(
    "--judge", metavar="JUDGE",
    help="What is better: a metric or an assertion as of `prompt test`, reward (learned from feedback), or people.",
)
@click.option("--ask", is_flag=True, help="Ask here, in the terminal: the same as --judge people.")
@click.option("--budget", type=int, metavar="N", help="Samples in all, or picks.  [default: 2000 samples, 30 picks]")
@click.option("-n", "--count", type=int, help="With --ask: samples of each, to look at.  [default: 8 pictures, 1 text]")
@click.option("--seed", type=int, default=0, show_default=True, help="The first seed, and of what is drawn by chance.")
@_pairs
@_settings
@click.option("--keep-words", is_flag=True, help="Try the template's combinations and settings alone, no other words.")
@_as_json
def optimize(
    run: str, name: str, judge: str | None, ask: bool, budget: int | None, count: int | None, seed: int,
    pairs: tuple[str, ...], settings: tuple[str, ...], keep_words: bool, as_json: bool,
) -> None:
    """Look for a better version of the saved prompt @NAME, by a judge and within a budget.

    The start is its first combination. Alternatives, values, words and settings are compared at common seeds, the
    worse half is left behind round by round, and the best is compared with the start on fresh seeds. Only what is
    better there is saved, as a new version with its evidence.

    \b
    tfgen prompt optimize digits-gan @thick --judge python:judges.py:ink --budget 1000
    tfgen prompt optimize tales-gpt @opening --judge contains:wolf
    tfgen prompt optimize emoji-gan @hearts --ask --var thing=heart|star
    """
    from tfgen.api import load
    from tfgen.errors import UserError
    from tfgen.prompts.template import values_of

    if ask and judge not in (None, "people"):
        raise UserError(f"'{judge}' and people can't both be the judge.", "Leave --judge or --ask out.")
    if not ask and judge is None:
        raise UserError("There is no judge.", "Name one, such as --judge recognised, or add --ask.")
    if judge == "people" and not ask:
        raise UserError("People are the judge, and nobody is asked.", "Add --ask, at a terminal.")
    trials = []

    def shown(row: dict[str, Any]) -> None:
        trials.append(row)
        score = f"{row['score']:.4g} ({row['samples']})" if "score" in row else f"beat {row['against']}"
        name = " ".join([repr(row["prompt"]), _settings_in_words(row["settings"])]).rstrip()
        click.echo(f"{row['trial']:4d}  {row['stage']:12s}  {score:18s}  {name}", err=True)

    with load(run).open_prompt_search(
        name, "people" if ask else judge, budget=budget, variables=values_of(pairs), settings=_settings_of(settings),
        words=not keep_words, n=count, seed=seed,
    ) as search:
        load_tensorflow()
        result = search.run(shown, _asking(search) if ask else None)
        facts = search.to_json(result)
    if as_json:
        click.echo(_json(facts))
    else:
        rows = [[key, f"{start:.4g}", f"{best:.4g}"] for key, (start, best) in result.found.scores.items()]
        if rows:
            click.echo(table([["on fresh seeds", "start", "best"], *rows]))
    click.echo(result.sentence, err=True)
    if result.version:
        click.echo(f"Next: {command_line('generate', run, f'@{result.version.address}')}", err=True)


def _asking(search: Any):
    """Asks a person at the terminal which of two rows is better, and keeps the pick where each is one sample."""

    def ask(one: Any, two: Any) -> int | None:
        where = search.present(one, two)
        if where:
            click.echo(where, err=True)
        while True:
            answer = click.prompt("Which is better: 1, 2, = for neither, q to stop?", err=True).strip().lower()
            if answer == "q":
                raise click.Abort
            if answer in ("1", "2", "="):
                place = None if answer == "=" else int(answer) - 1
                search.keep(one, two, place)
                return place

    return ask


def _settings_of(pairs: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE as settings: a number where it is one."""
    from tfgen.errors import UserError

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise UserError(f"'{pair}' is no setting.", "Write KEY=VALUE, such as temperature=0.5.")
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = value
        settings[key.strip().replace("-", "_")] = parsed if isinstance(parsed, (int, float)) else value
    return settings


def _tested(result: Any) -> str:
    names = list(dict.fromkeys(name for row in result.rows for name in row.scores))
    specs = list(dict.fromkeys(check.spec for row in result.rows for check in row.checks))
    rows = [["prompt", *names, *specs, ""]]
    for row in result.rows:
        checks = {check.spec: check for check in row.checks}
        cells = [_score(row.scores.get(name)) for name in names]
        cells += [_check(checks.get(spec)) for spec in specs]
        rows.append([row.cell.title, *cells, ("ok" if row.passed else "FAILED") if row.checks else ""])
    return table(rows)


def _score(pair: tuple[float, tuple[float, float] | None] | None) -> str:
    if pair is None:
        return "-"
    value, limits = pair
    return f"{value:.3g}" if limits is None else f"{value:.3g} ({limits[0]:.3g} to {limits[1]:.3g})"


def _check(check: Any) -> str:
    if check is None:
        return ""
    return ("ok " if check.passed else "no ") + ("-" if check.value is None else f"{check.value:.3g}")


def _settings_in_words(settings: Any) -> str:
    return " ".join(f"{key}={_cell(value)}" for key, value in settings.items())


def _short(text: str) -> str:
    line = text.replace("\n", "\\n")
    return line if len(line) <= 60 else line[:57] + "..."


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
