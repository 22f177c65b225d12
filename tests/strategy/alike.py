"""Run as a process, since devices are told apart before TensorFlow begins: trains on one device and on several, and
prints for each case how far apart the losses of its steps are, as a share of themselves.

python -m tests.strategy.alike DEVICES STEPS CASE...
"""

import contextlib
import json
import sys

import keras
import numpy as np
import tensorflow as tf

from tests.strategy.cases import CASES
from tfgen.training.crew import Crew, open_crew
from tfgen.training.new_run import create_run
from tfgen.training.private import make_private
from tfgen.training.request import FitRequest
from tfgen.training.steps import Steps, make_model


class Losses(keras.callbacks.Callback):
    """The scalars that each step tracked, but for how much a batch varies, which is of each replica's part."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def on_train_batch_begin(self, batch, logs=None):
        for metric in self.model.metrics:
            metric.reset_state()

    def on_train_batch_end(self, batch, logs=None):
        self.rows.append([float(each.result()) for each in self.model.metrics if each.name != "diversity"])


def losses(run, examples, steps, crew):
    model = make_model(run, examples, crew)
    make_private(run, model)
    if model.privacy is not None:
        model.privacy.noise_multiplier.assign(1e-3)  # so that gradients can be seen behind it
    model.before_fit(examples)
    model.steps_per_execution = 1
    model.horizon.assign(steps)
    found = Losses()
    Steps(run, model, examples, crew).take(0, steps, found)
    return np.array(found.rows)


def main(devices, steps, *cases):
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * devices)
    apart, crew = {}, open_crew("mirrored")
    for case in cases:
        model, data, settings = CASES[case]
        private = 3.0 if case.startswith("private") else None
        request = FitRequest(model, data, size="tiny", steps=steps, settings=settings, private=private)
        with contextlib.ExitStack() as held:
            run, examples, _ = create_run(request, held, crew.replicas)
        alone, shared = (losses(run, examples, steps, each) for each in (Crew(), crew))
        assert alone.shape[0] == steps
        apart[case] = float(np.max(np.abs(alone - shared) / (1.0 + np.abs(alone))))
    print(json.dumps(apart))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:])
