"""The command line: one file per command, in pipeline order. Nothing heavy is imported before a command needs it."""

import os
import sys

import click

from tfgen import __version__, environment
from tfgen.cli import (
    card, chat, data, evaluate, explain, export, feedback, fit, forget, generate, prompt, runs, serve, steer, studio,
    tune, upscale, verify, watermark,
)  # fmt: skip
from tfgen.cli.options import OrderedGroup
from tfgen.environment import check_platform
from tfgen.errors import UserError, nearest


class PipelineGroup(OrderedGroup):
    """Turns UserError into two sentences and an exit code."""

    def invoke(self, context: click.Context):
        from tfgen.console import talking

        try:
            with talking():
                return super().invoke(context)
        except UserError as error:
            if context.params.get("debug"):
                raise
            click.echo(f"Error: {error}", err=True)
            context.exit(error.exit_code)
        except BrokenPipeError:
            # The reader of standard output has gone; Python would complain once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            context.exit(1)
        except click.UsageError as error:
            if isinstance(error, click.exceptions.NoArgsIsHelpError):
                raise
            click.echo(f"Error: {_in_words(error)}", err=True)
            context.exit(2)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("\nStopped by Ctrl-C.", err=True)
            context.exit(130)
        except Exception as error:
            if context.params.get("debug"):
                raise
            what = str(error).strip().split("\n")[0] or type(error).__name__
            if isinstance(error, OSError) and error.strerror and error.filename:
                what = f"{error.strerror}: '{error.filename}'"
            click.echo(f"Error: {what.rstrip('.')}. For the details, run: tfgen --debug ...", err=True)
            context.exit(1)


def _in_words(error: click.UsageError) -> str:
    """What click says of a mistake on the command line, in tfgen's two sentences."""
    command = error.ctx.command_path if error.ctx else "tfgen"
    if isinstance(error, click.NoSuchOption):
        usage = error.ctx.command.collect_usage_pieces(error.ctx)
        options = {option for each in error.ctx.command.params for option in each.opts}
        found = nearest(error.option_name, options, count=1)
        advice = f"Did you mean '{found[0]}'?" if found else f"See what there is: {command} --help"
        if error.option_name.lstrip("-").upper() in " ".join(usage):
            advice = f"Write it without a name: {command} {' '.join(usage[1:])}"
        return f"{command} has no option '{error.option_name}'. {advice}"
    return f"{error.format_message().rstrip('.')}. See what is expected: {command} --help"


@click.group(cls=PipelineGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tfgen")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Train a generative model on your own data, see what it learned, and ship it.

    \b
    tfgen data photos/                     what tfgen sees in a folder
    tfgen fit gan photos/ --minutes 10     train, by the clock
    tfgen fit gpt tales.txt                the same for text
    tfgen generate photos-gan -n 16        make new ones
    tfgen upscale photos-gan samples/      make them larger
    tfgen studio                           all of it in a browser
    tfgen evaluate photos-gan              quality, diversity, prompt adherence, memorisation
    tfgen explain photos-gan               why it makes what it makes
    tfgen export photos-gan                files for a server or a phone
    tfgen card photos-gan                  what was measured, as a model card
    tfgen runs list                        what was trained so far
    tfgen verify picture.png               who made it, and whether it was changed
    tfgen watermark tales-gpt              text that verify recognises wherever it is copied
    tfgen forget photos-gan --rows gone/   erase records from everything derived from them

    Without DATA, the commands take `digits`, real handwritten digits, and a gpt `shakespeare`; both come with tfgen.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    environment.is_own_process = True
    check_platform()


for module in (
    data, fit, generate, upscale, steer, chat, evaluate, explain, feedback, tune, prompt, studio, export, card, serve,
    runs, watermark, verify, forget,
):  # fmt: skip
    main.add_command(module.command)
