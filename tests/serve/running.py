"""Real servers over real ports: tfgen's own, and TensorFlow Serving's where it is installed."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import grpc
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from tests.conftest import tfgen_arguments, tfgen_environment


class Running:
    """A server's process and how to talk to it."""

    def __init__(self, process, port, rest_port):
        self.process = process
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://127.0.0.1:{rest_port}"
        self.rest_port = rest_port
        self.channel = grpc.insecure_channel(self.address, [("grpc.max_receive_message_length", -1)])
        self.prediction = PredictionServiceStub(self.channel)
        self.model = ModelServiceStub(self.channel)

    def get(self, path):
        """The code and the text of an answer."""
        return self.request("GET", path)

    def post(self, path, body):
        """The code and the parsed answer; `body` is bytes, text or what JSON can say."""
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        code, text = self.request("POST", path, body.encode() if isinstance(body, str) else body)
        return code, json.loads(text)

    def predict(self, body, path="/v1/models/toy"):
        return self.post(f"{path}:predict", body)

    def request(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name):
        """The value of a metric without labels."""
        code, text = self.get("/monitoring/prometheus/metrics")
        assert code == 200
        return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])

    def stop(self, number=signal.SIGTERM):
        """The exit code and what the server said on standard error."""
        self.channel.close()
        self.process.send_signal(number)
        return self.process.wait(60), self.process.stderr.read()


@contextlib.contextmanager
def tfgen_serve(*arguments):
    """`tfgen serve ARGUMENTS` on free ports."""
    command = tfgen_arguments("serve", *arguments, "--port", 0, "--rest-port", 0)
    process = subprocess.Popen(command, env=tfgen_environment(), stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        for line in process.stderr:
            said += line
            if line.startswith("Stop with"):
                break
        ports = [re.search(rf"{name} .*?127\.0\.0\.1:(\d+)", said) for name in ("gRPC", "REST")]
        assert all(ports), said
        server = Running(process, *[int(port[1]) for port in ports])
        server.said = said
        yield server
        server.channel.close()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextlib.contextmanager
def tensorflow_model_server(configuration):
    """TensorFlow Serving's own binary with a models.config."""
    port, rest_port = free_port(), free_port()
    command = ["tensorflow_model_server", f"--port={port}", f"--rest_api_port={rest_port}"]
    command += [f"--model_config_file={configuration}", "--allow_version_labels_for_unavailable_models=true"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        server = Running(process, port, rest_port)
        until(lambda: answers(server))
        yield server
    finally:
        process.kill()
        process.wait()


def answers(server):
    try:
        return "AVAILABLE" in server.get("/v1/models/toy")[1]
    except OSError:
        return False


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until(true, seconds=120):
    """Waits until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.05)
