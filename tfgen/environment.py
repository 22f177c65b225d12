"""What the last bits of a run's weights depend on: versions, processor, threads, devices."""

import contextlib
import os
import platform
from pathlib import Path
from typing import Any


def environment() -> dict[str, Any]:
    """What the weights' last bits depend on."""
    import keras
    import tensorflow as tf

    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, IndexError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")][0]
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "processor": processor,
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "devices": sorted(device.device_type for device in tf.config.list_physical_devices()),
    }
