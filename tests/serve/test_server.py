"""The process: what it says, how it ends, what it does with too much to carry, and what it refuses to start with."""

import asyncio
import http.client
import json
import re
import shlex
import shutil
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest

from tests.conftest import run_tfgen
from tests.serve.running import free_port, tfgen_serve, until
from tests.serve.test_rpc import predict, spec
from tfgen.errors import UserError

BATCHING = "max_batch_size { value: 4 } max_enqueued_batches { value: 2 } num_batch_threads { value: 1 }"


@pytest.mark.parametrize("name", [pytest.param("toy", marks=pytest.mark.slow), "my toy; #1 & 'co' (50 %)?"])
def test_it_says_what_is_up_and_a_command_that_works(own_exports, name):
    (own_exports / "toy").rename(own_exports / name)
    with tfgen_serve(own_exports) as server:
        assert f"{name} version 1 is up" in server.said
        assert "decode" in server.said and "tensorflow" not in server.said.lower()
        assert server.get(re.search(r"REST +http://[^/]+(/\S+)$", server.said, re.M)[1])[0] == 200
        command = re.search(r"Try +curl -d (.*)", server.said)[1]
        body, url = shlex.split(command, comments=True)
        code, answer = server.post(url.removeprefix(server.url), body)
        assert code == 200 and "outputs" in answer
        code, said = server.stop()
    assert code == 0
    assert said.startswith("Stopping")


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_requests_in_flight_are_answered_before_it_ends(own_exports, number):
    with tfgen_serve(own_exports) as server, ThreadPoolExecutor(4) as pool:
        predict(server, spec(signature="slow"), rounds=np.int32([1]))
        runs = server.metric("tfgen_serve_batch_rows_count")
        rest = pool.submit(server.predict, {"signature_name": "slow", "instances": [10_000]})
        until(lambda: server.metric("tfgen_serve_batch_rows_count") == runs + 1)
        rpc = pool.submit(predict, server, spec(signature="slow"), rounds=np.int32([10_000]))
        until(lambda: server.metric("tfgen_serve_waiting") == 1)  # for the one that runs
        assert not rest.done() and not rpc.done()
        server.process.send_signal(number)
        assert rest.result() == (200, {"predictions": [10_000]})
        assert list(rpc.result().outputs["rounds"].int_val) == [10_000]
        assert server.process.wait(60) == 0
        with pytest.raises(OSError):
            server.get("/v1/models/toy")


