"""tfgen feedback: what people say of samples, kept for good."""

import json
from pathlib import Path
from typing import Any

import click

from tfgen.cli.options import OrderedGroup, run_argument, typed
from tfgen.cli.tables import table
from tfgen.console import command_line, several

_EXPORTS = ("events", "preferences", "unpaired")


@click.group("feedback", cls=OrderedGroup)
def command() -> None:
    """Say what you think of samples; steering and tuning learn from it.

    A SAMPLE is a file that tfgen made, a row of one (texts.jsonl:3), RUN:SEED, or an id that `feedback list` shows.
    What was said is kept in feedback.db beside the runs, or where TFGEN_STORE says, a path or a URL of PostgreSQL.

    \b
    tfgen feedback rate sevens/seven-seed3.png 5
    tfgen feedback compare digits-gan:3 digits-gan:4 --prompt seven --pick 2
    tfgen feedback ask digits-gan seven -n 30
    tfgen feedback edit tales.jsonl:1 " there was a fox."
    tfgen feedback report digits-gan
    """


def _said(command: Any) -> Any:
    """Options of everything that a person says."""
    for names, words in (
        (("--prompt", "prompt"), "The prompt of RUN:SEED."),
        (("--session", "session"), "What these answers belong to."),
        (("--who", "who"), "Who says it.  [default: $TFGEN_WHO, or the account]"),
    ):
        command = click.option(*names, default="", metavar=names[1].upper(), help=words)(command)
    return command


def _keep(kind: str, names: tuple[str, ...], payload: dict[str, Any], prompt: str, who: str, session: str) -> None:
    from tfgen.feedback.events import Event, Sample
    from tfgen.feedback.references import sample_of
    from tfgen.feedback.store import open_store

    named = [sample_of(name, prompt) for name in names]
    with open_store() as store:
        ids = tuple(each.id if isinstance(each, Sample) else store.find_sample(each) for each in named)
        samples = [each for each in named if isinstance(each, Sample)]
        (event,) = store.add(samples, [Event(kind, ids, payload, who, session)])
    click.echo(f"Kept as {event}.", err=True)


@command.command("rate")
@click.argument("sample")
@click.argument("value", metavar="1..5|up|down")
@_said
def rate(sample: str, value: str, **how: str) -> None:
    """Rate SAMPLE from 1 to 5, or with a thumb."""
    from tfgen.errors import UserError

    if value in ("up", "down"):
        return _keep("thumb", (sample,), {"value": 1 if value == "up" else -1}, **how)
    if value not in ("1", "2", "3", "4", "5"):
        raise UserError(f"'{value}' is no rating.", "Give a whole number from 1 to 5, or up or down.")
    _keep("rating", (sample,), {"value": int(value)}, **how)


@command.command("compare")
@click.argument("samples", nargs=-1, metavar="SAMPLES...")
@click.option("--pick", "picks", type=int, multiple=True, metavar="N", help="The best, from 1; again for a tie.")
@_said
def compare(samples: tuple[str, ...], picks: tuple[int, ...], **how: str) -> None:
    """Say which of SAMPLES is the best."""
    from tfgen.errors import UserError

    if not picks:
        raise UserError("It isn't said which is the best.", "Say it with --pick 1; to be asked: tfgen feedback ask RUN")
    if not all(1 <= pick <= len(samples) for pick in picks):
        raise UserError(f"There are {len(samples)} samples.", f"Pick from 1 to {len(samples)}.")
    kind = "pair" if len(samples) == 2 else "pick"
    _keep(kind, samples, {"picked": [pick - 1 for pick in picks]}, **how)


@command.command("ask")
@run_argument
@click.argument("prompt", default="")
@click.option("-k", "shown", type=int, default=2, show_default=True, help="How many samples are shown at a time.")
@click.option("-n", "count", type=int, default=20, show_default=True, help="How many questions.")
@click.option("--seed", type=int, default=0, show_default=True, help="The first seed.")
@click.option("--who", default="", metavar="WHO", help="Who answers.  [default: $TFGEN_WHO, or the account]")
def ask_questions(run: str, prompt: str, shown: int, count: int, seed: int, who: str) -> None:
    """Be asked which of RUN's samples are better: those first of which it is least known.

    Type a number, several where they are equally good, = where none is better, q to end. Answers can come through a
    pipe too, one a line.
    """
    from tfgen.api import load
    from tfgen.cli.asking import ask, show
    from tfgen.environment import load_tensorflow
    from tfgen.feedback.store import open_store
    from tfgen.tuning.questions import Questions

    opened = load(run)
    with open_store() as store:
        questions = Questions(opened, store, prompt, shown, count, seed, who)
        load_tensorflow()
        folder, kept = Path(f"{opened.name}-ask"), 0
        for number, question in enumerate(questions, 1):
            show(questions.modality, question.values, question.prompt, folder / f"question-{number:03d}")
            asked = f", {question.prompt}" if question.prompt else ""
            picked = ask(f"{number} of {count}{asked}: ", shown)
            if picked is None:
                break
            questions.answer(question, picked)
            kept += 1
    learned = command_line("feedback", "report", opened.reference)
    click.echo(f"Kept {several(kept, 'answer')}. What was learned: {learned}", err=True)


@command.command("edit")
@click.argument("sample")
@click.argument("text")
@_said
def edit(sample: str, text: str, **how: str) -> None:
    """Say what the text SAMPLE should have been; - reads TEXT from standard input."""
    _keep("edit", (sample,), {"text": typed(text)}, **how)


