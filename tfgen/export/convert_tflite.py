"""A SavedModel to TFLite files, not in the process that exports, since the converter keeps memory that it has used.

    python -P convert_tflite.py SAVED_MODEL SIGNATURE,... CALIBRATION FORMAT=FILE.tflite ...

FORMAT is float32, float16, int8 or int8-weights. CALIBRATION is an .npz whose keys are `signature/batch/input`; int8
takes the ranges of its activations from it. Only built-in operations are allowed: Flex would need a runtime that
phones don't have.
"""

import os
import sys

sys.modules["keras"] = None  # nothing here needs it, and TensorFlow would take as long again to load it
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np  # noqa: E402

NOISE = "noise"  # tfgen.models.noise.SCOPE; in the names of the operations that make a sample's noise


def main(path: str, signatures: str, calibration: str, *wanted: str) -> None:
    files = dict(each.split("=", 1) for each in wanted)
    for number_format in [each for each in files if each != "int8-weights"]:
        _write(_convert(path, signatures, calibration, number_format), files[number_format])
    if "int8-weights" in files:
        whole = files.get("float32", f"{path}.tflite")
        if "float32" not in files:
            _write(_convert(path, signatures, calibration, "float32"), whole)
        _quantize_weights(whole, files["int8-weights"])


def _convert(path: str, signatures: str, calibration: str, number_format: str) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(path, signature_keys=signatures.split(","))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if number_format == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return _int8(converter, calibration) if number_format == "int8" else converter.convert()


def _write(content: bytes, output: str) -> None:
    with open(output, "wb") as file:
        file.write(content)


def _int8(converter, calibration: str) -> bytes:
    """Everything in int8, but for the noise: 256 levels of it would be other noise, so other samples.

    The steps of tf.lite.experimental.QuantizationDebugger, which can leave nodes out but takes one signature only.
    """
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter
    from tensorflow.lite.python.convert import mlir_quantize

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.representative_dataset = lambda: _calibration(calibration)
    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    interpreter = Interpreter(model_content=calibrated)
    graphs = range(interpreter.num_subgraphs())
    names = {tensor["name"] for graph in graphs for tensor in interpreter.get_tensor_details(subgraph_index=graph)}
    return mlir_quantize(calibrated, denylisted_nodes={name for name in names if NOISE in name})


def _calibration(path: str):
    """(signature, inputs) pairs, as the converter takes them."""
    cases: dict[str, dict] = {}
    for key, value in np.load(path).items():
        signature, batch, name = key.split("/")
        cases.setdefault(f"{signature}/{batch}", {})[name] = value
    for key, inputs in cases.items():
        yield key.split("/")[0], inputs


def _quantize_weights(path: str, output: str) -> None:
    """From a float32 TFLite file: weights as int8 with a scale for each channel, activations as they were."""
    from ai_edge_quantizer import quantizer, recipe

    work = quantizer.Quantizer(path)
    work.load_quantization_recipe(recipe.weight_only_wi8_afp32())
    work.quantize().export_model(output, overwrite=True)
    _share_buffers(output)


def _share_buffers(path: str) -> None:
    """Keeps weights once that the quantiser wrote twice: those of which one use is quantised and another is not."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(path)
    first: dict[bytes, int] = {}
    same = {}
    for place, buffer in enumerate(model.buffers):
        if buffer.data is not None and len(buffer.data):
            same[place] = first.setdefault(bytes(buffer.data), place)
    twice = {place for place, kept in same.items() if place != kept}
    if not twice:
        return
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer = same.get(tensor.buffer, tensor.buffer)
    for place in twice - {metadata.buffer for metadata in model.metadata or ()}:
        model.buffers[place].data = None
    flatbuffer_utils.write_model(model, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
