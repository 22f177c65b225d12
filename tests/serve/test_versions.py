"""Versions that come and go: policies, labels, reloads, warmup, and exports that are broken."""

import itertools
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
ENTRY = 'config { name: "%s" base_path: "%s" model_platform: "tensorflow" %s }'


NUMBERS = itertools.count(1)


class Toy:
    """A model of a server, whose folder of versions the test may change."""

    def __init__(self, server, name, folder):
        self.server, self.name, self.folder = server, name, folder

    def add_version(self, exports, number, like=2, warmup=None):
        """A new version, written beside and renamed, as exports do it."""
        hidden = self.folder / f".{number}"
        shutil.copytree(exports / "toy" / str(like), hidden)
        if warmup is not None:
            models.write_warmup(hidden, warmup)
        hidden.rename(self.folder / str(number))

    def states(self):
        """Version -> state."""
        code, text = self.server.get(f"/v1/models/{self.name}")
        assert code == 200
        return {int(status["version"]): status["state"] for status in json.loads(text)["model_version_status"]}

    def status(self, version):
        """What is said of a version."""
        answer = self.server.get(f"/v1/models/{self.name}/versions/{version}")[1]
        return json.loads(answer)["model_version_status"][0]["status"]

    def spec(self, **choice):
        return spec(self.name, **choice)

    def offset(self, **choice):
        return predict(self.server, self.spec(**choice), x=np.float32([0])).outputs["y"].float_val[0]


@pytest.fixture(scope="module")
def running(exports, tmp_path_factory):
    """A server that the tests reload, since one takes a while to start."""
    folder = tmp_path_factory.mktemp("running")
    shutil.copytree(exports / "toy" / "1", folder / "toy" / "1")
    with tfgen_serve(folder, "--poll", 0.1) as server:
        yield server


@pytest.fixture
def toy(running, own_exports):
    """Version 1 of a model of the test's own, the only one of the server."""
    made = Toy(running, f"toy-{next(NUMBERS)}", own_exports / "toy")
    reload(running, f"model_config_list {{ {ENTRY % (made.name, made.folder, '')} }}")
    until(lambda: made.states() == {1: "AVAILABLE"})
    return made


def reload(server, text):
    from google.protobuf import text_format

    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(text, request.config)
    return server.model.HandleReloadConfigRequest(request, timeout=60)


def configuration_of(toy, exports):
    """Both versions, with labels."""
    return CONFIGURATION.replace('name: "toy"', f'name: "{toy.name}"') % (exports / "toy")


def test_a_new_version_takes_over_and_the_old_one_comes_back_when_it_is_withdrawn(exports, own_exports):
    with tfgen_serve(own_exports, "--poll", 0.1) as server:
        toy = Toy(server, "toy", own_exports / "toy")
        assert toy.offset() == 2
        toy.add_version(exports, 2)
        until(lambda: toy.states() == {1: "END", 2: "AVAILABLE"})
        assert toy.offset() == 3
        assert refused(predict, server, spec(version=1), x=np.float32([0]))[0] == StatusCode.NOT_FOUND
        shutil.rmtree(toy.folder / "2")
        until(lambda: toy.states() == {1: "AVAILABLE", 2: "END"})
        assert toy.offset() == 2


@pytest.mark.slow
def test_swaps_under_load_lose_no_request(toy, exports):
    failures, answers, stop = [], [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                answers.append(toy.offset())
                code, answer = toy.server.predict({"instances": [0.0]}, f"/v1/models/{toy.name}")
                assert code == 200, answer
            except Exception as error:
                failures.append(error)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    for number in range(2, 6):
        toy.add_version(exports, number, like=1 + number % 2)
        until(lambda number=number: toy.states().get(number) == "AVAILABLE")
        shutil.rmtree(toy.folder / str(number - 1))
    stop.set()
    for asker in askers:
        asker.join()
    assert failures == []
    assert set(answers) == {2, 3}


def test_a_broken_version_is_reported_and_the_old_one_stays(toy, exports):
    (toy.folder / "2").mkdir()
    (toy.folder / "2" / "saved_model.pb").write_bytes(b"no model")
    until(lambda: toy.states().get(2) == "END")
    status = toy.status(2)
    assert status["error_code"] != "OK" and status["error_message"]
    assert toy.states()[1] == "AVAILABLE"
    assert toy.offset() == 2
    shutil.rmtree(toy.folder / "2")
    toy.add_version(exports, 2)
    until(lambda: toy.states() == {1: "END", 2: "AVAILABLE"})


@pytest.mark.slow
def test_what_is_no_version_is_ignored(toy, exports):
    (toy.folder / "tmp-5").mkdir()
    (toy.folder / "7").mkdir()  # as a folder with a .tflite alone
    (toy.folder / "notes.txt").write_text("x")
    toy.add_version(exports, 2)  # once this one is seen, the others were looked at too
    until(lambda: toy.states().get(2) == "AVAILABLE" and toy.states()[1] == "END")
    assert toy.states() == {1: "END", 2: "AVAILABLE"}


@pytest.mark.slow
def test_warmup_runs_before_a_version_is_available(toy, exports):
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    good = PredictRequest(model_spec=spec(signature="double"))
    good.inputs["n"].CopyFrom(tf.make_tensor_proto(np.int64([1])))
    bad = PredictRequest(model_spec=spec(signature="positive"))
    bad.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([-1])))
    for number, request, state in ((2, bad, "END"), (3, good, "AVAILABLE")):
        toy.add_version(exports, number, warmup=request)
        until(lambda number=number, state=state: toy.states().get(number) == state)
    assert "not positive" in toy.status(2)["error_message"]


@pytest.mark.slow
def test_a_reload_replaces_the_whole_configuration(running, toy, exports):
    other = ENTRY % (f"other-{toy.name}", exports / "toy", "model_version_policy { specific { versions: 1 } }")
    assert reload(running, f"model_config_list {{ {other} }}").status.error_code == 0
    assert predict(running, spec(f"other-{toy.name}"), x=np.float32([0])).outputs["y"].float_val[0] == 2
    assert refused(predict, running, toy.spec(), x=np.float32([0]))[0] == StatusCode.NOT_FOUND
    assert toy.states() == {1: "END"}
    labels = configuration_of(toy, exports)
    assert reload(running, labels.replace("version_labels", "#")).status.error_code == 0
    assert (toy.offset(version=1), toy.offset()) == (2, 3)


@pytest.mark.slow
def test_labels_move_only_to_what_is_available(running, toy, exports):
    labels = configuration_of(toy, exports)
    code, words = refused(reload, running, labels)
    assert code == StatusCode.FAILED_PRECONDITION
    assert f"Request to assign label to version 2 of model {toy.name}" in words
    reload(running, labels.replace("version_labels", "#"))
    until(lambda: toy.states() == {1: "AVAILABLE", 2: "AVAILABLE"})
    reload(running, labels)
    assert (toy.offset(label="stable"), toy.offset(label="canary")) == (2, 3)
    reload(running, labels.replace("value: 1", "value: 2"))
    assert toy.offset(label="stable") == 3


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