@command.command("tag")
@click.argument("sample")
@click.argument("tags", nargs=-1, required=True, metavar="TAGS...")
@_said
def tag(sample: str, tags: tuple[str, ...], **how: str) -> None:
    """Put TAGS to SAMPLE."""
    _keep("tag", (sample,), {"tags": list(tags)}, **how)


@command.command("undo")
@click.argument("event")
@click.option("--who", default="", metavar="WHO", help="Who takes it back.  [default: $TFGEN_WHO, or the account]")
def undo(event: str, who: str) -> None:
    """Take back EVENT, an id that `feedback list` shows; it stays in the store, and no longer counts."""
    from tfgen.feedback.events import Event
    from tfgen.feedback.store import open_store

    with open_store() as store:
        event = store.find_event(event)
        store.add([], [Event("undo", (), {"event": event}, who)])
    click.echo(f"Took back {event}.", err=True)


@command.command("list")
@click.argument("run", required=False)
@click.option("-n", "count", type=int, default=20, show_default=True, help="How many, the newest.")
@click.option("--who", default=None, metavar="WHO", help="Of one person alone.")
@click.option("--withdrawn", is_flag=True, help="Those that were taken back too.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def list_events(run: str | None, count: int, who: str | None, withdrawn: bool, as_json: bool) -> None:
    """What was said, of RUN or of all, oldest first."""
    from dataclasses import asdict

    from tfgen.errors import UserError, unknown
    from tfgen.feedback.store import open_store
    from tfgen.run import split_version

    if count < 1:
        raise UserError(f"{count} can't be listed.", "Ask for at least 1 with -n.")
    run = run and split_version(run)[0]
    with open_store() as store:
        events = store.events(run=run, who=who, limit=count, withdrawn=withdrawn)
        if not events and run and run not in store.runs():
            raise unknown("run that something was said of", run, store.runs())
        samples = store.samples({each for event in events for each in event.shown})
    if as_json:
        rows = [{**asdict(event), "samples": [asdict(samples[each]) for each in event.shown]} for event in events]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif not events:
        nothing = f"{who} said nothing yet" if who else "Nothing was said yet"
        click.echo(f"{nothing}. Begin with: tfgen feedback rate FILE 5", err=True)
    else:
        rows = [
            [event.id, event.at[:16].replace("T", " "), event.who, event.kind, _words(event), _shown(event, samples)]
            for event in events
        ]
        click.echo(table([["id", "at", "who", "kind", "said", "of"], *rows]))


def _words(event: Any) -> str:
    """What was said, in a few letters."""
    if event.kind in ("pick", "pair"):
        return " and ".join(str(place + 1) for place in event.picked)
    value = event.payload.get("value", event.payload.get("text", event.payload.get("event", "")))
    if "tags" in event.payload:
        value = ", ".join(event.payload["tags"])
    if event.kind == "thumb":
        value = "up" if value > 0 else "down"
    words = " ".join(str(value).split())
    return words if len(words) <= 40 else f"{words[:39]}…"


def _shown(event: Any, samples: Any) -> str:
    """What it was said of: the run and prompt, and the first letters of the ids."""
    if not event.shown:
        return "-"
    first = samples[event.shown[0]]
    version = "" if first.version == "base" else f"@{first.version.partition(':')[0]}"
    words = " ".join(first.prompt.split())[:30]
    prompt = f" '{words}'" if words else ""
    return f"{first.run}{version}{prompt}: {' '.join(each[:8] for each in event.shown)}"


@command.command("export")
@click.argument("run", required=False)
@click.option("--as", "what", type=click.Choice(_EXPORTS), default="events", show_default=True, help="What is written.")
@click.option("-o", "--output", required=True, type=Path, metavar="FILE", help="A .jsonl file; replaced if there.")
def export(run: str | None, what: str, output: Path) -> None:
    """Write what was said as JSON lines.

    events is everything, for `feedback import` elsewhere; preferences has rows of prompt, chosen and rejected, and
    unpaired of prompt, completion and label, as trainers of other makers read them. Where samples are no texts, their
    files go into a folder beside FILE.
    """
    from tfgen.api import export_feedback

    click.echo(f"Wrote {output}, {several(export_feedback(output, run, what), 'row')}.", err=True)


@command.command("import")
@click.argument("path", type=Path, metavar="FILE")
@click.option("--run", default=None, metavar="RUN", help="Take texts of others to be samples of RUN.")
def import_feedback(path: Path, run: str | None) -> None:
    """Read what `feedback export` wrote, rows of prompt, chosen and rejected, or a public set of preferences.

    The layouts of OpenAssistant's trees, PandaLM's test set and ImageReward's are known. What was imported before is
    kept once.
    """
    from tfgen.api import import_feedback as import_rows

    click.echo(f"Kept {several(import_rows(path, run), 'new answer')} from {path}.", err=True)


@command.command("forget")
@click.argument("who")
@click.option("--yes", is_flag=True, help="Don't ask.")
def forget(who: str, yes: bool) -> None:
    """Delete all that WHO ever said, for good; models that learned from it stay as they are."""
    from tfgen.feedback.store import open_store

    with open_store() as store:
        if not yes:
            count = len(store.events(who=who, withdrawn=True))
            click.confirm(f"Delete all that {who} said, {several(count, 'event')}, for good?", abort=True, err=True)
        click.echo(f"Deleted {several(store.forget(who), 'event')}.", err=True)


@command.command("report")
@run_argument
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def report(run: str, as_json: bool) -> None:
    """Did my feedback help? What was said of RUN, who agrees with whom, and what was learned from it."""
    from tfgen.api import load

    found = load(run).feedback()
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(found.lines()))
