"""JSON <-> tensors: each rule of TensorFlow Serving's REST documents and of its json_tensor tests, without a server."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2

from tfgen.serve import json_answers, json_tensors
from tfgen.serve.status import ServingError


def inputs(document, **types):
    """The arrays of a request for a signature whose inputs have these types."""
    infos = {name: SimpleNamespace(dtype=getattr(types_pb2, f"DT_{kind.upper()}")) for name, kind in types.items()}
    text = document if isinstance(document, str) else json.dumps(document)
    return json_tensors.inputs_of(json_tensors.body_of(json_tensors.parse(text.encode())), infos)


def answer(outputs, rows=True):
    return json_answers.answer_of({name: np.asarray(value) for name, value in outputs.items()}, rows)


def strings(*values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_rows_of_one_input_need_no_name():
    array = inputs({"instances": [[1, 2], [3, 4], [5, 6]]}, x="int32")["x"]
    assert array.dtype == np.int32
    assert array.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_whole_numbers_are_taken_for_decimals_and_not_the_other_way():
    assert inputs({"instances": [1, 2.5, 0.007]}, x="float")["x"].dtype == np.float32
    assert inputs({"instances": [1, 2.5]}, x="double")["x"].tolist() == [1.0, 2.5]
    with pytest.raises(ServingError, match="JSON Value: 2.5 Type: Number is not of expected type: int32"):
        inputs({"instances": [1, 2.5]}, x="int32")


def test_special_decimals_are_read():
    array = inputs('{"instances": [NaN, Infinity, -Infinity, 1e3]}', x="float")["x"]
    assert np.isnan(array[0])
    assert array[1:].tolist() == [np.inf, -np.inf, 1000]


def test_several_inputs_come_by_name_in_every_row():
    rows = [
        {"tag": "foo", "signal": [1, 2], "sensor": [[1.5], [2]]},
        {"tag": "bar", "signal": [3, 4], "sensor": [[4], [5]]},
    ]
    arrays = inputs({"instances": rows}, tag="string", signal="int64", sensor="float")
    assert arrays["tag"].tolist() == [b"foo", b"bar"]
    assert arrays["signal"].dtype == np.int64
    assert arrays["sensor"].shape == (2, 2, 1)


def test_columns_may_have_different_lengths():
    columns = {"tag": ["foo"], "signal": [[1, 2], [3, 4]], "file": {"b64": "aGVsbG8="}}
    arrays = inputs({"inputs": columns}, tag="string", signal="int32", file="string")
    assert arrays["tag"].tolist() == [b"foo"]
    assert arrays["signal"].shape == (2, 2)
    assert arrays["file"].shape == () and arrays["file"].item() == b"hello"


def test_a_single_column_needs_no_name_and_may_be_a_scalar():
    assert inputs({"inputs": [[1.0]]}, x="float")["x"].shape == (1, 1)
    assert inputs({"inputs": 1.5}, x="float")["x"].shape == ()


@pytest.mark.parametrize("nested", [False, True])
def test_base64_strings_are_decoded(nested):
    value = {"b64": "aGVsbG8="}
    array = inputs({"instances": [[value] if nested else value, [value] if nested else value]}, x="string")["x"]
    assert array.ravel().tolist() == [b"hello", b"hello"]
    assert array.ndim == 1 + nested


def test_empty_lists_keep_their_shape():
    assert inputs({"inputs": [[], []]}, x="float")["x"].shape == (2, 0)


WRONG = {
    "": "JSON Parse error: The document is empty",
    "instances = [1]": "JSON Parse error: Invalid value",
    "[1, 2]": "Is not object",
    '{"signature_name": 5, "instances": [1]}': "'signature_name' key must be a string value",
    '{"instances": [1], "inputs": [1]}': "Not formatted correctly",
    '{"instances": 1}': "Excepting 'instances' to be an list/array",
    '{"instances": []}': "No values in 'instances' array",
    '{"predictions": [1]}': "Missing 'inputs' or 'instances' key",
    '{"instances": [[1, 2], [3, 4], [5, 6, 7]]}': "element: 2 of 'instances' list.*Expecting tensor size: 2 but got: 3",
    '{"instances": [[1, 2], [3, 4], [[5, 6]]]}': r"Expecting shape \[2\] but got: \[1,2\]",
    '{"instances": [1, [1]]}': r"Expecting shape \[\] but got: \[1\]",
    '{"instances": [[1, 2], ["a", "b"]]}': "not of expected type: int32",
    '{"instances": [true]}': "Type: True is not of expected type: int32",
    '{"instances": [null]}': "Type: Null is not of expected type: int32",
    '{"instances": [2147483648]}': "not of expected type: int32",
    '{"instances": [{"y": 1}]}': "keys must be equal to: x",
    '{"instances": [{"x": 1}, 2]}': "Expecting object but got list at item 1",
    '{"instances": [1, {"x": 2}]}': "Expecting value/list but got object at item 1",
    '{"inputs": {"y": 1}}': "Missing named input: x in 'inputs' object.",
    '{"inputs": [[1, 2], 3]}': "found at incorrect level",
    '{"inputs": [1, [2]]}': "list at unexpected level",
    '{"inputs": [[1, 2], [3]]}': "list at unexpected size: 1 at level: 1 expected size: 2",
    '{"instances": [1], "instances": [2]}': "same key twice",
    '{"instances": [' + "9" * 5000 + "]}": "JSON Parse error",
    '{"instances": ' + "[" * 100_000 + "]" * 100_000 + "}": "nested too deeply",
    '{"instances": [' + "[" * 60 + "1" + "]" * 60 + "]}": "at most 32 dimensions",
}


@pytest.mark.parametrize("text", WRONG, ids=[text[:40] for text in WRONG])
def test_what_is_wrong_is_said(text):
    with pytest.raises(ServingError, match=WRONG[text]) as caught:
        inputs(text, x="int32")
    assert caught.value.http_code == 400


@pytest.mark.parametrize("value", [1.7976931348623157e308, 16777217])
def test_a_float_that_would_lose_digits_is_refused(value):
    with pytest.raises(ServingError, match="without loss of precision"):
        inputs({"instances": [value]}, x="float")


def test_a_double_that_would_lose_digits_is_refused():
    with pytest.raises(ServingError, match="without loss of precision"):
        inputs({"instances": [9007199254740993]}, x="double")


@pytest.mark.parametrize(
    "text, content", [("YWI=", b"ab"), ("YWI", b"ab"), (" Y\nW\tI = ", b"ab"), ("+/8=", b"\xfb\xff")]
)
def test_base64_as_the_real_server_reads_it(text, content):
    assert inputs({"inputs": [{"b64": text}]}, x="string")["x"].tolist() == [content]


@pytest.mark.parametrize("text", ["bm9r-_8=", "YWI==", "YWJj=", "=", "Y"])
def test_other_base64_is_refused(text):
    with pytest.raises(ServingError, match="Unable to base64 decode"):
        inputs({"inputs": [{"b64": text}]}, x="string")


@pytest.mark.parametrize("value", ['{"b64": "a"}', '{"b64": "!!!!"}', '"\\ud800"', '{"b64": 5}', '{"x": "b64"}'])
def test_a_wrong_string_is_refused(value):
    with pytest.raises(ServingError):
        inputs('{"inputs": [' + value + "]}", x="string")


def test_invalid_utf8_is_refused():
    with pytest.raises(ServingError, match="Invalid encoding"):
        json_tensors.parse(b'{"instances": ["\xff"]}')


def test_several_inputs_have_to_be_named():
    with pytest.raises(ServingError, match="expecting list of objects as multiple input tensors"):
        inputs({"instances": [1, 2]}, x="int32", y="int32")
    with pytest.raises(ServingError, match="expecting an object as multiple input tensors"):
        inputs({"inputs": [1, 2]}, x="int32", y="int32")


def test_a_type_without_json_is_unimplemented():
    with pytest.raises(ServingError, match="to type: complex64") as caught:
        inputs({"inputs": [1]}, x="complex64")
    assert caught.value.http_code == 501


# Answers.


def test_one_output_is_unwrapped_and_several_are_named():
    numbers = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert json.loads(answer({"x": numbers})) == {"predictions": [[0, 1, 2], [3, 4, 5]]}
    assert json.loads(answer({"x": numbers}, rows=False)) == {"outputs": [[0, 1, 2], [3, 4, 5]]}
    both = {"x": numbers, "label": strings(b"a", b"b")}
    assert json.loads(answer(both))["predictions"][1] == {"label": "b", "x": [3, 4, 5]}
    assert json.loads(answer(both, rows=False))["outputs"]["label"] == ["a", "b"]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_whole_numbers_are_written_in_full(dtype):
    largest = np.iinfo(dtype).max
    assert f"[{largest}]" in answer({"x": np.array([largest], dtype)})


def test_decimals_are_written_as_tensorflow_serving_prints_them():
    numbers = np.array([9000000, 999999, 0.5, 0.0003, 0.00003, 555557.5, 0.2, 1 / 3, 16777216], np.float32)
    expected = "[9e+06, 999999.0, 0.5, 0.0003, 3e-05, 555557.5, 0.2, 0.333333343, 16777216.0]"
    assert expected in answer({"x": numbers})


def test_decimals_are_read_back_bit_for_bit():
    random = np.random.default_rng(0)
    for dtype, kind in ((np.float32, np.uint32), (np.float64, np.uint64)):
        numbers = random.integers(0, np.iinfo(kind).max, 2000, kind).view(dtype)
        numbers = numbers[np.isfinite(numbers)]
        back = np.array(json.loads(answer({"x": numbers}))["predictions"], dtype)
        np.testing.assert_array_equal(back, numbers)


def test_special_decimals_are_written_as_javascript_does():
    numbers = np.array([[np.nan, np.inf], [3, -np.inf]], np.float32)
    assert "[[NaN, Infinity], [3.0, -Infinity]]" in answer({"x": numbers})


def test_half_precision_and_truth_values_are_written():
    assert "[0.5, 65504.0]" in answer({"x": np.array([0.5, 65504], np.float16)})
    assert "[true, false]" in answer({"x": np.array([True, False])})


def test_strings_are_text_and_bytes_are_base64():
    assert json.loads(answer({"x": strings("ä".encode(), b'"')})) == {"predictions": ["ä", '"']}
    assert json.loads(answer({"x_bytes": strings(b"hello")})) == {"predictions": [{"b64": "aGVsbG8="}]}
    assert json.loads(answer({"x": strings(b"\xff")})) == {"predictions": [{"b64": "/w=="}]}


def test_a_scalar_can_be_a_column_but_no_row():
    scalar = np.float32(1.5)
    assert json.loads(answer({"x": scalar}, rows=False)) == {"outputs": 1.5}
    with pytest.raises(ServingError, match="Tensor name: x has no shape information"):
        answer({"x": scalar})


def test_rows_need_outputs_of_one_length():
    with pytest.raises(ServingError, match="Tensor name: b has inconsistent batch size: 1 expecting: 2"):
        answer({"a": np.zeros(2), "b": np.zeros(1)})


def test_empty_outputs_are_empty_lists():
    assert json.loads(answer({"x": np.zeros((0, 2), np.float32)})) == {"predictions": []}
    assert json.loads(answer({"x": np.zeros((2, 0), np.float32)})) == {"predictions": [[], []]}
    assert json.loads(answer({"x": np.zeros((2, 0, 3))}, rows=False)) == {"outputs": [[], []]}


def test_nothing_and_complex_numbers_have_no_json():
    with pytest.raises(ServingError, match="empty tensor map"):
        answer({})
    with pytest.raises(ServingError, match="tensor type: complex64"):
        answer({"x": np.zeros(2, np.complex64)})
