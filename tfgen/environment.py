"""What the last bits of a run's weights depend on, versions, processor, threads, devices; and TensorFlow's import."""

import contextlib
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfgen.errors import Failure

# Whether this process is tfgen's own, as the command line's are: nobody beside it uses Keras in here.
is_own_process = False
# What Keras loads where it is installed, for wrappers and plots that tfgen doesn't use: a third of its time.
_BESIDE_KERAS = ("sklearn", "matplotlib")

# Variables that change how TensorFlow adds up.
_SETTINGS = ("TF_ENABLE_ONEDNN_OPTS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def environment() -> dict[str, Any]:
    """What the weights' last bits depend on."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tfgen import __version__

    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, IndexError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")][0]
    return {
        "tfgen": __version__,
        "numpy": np.__version__,
        "settings": {name: os.environ[name] for name in _SETTINGS if name in os.environ},
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "processor": processor,
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "devices": sorted(device.device_type for device in tf.config.list_physical_devices()),
    }


def check_platform() -> None:
    """Raises Failure on a system that tfgen does not run on, before anything else there can fail in other words."""
    if os.name == "nt":
        raise Failure("tfgen runs on Linux and macOS.", "On Windows, use WSL: https://learn.microsoft.com/windows/wsl")


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS says bytes, Linux kilobytes


def physical_memory() -> int | None:
    """How many bytes this machine, or the container, has; None where it doesn't say."""
    found = []
    with contextlib.suppress(ValueError, OSError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(ValueError, OSError):  # of a container
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(found, default=None)


def load_tensorflow(keras: bool = True) -> None:
    """Imports TensorFlow without the log lines that its C++ parts print whatever the log level is.

    keras: whether TensorFlow may import Keras as well, which takes as long again; who needs it later imports it then.
    """
    check_platform()
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what its C++ parts say later, while they work
    sys.stderr.flush()
    kept, silent = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    unwanted: Sequence[str] = ()
    if not keras:
        unwanted = ("keras",)
    elif is_own_process:
        unwanted = _BESIDE_KERAS
    without = [name for name in unwanted if name not in sys.modules]
    sys.modules.update(dict.fromkeys(without))  # an import of them fails, which TensorFlow and Keras expect
    try:
        import tensorflow as tf

        cards = [each for each in tf.config.list_physical_devices() if each.device_type == "GPU"]
        if is_own_process:
            # Else TensorFlow takes all of a card's memory at once, and a second fit, or the studio, finds none.
            for card in cards:
                tf.config.experimental.set_memory_growth(card, True)
            tf.get_logger().setLevel("ERROR")  # advice on tracing is for who writes the functions
    finally:
        for name in without:
            del sys.modules[name]
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silent)
