"""Versions that come and go: policies, labels, reloads, warmup, and exports that are broken."""

import json
import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf
from grpc import StatusCode
from tensorflow_serving.apis import model_management_pb2

from tests.serve import models
from tests.serve.conftest import CONFIGURATION
from tests.serve.running import tfgen_serve, until
from tests.serve.test_rpc import predict, refused, spec

pytestmark = pytest.mark.slow


@pytest.fixture
def running(own_exports):
    """A server whose folder of exports the test may change."""
    with tfgen_serve(own_exports, "--poll", 0.1) as server:
        yield server


def add_version(exports, own_exports, number, like=2):
    """A new version, written beside and renamed, as exports do it."""
    hidden = own_exports / "toy" / f".{number}"
    shutil.copytree(exports / "toy" / str(like), hidden)
    hidden.rename(own_exports / "toy" / str(number))


def states(server):
    """Version -> state."""
    code, text = server.get("/v1/models/toy")
    assert code == 200
    return {int(status["version"]): status["state"] for status in json.loads(text)["model_version_status"]}


def offset(server, **choice):
    return predict(server, spec(**choice), x=np.float32([0])).outputs["y"].float_val[0]


def reload(server, text):
    from google.protobuf import text_format

    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(text, request.config)
    return server.model.HandleReloadConfigRequest(request, timeout=60)


def test_a_new_version_takes_over_and_the_old_one_goes(running, exports, own_exports):
    assert offset(running) == 2
    add_version(exports, own_exports, 2)
    until(lambda: states(running) == {1: "END", 2: "AVAILABLE"})
    assert offset(running) == 3
    assert refused(predict, running, spec(version=1), x=np.float32([0]))[0] == StatusCode.NOT_FOUND


@pytest.mark.slow
def test_the_old_version_comes_back_when_the_new_one_is_withdrawn(running, exports, own_exports):
    add_version(exports, own_exports, 2)
    until(lambda: states(running).get(2) == "AVAILABLE")
    shutil.rmtree(own_exports / "toy" / "2")
    until(lambda: states(running) == {1: "AVAILABLE", 2: "END"})
    assert offset(running) == 2


@pytest.mark.slow
def test_swaps_under_load_lose_no_request(running, exports, own_exports):
    failures, answers, stop = [], [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                answers.append(offset(running))
                code, answer = running.predict({"instances": [0.0]})
                assert code == 200, answer
            except Exception as error:
                failures.append(error)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for number in range(2, 12):
        add_version(exports, own_exports, number, like=1 + number % 2)
        until(lambda number=number: states(running).get(number) == "AVAILABLE")
        shutil.rmtree(own_exports / "toy" / str(number - 1))
    stop.set()
    for asker in askers:
        asker.join()
    assert failures == []
    assert set(answers) == {2, 3}


def test_a_broken_version_is_reported_and_the_old_one_stays(running, exports, own_exports):
    (own_exports / "toy" / "2").mkdir()
    (own_exports / "toy" / "2" / "saved_model.pb").write_bytes(b"no model")
    until(lambda: states(running).get(2) == "END")
    status = json.loads(running.get("/v1/models/toy/versions/2")[1])["model_version_status"][0]["status"]
    assert status["error_code"] != "OK" and status["error_message"]
    assert states(running)[1] == "AVAILABLE"
    assert offset(running) == 2
    shutil.rmtree(own_exports / "toy" / "2")
    add_version(exports, own_exports, 2)
    until(lambda: states(running) == {1: "END", 2: "AVAILABLE"})


@pytest.mark.slow
def test_what_is_no_version_is_ignored(running, exports, own_exports):
    (own_exports / "toy" / "tmp-5").mkdir()
    (own_exports / "toy" / "7").mkdir()  # as a folder with a .tflite alone
    (own_exports / "toy" / "notes.txt").write_text("x")
    add_version(exports, own_exports, 2)  # once this one is seen, the others were looked at too
    until(lambda: states(running).get(2) == "AVAILABLE" and states(running)[1] == "END")
    assert states(running) == {1: "END", 2: "AVAILABLE"}


@pytest.mark.slow
def test_warmup_runs_before_a_version_is_available(running, exports, own_exports):
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    good = PredictRequest(model_spec=spec(signature="double"))
    good.inputs["n"].CopyFrom(tf.make_tensor_proto(np.int64([1])))
    bad = PredictRequest(model_spec=spec(signature="positive"))
    bad.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([-1])))
    for number, request, state in ((2, bad, "END"), (3, good, "AVAILABLE")):
        hidden = own_exports / "toy" / f".{number}"
        shutil.copytree(exports / "toy" / "2", hidden)
        models.write_warmup(hidden, request)
        hidden.rename(own_exports / "toy" / str(number))
        until(lambda number=number, state=state: states(running).get(number) == state)
    message = json.loads(running.get("/v1/models/toy/versions/2")[1])["model_version_status"][0]["status"]
    assert "not positive" in message["error_message"]


@pytest.mark.slow
def test_a_reload_replaces_the_whole_configuration(running, exports):
    entry = 'config { name: "%s" base_path: "%s" model_platform: "tensorflow" %s }'
    other = entry % ("other", exports / "toy", "model_version_policy { specific { versions: 1 } }")
    assert reload(running, f"model_config_list {{ {other} }}").status.error_code == 0
    assert predict(running, spec("other"), x=np.float32([0])).outputs["y"].float_val[0] == 2
    assert refused(predict, running, x=np.float32([0]))[0] == StatusCode.NOT_FOUND
    assert states(running) == {1: "END"}
    assert reload(running, CONFIGURATION.replace("version_labels", "#") % (exports / "toy")).status.error_code == 0
    assert (offset(running, version=1), offset(running)) == (2, 3)


@pytest.mark.slow
def test_labels_move_only_to_what_is_available(running, exports):
    labels = CONFIGURATION % (exports / "toy")
    code, words = refused(reload, running, labels)
    assert code == StatusCode.FAILED_PRECONDITION
    assert "Request to assign label to version 2 of model toy" in words
    reload(running, labels.replace("version_labels", "#"))
    until(lambda: states(running) == {1: "AVAILABLE", 2: "AVAILABLE"})
    reload(running, labels)
    assert (offset(running, label="stable"), offset(running, label="canary")) == (2, 3)
    reload(running, labels.replace("value: 1", "value: 2"))
    assert offset(running, label="stable") == 3


WRONG_RELOADS = {
    'config { name: "a" base_path: "/a" }': (StatusCode.INVALID_ARGUMENT, "model_platform"),
    'config { name: "a" base_path: "/a" model_platform: "caffe" }': (StatusCode.INVALID_ARGUMENT, "unsupported"),
    'config { name: "a" base_path: "a" model_platform: "tensorflow" }': (StatusCode.INVALID_ARGUMENT, "absolute"),
    'config { name: "a" base_path: "/a" model_platform: "tensorflow" }' * 2: (StatusCode.INVALID_ARGUMENT, "multiple"),
    'config { name: "a" base_path: "/no/such" model_platform: "tensorflow" }': (
        StatusCode.UNKNOWN, "base_path /no/such can't be read"
    ),
}


def test_a_wrong_reload_is_refused(running):
    for entries, (code, words) in WRONG_RELOADS.items():
        actual, said = refused(reload, running, f"model_config_list {{ {entries} }}")
        assert actual == code
        assert words in said
