"""Options that several commands share."""

import click

overrides_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting; may be given several times.",
)


def load_tensorflow() -> None:
    """Imports TensorFlow without the log lines that its C++ parts print whatever the log level is."""
    import os
    import sys

    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silent)
