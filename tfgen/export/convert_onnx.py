"""Signatures of a SavedModel to ONNX files, in a process of its own: the converter changes TensorFlow's settings.

    python -P convert_onnx.py SAVED_MODEL SIGNATURE=FILE.onnx ...
"""

import os
import sys

sys.modules["keras"] = None  # nothing here needs it, and TensorFlow would take as long again to load it
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf  # noqa: E402
import tf2onnx  # noqa: E402

OPSET = 18


def main(path: str, *wanted: str) -> None:
    model = tf.saved_model.load(path)
    for each in wanted:
        name, file = each.split("=", 1)
        call = model.signatures[name]
        given = call.structured_input_signature[1]
        names, outputs = list(given), list(call.structured_outputs)

        def function(*values):
            made = call(**dict(zip(names, values)))
            return [tf.identity(made[output], name=output) for output in outputs]

        inputs = [tf.TensorSpec(given[key].shape, given[key].dtype, key) for key in names]
        graph = tf.function(function, autograph=False)
        converted, _ = tf2onnx.convert.from_function(graph, input_signature=inputs, opset=OPSET)
        _rename(converted.graph, outputs)
        with open(file, "wb") as content:
            content.write(converted.SerializeToString())


def _rename(graph, outputs: list) -> None:
    """Gives the outputs their signature's names, in its order."""
    for value, name in zip(graph.output, outputs, strict=True):
        for node in graph.node:
            for names in (node.input, node.output):
                for place, each in enumerate(names):
                    if each == value.name:
                        names[place] = name
        value.name = name


if __name__ == "__main__":
    main(*sys.argv[1:])
