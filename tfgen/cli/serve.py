"""tfgen serve: an export behind TensorFlow Serving's interfaces."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfgen.cli.options import named_argument
from tfgen.environment import load_tensorflow

if TYPE_CHECKING:
    from tfgen.run import Run

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("serve")
@named_argument("target", "Name a run, a folder of exports, or a models.config.")
@click.option("--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="For gRPC; 0 for any.")
@click.option("--rest-port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="For REST.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--batching/--no-batching", default=True, help="Whether concurrent requests run together.  [default: do]")
@click.option("--batching-config", type=FILE, metavar="FILE", help="TensorFlow Serving's batching parameters.")
@click.option("--monitoring-config", type=FILE, metavar="FILE", help="TensorFlow Serving's monitoring settings.")
@click.option("--cors", is_flag=True, help="Let web pages from anywhere ask by REST.")
@click.option(
    "--poll",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Seconds between looks for new versions; 0 for never.",
)
def command(target: str, host: str, poll: float, batching: bool, **given) -> None:
    """Serve TARGET for development and tests, by TensorFlow Serving's REST and gRPC.

    TARGET is a run (its SavedModel is exported first if there is none of its newest weights yet), a folder of exports
    (NAME/1/saved_model.pb), or a models.config. New versions are loaded as they appear, and the old ones go when their
    last request was answered.

    \b
    tfgen serve digits-gan
    tfgen serve exports/ --port 0 --rest-port 0
    tfgen serve models.config --batching-config batching.config
    """
    from tfgen.serve import text_protos
    from tfgen.serve.server import ServeOptions, reserved_ports, serve
    from tfgen.serve.target import configuration_of, run_needing_export

    needed = run_needing_export(target)
    configuration = None if needed else configuration_of(target)
    options = ServeOptions(host, given["port"], given["rest_port"], merge=batching, poll=poll, cors=given["cors"])
    if given["batching_config"]:
        options = replace(options, batching=text_protos.read_batching(given["batching_config"]))
    if given["monitoring_config"]:
        options = replace(options, metrics_path=text_protos.read_metrics_path(given["monitoring_config"]))
    with reserved_ports(options) as rest:
        load_tensorflow(keras=bool(needed))
        if needed:  # only now: it takes a while, and what else may be wrong was looked at
            _export_first(*needed)
        serve(configuration or configuration_of(target), options, rest)


def _export_first(run: "Run", reason: str) -> None:
    """So that serving a run needs one command."""
    click.echo(reason, err=True)
    from tfgen.api import load

    load(run.path).export(saved_model=True)