def test_more_than_it_can_carry_is_refused_and_the_rest_is_right(own_exports, tmp_path):
    config = tmp_path / "batching.config"
    config.write_text(BATCHING)
    outcomes = []

    def ask_rest(i):
        code, answer = server.predict({"signature_name": "slow", "instances": [100 + i]})
        outcomes.append("refused" if code == 429 else (code, answer) == (200, {"predictions": [100 + i]}))

    def ask_rpc(i):
        try:
            answer = predict(server, spec(signature="slow"), rounds=np.int32([100 + i])).outputs["rounds"].int_val
            outcomes.append(list(answer) == [100 + i])
        except grpc.RpcError as error:
            outcomes.append("refused" if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED else error)

    with tfgen_serve(own_exports, "--batching-config", config) as server:
        askers = [threading.Thread(target=(ask_rest, ask_rpc)[i % 2], args=(i,)) for i in range(60)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert server.predict({"instances": [0.0]})[0] == 200
    assert len(outcomes) == 60
    assert set(outcomes) == {"refused", True}


def test_metrics_count_requests_under_their_model(own_exports, tmp_path):
    config = tmp_path / "monitoring.config"
    config.write_text('prometheus_config { enable: true, path: "/numbers" }')
    with tfgen_serve(own_exports, "--monitoring-config", config) as server:
        server.predict({"instances": [0.0]})
        server.predict({"instances": []})
        predict(server, x=np.float32([0]))
        server.predict({"instances": [0.0]}, "/v1/models/made-up")
        code, text = server.get("/numbers")
        assert server.get("/monitoring/prometheus/metrics")[0] == 404
    assert code == 200
    assert ':tensorflow:serving:request_count{model_name="toy",status="OK"} 2.0' in text
    assert ':tensorflow:serving:request_count{model_name="toy",status="INVALID_ARGUMENT"} 1.0' in text
    assert ":tensorflow:serving:request_latency_bucket" in text
    assert "made-up" not in text


@pytest.mark.slow
def test_a_request_that_is_too_large_is_refused(own_exports):
    with tfgen_serve(own_exports) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
        connection.putrequest("POST", "/v1/models/toy:predict")
        connection.putheader("Content-Length", str(10**10))
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 413
        assert "larger than" in json.loads(response.read())["error"]
        with pytest.raises(grpc.RpcError) as caught:
            predict(server, x=np.zeros(20 * 2**20, np.float32))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert server.predict({"instances": [0.0]})[0] == 200


@pytest.mark.slow
def test_no_batching_answers_the_same_and_pages_from_elsewhere_may_ask_where_told(own_exports):
    with tfgen_serve(own_exports, "--no-batching", "--cors") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
        page = {"Origin": "http://localhost:3000"}
        for method, path, headers, code in (
            ("OPTIONS", "/v1/models/toy:predict", page, 200), ("OPTIONS", "/v1/models/toy:predict", {}, 400),
            ("GET", "/v1/models/toy", page, 200), ("GET", "/v1/models/none", page, 404),
        ):
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            assert (response.status, response.read() == b"") == (code, method == "OPTIONS")
            headers = {key.lower(): value for key, value in response.headers.items()}
            assert {key: value for key, value in headers.items() if key.startswith("access-control")} == {
                "access-control-allow-origin": "*", "access-control-allow-methods": "POST, GET",
                "access-control-allow-headers": "Content-Type",
            }
        assert server.predict({"instances": [1.0, 2.0]}) == (200, {"predictions": [2.5, 3.0]})
        assert list(predict(server, x=np.float32([1, 2])).outputs["y"].float_val) == [2.5, 3.0]


# What it refuses to start with.


def refusal(*arguments):
    """What `tfgen serve` says when it doesn't start."""
    finished = run_tfgen("serve", *arguments)
    assert finished.returncode == 2, finished.stderr
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr
    return finished.stderr


def test_a_folder_without_models_is_refused(tmp_path):
    assert "There is no model to serve in" in refusal(tmp_path)
    (tmp_path / "tflite" / "1").mkdir(parents=True)
    (tmp_path / "tflite" / "1" / "model.tflite").write_bytes(b"")
    assert "There is no model to serve in" in refusal(tmp_path)


def test_what_does_not_exist_is_refused(tmp_path):
    assert "There is no run 'nope'" in refusal("nope")
    assert "Give a run, a folder of exports or a models.config" in refusal(tmp_path / "nope")


@pytest.mark.parametrize("text", ["{", "model_config_list {}", 'model_config_list { config { name: "a" } }', "x: 5"])
def test_a_broken_configuration_is_refused(tmp_path, text):
    path = tmp_path / "models.config"
    path.write_text(text)
    assert "models.config" in refusal(path)


def test_labels_and_versions_that_are_not_there_are_refused(own_exports, tmp_path):
    from tests.serve.conftest import CONFIGURATION

    path = tmp_path / "models.config"
    path.write_text(CONFIGURATION % "own/toy")
    finished = run_tfgen("serve", path, "--port", 0, "--rest-port", 0)
    assert finished.returncode == 1
    assert "version 2 of model toy" in finished.stderr


@pytest.mark.slow
def test_a_broken_model_is_reported(tmp_path):
    (tmp_path / "toy" / "1").mkdir(parents=True)
    (tmp_path / "toy" / "1" / "saved_model.pb").write_bytes(b"no model")
    finished = run_tfgen("serve", tmp_path, "--port", 0, "--rest-port", 0)
    assert finished.returncode == 1
    assert "toy" in finished.stderr and "Traceback" not in finished.stderr


@pytest.mark.parametrize("option", ["--port", "--rest-port"])
def test_a_port_in_use_is_refused(own_exports, option):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = "--rest-port" if option == "--port" else "--port"
        said = refusal(own_exports, option, taken.getsockname()[1], other, 0)
        assert f"Port {taken.getsockname()[1]} is in use. Choose another with {option}" in said


def test_one_port_for_both_is_refused(own_exports):
    port = free_port()
    assert f"gRPC and REST can't share port {port}." in refusal(own_exports, "--port", port, "--rest-port", port)


def test_a_port_that_somebody_takes_while_the_models_load_is_refused():
    from tfgen.serve.manager import Manager
    from tfgen.serve.server import ServeOptions, _serve, reserved_ports

    options = ServeOptions(port=0, rest_port=free_port())
    with reserved_ports(options) as rest, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(rest.getsockname())
        other.listen()
        with pytest.raises(UserError, match=f"Port {options.rest_port} is in use. Choose another with --rest-port"):
            asyncio.run(_serve(Manager(tell=print), options, rest))


def test_ports_and_files_are_looked_at_before_a_run_is_exported(gan_run, tmp_path):
    run = tmp_path / "runs" / "digits"
    shutil.copytree(gan_run.path, run, ignore=shutil.ignore_patterns("export"))
    config = tmp_path / "batching.config"
    config.write_text("max_batch_size { value: 0 }")
    port = free_port()
    for arguments in (("--port", port, "--rest-port", port), ("--batching-config", config)):
        assert "exported" not in refusal(run, *arguments)
    assert not (run / "export").exists()


def test_a_host_that_is_not_this_machine_is_refused(own_exports):
    assert "is not this machine" in refusal(own_exports, "--host", "192.0.2.1")


@pytest.mark.parametrize("text", ["max_batch_size { value: 0 }", "max_batch: 3", "allowed_batch_sizes: 3"])
def test_a_broken_batching_configuration_is_refused(own_exports, tmp_path, text):
    path = tmp_path / "batching.config"
    path.write_text(text)
    assert "batching.config" in refusal(own_exports, "--batching-config", path)
