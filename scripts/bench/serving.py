"""Serving: how quick `tfgen serve` is, and what it survives.

    python scripts/bench/serving.py                 everything
    python scripts/bench/serving.py speed           latency and requests per second by clients, against no server
    python scripts/bench/serving.py swaps           100 version swaps under load
    python scripts/bench/serving.py fuzz            10,000 malformed REST requests and 2,000 gRPC messages
    python scripts/bench/serving.py shapes          10,000 requests of wrong shapes to an export of every network
    python scripts/bench/serving.py overload        twice the load that it carries, for a minute
    python scripts/bench/serving.py replicas        several servers of one core each behind HAProxy, one of them killed

Each prints a table and ends with 1 where a promise was broken. Without --model FOLDER (a model's folder of exports,
with the signature `generate`) a generator with two transposed convolutions on 28x28 is made for the purpose. Clients
and server share the machine, so a figure is one of both; `alone` calls the SavedModel in the bench's own process.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from common import CHECKOUT, command_of, environment_of, show_table, talk, work_folder
from load import SEEDS

LOAD = Path(__file__).with_name("load.py")
MOST_MILLISECONDS_OVER_ALONE = 2.0
LEAST_GAIN_BY_BATCHING = 3.0
model_option = click.option("--model", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="FOLDER")


@click.group(invoke_without_command=True)
@model_option
@click.pass_context
def main(context: click.Context, model: Path | None) -> None:
    """Run one bench, or all of them."""
    if context.invoked_subcommand is None:
        outcomes = [context.invoke(command, model=model) for command in (speed, swaps, overload, replicas)]
        outcomes.extend(context.invoke(command) for command in (fuzz, shapes))
        sys.exit(not all(outcomes))


@main.result_callback()
def _end(whole: bool | None, **_) -> None:
    sys.exit(not whole)


# Speed.


@main.command()
@model_option
@click.option("--seconds", default=4.0, show_default=True, help="Of one measurement.")
@click.option("--rounds", default=3, show_default=True, help="By turns; the table shows medians.")
def speed(model: Path | None, seconds: float, rounds: int) -> bool:
    """Latency and requests per second at 1, 8 and 32 clients, one sample each."""
    figures: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    with work_folder("speed") as folder, contextlib.ExitStack() as stack:
        exports = _exports(folder, model)
        merging = stack.enter_context(_server(exports))
        single = stack.enter_context(_server(exports, "--no-batching"))
        alone = _alone(exports)
        for turn in range(rounds):
            talk(f"Round {turn + 1} of {rounds} ...")
            for clients in (1, 8, 32):
                measured = {
                    "alone": _closed_alone(alone, clients, seconds),
                    "gRPC, batching": _load("closed", "grpc", merging.grpc, exports, clients, seconds),
                    "gRPC, no batching": _load("closed", "grpc", single.grpc, exports, clients, seconds),
                    "REST, batching": _load("closed", "rest", merging.rest, exports, clients, seconds),
                    "REST, no batching": _load("closed", "rest", single.rest, exports, clients, seconds),
                }
                for way, result in measured.items():
                    figures.setdefault((way, clients), []).append(_summary(result))
    table = {key: [statistics.median(values) for values in zip(*rows)] for key, rows in sorted(figures.items())}
    show_table(
        ["way", "clients", "p50 ms", "p95 ms", "requests/s"],
        [(way, clients, *values) for (way, clients), values in table.items()],
    )
    over = table["gRPC, batching", 1][0] - table["alone", 1][0]
    gain = table["gRPC, batching", 32][2] / table["gRPC, no batching", 32][2]
    print(
        f"gRPC with one client takes {over:.2f} ms more than a call in the same process (at most "
        f"{MOST_MILLISECONDS_OVER_ALONE}). With 32 clients batching gives {gain:.1f} times the requests per second (at "
        f"least {LEAST_GAIN_BY_BATCHING}).\n"
    )
    return over <= MOST_MILLISECONDS_OVER_ALONE and gain >= LEAST_GAIN_BY_BATCHING


def _summary(result: dict) -> tuple[float, float, float]:
    """p50, p95 and requests per second; anything but right answers ends the bench."""
    if set(result["outcomes"]) != {"right"}:
        raise SystemExit(f"Not every request was answered: {result['outcomes']}")
    latencies = np.array(result["latencies"])
    return float(np.quantile(latencies, 0.5)), float(np.quantile(latencies, 0.95)), len(latencies) / result["seconds"]


def _alone(exports: Path):
    """The SavedModel's function for one seed, called as in any Python program."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(sorted(exports.glob("*/[0-9]*"))[-1]))
    generate = loaded.signatures["generate"]

    def call(seed: int) -> np.ndarray:
        return generate(seed=tf.constant([seed], tf.int32), prompt=tf.constant([""]))["images"].numpy()

    call.loaded = loaded
    call(0)
    return call


def _closed_alone(call, clients: int, seconds: float) -> dict:
    latencies, began = [], time.perf_counter()

    def client(turn: int) -> None:
        while time.perf_counter() < began + seconds:
            start = time.perf_counter()
            call(turn % SEEDS)
            latencies.append((time.perf_counter() - start) * 1000)
            turn += 1

    threads = [threading.Thread(target=client, args=(number * 7,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"seconds": time.perf_counter() - began, "latencies": latencies, "outcomes": {"right": len(latencies)}}


# Swaps.


@main.command()
@model_option
@click.option("--swaps", "wanted", default=100, show_default=True, help="How many.")
def swaps(model: Path | None, wanted: int) -> bool:
    """Replace the version that is served again and again while clients ask."""
    with work_folder("swaps") as folder:
        exports = _exports(folder, model)
        base = next(path for path in exports.iterdir() if path.is_dir())
        newest = max(int(path.name) for path in base.glob("[0-9]*"))
        expected = _expected(_alone(exports), folder)
        with _server(exports, "--poll", 0.05) as server:
            load = _start_load("closed", "grpc", server.grpc, exports, clients=4, seconds=10_000, expected=expected)
            began = time.monotonic()
            for number in range(newest + 1, newest + wanted + 1):
                shutil.copytree(base / str(number - 1), base / ".new")
                (base / ".new").rename(base / str(number))
                _await_version(server, base.name, number)
                shutil.rmtree(base / str(number - 1))
            seconds = time.monotonic() - began
            load.terminate()
            outcomes = _finished(load)["outcomes"]
    show_table(["outcome", "requests"], sorted(outcomes.items()))
    print(
        f"{wanted} swaps in {seconds:.0f} s under 4 clients; {outcomes['right']} of {sum(outcomes.values())} requests "
        "were answered, and rightly.\n"
    )
    return set(outcomes) == {"right"}


def _await_version(server: "Server", name: str, number: int) -> None:
    from urllib.request import urlopen

    while True:
        with urlopen(f"http://{server.rest}/v1/models/{name}") as response:
            statuses = json.load(response)["model_version_status"]
        if any(status["version"] == str(number) and status["state"] == "AVAILABLE" for status in statuses):
            return
        time.sleep(0.02)


# Fuzz.


@main.command()
@click.option("--rest", "rest_count", default=10_000, show_default=True, help="REST requests.")
@click.option("--grpc", "grpc_count", default=2_000, show_default=True, help="gRPC messages.")
@click.option("--seed", default=1, show_default=True, help="Of the requests.")
def fuzz(rest_count: int, grpc_count: int, seed: int) -> bool:
    """Malformed requests by schemathesis and hypothesis; no 500, no crash."""
    from tests.serve import models
    from tests.serve.fuzz import fuzz_rest, fuzz_rpc

    with work_folder("fuzz") as folder:
        (folder / "toy").mkdir()
        models.save_toy(folder / "toy", 1, 2)
        with _server(folder) as server:
            codes = {"REST": fuzz_rest(f"http://{server.rest}", rest_count, seed)}
            codes["gRPC"] = fuzz_rpc(server.grpc, grpc_count, seed)
            alive = server.process.poll() is None
    show_table(
        ["way", "answer", "requests"],
        [(way, str(code), count) for way, counts in codes.items() for code, count in sorted(counts.items())],
    )
    failed = sum(count for code, count in codes["REST"].items() if code >= 500 and code != 501)
    failed += sum(codes["gRPC"][code] for code in ("INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED"))
    print(
        f"{codes['REST'].total()} REST requests and {codes['gRPC'].total()} gRPC messages; {failed} made the server "
        f"fail, and it is {'still up' if alive else 'GONE'}.\n"
    )
    return alive and not failed


@main.command()
@click.option("--requests", default=10_000, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="Of the requests.")
def shapes(requests: int, seed: int) -> bool:
    """Wrong ranks, sizes, types and rows; no crash, and every answer names what was wrong or wanted."""
    from tests.serve.catalogue import save_catalogue
    from tests.serve.fuzz import fuzz_shapes
    from tests.serve.running import tfgen_serve

    with work_folder("shapes") as folder:
        models = save_catalogue(folder)
        with tfgen_serve(folder) as server:
            codes = fuzz_shapes(server, models, requests, seed)  # an answer that it must not give ends the bench
            alive = server.process.poll() is None
    show_table(["answer", "requests"], [(str(code), count) for code, count in sorted(codes.items(), key=str)])
    print(f"{codes.total()} requests to {', '.join(models)}; the server is {'still up' if alive else 'GONE'}.\n")
    return alive


# Overload.


@main.command()
@model_option
@click.option("--seconds", default=60.0, show_default=True, help="How long.")
@click.option("--times", default=2.0, show_default=True, help="Of the load that it carries.")
def overload(model: Path | None, seconds: float, times: float) -> bool:
    """More than it carries: every answer right, and the rest told so."""
    with work_folder("overload") as folder:
        exports = _exports(folder, model)
        expected = _expected(_alone(exports), folder)
        with _server(exports, "--no-batching") as server:  # with batching, it is the client that can't keep up
            carried = _summary(_load("closed", "grpc", server.grpc, exports, 32, 10.0, expected))[2]
            talk(f"It carries {carried:.0f} requests per second; {times:g} times that for {seconds:.0f} s ...")
            load = _start_load("open", "grpc", server.grpc, exports, 1, seconds, expected, carried * times)
            result = _finished(load)
            after = _summary(_load("closed", "grpc", server.grpc, exports, 1, 2.0, expected))
    outcomes = result["outcomes"]
    show_table(["outcome", "requests"], sorted(outcomes.items()))
    slowest = float(np.quantile(result["latencies"], 0.95))
    print(
        f"{carried:.0f} requests per second are carried; {times:g} times as many came for {seconds:.0f} s. 95 % of the "
        f"answers within {slowest:.0f} ms; afterwards {after[0]:.1f} ms with one client.\n"
    )
    return set(outcomes) <= {"right", "RESOURCE_EXHAUSTED"} and outcomes.get("right", 0) > 0


# Replicas.


@main.command()
@model_option
@click.option("--counts", default="1,2", show_default=True, help="How many replicas, by turns.")
@click.option("--seconds", default=15.0, show_default=True, help="Of one measurement.")
def replicas(model: Path | None, counts: str, seconds: float) -> bool:
    """What replicas of one core each carry behind a balancer, at which load answers become slow, and what a kill costs.

    The second says how busy the autoscaler may let a pod become. Where there are no more cores than replicas, these
    share them with the clients and the balancer, and it is the machine that is full.
    """
    if not shutil.which("haproxy"):
        print("Left out: there is no haproxy (apt-get install haproxy).\n")
        return True
    with work_folder("replicas") as folder:
        exports = _exports(folder, model)
        expected = _expected(_alone(exports), folder)
        rows, carried = [], {}
        for count in sorted({1, *map(int, counts.split(","))}):
            with _balanced(exports, count, folder) as (address, servers):
                before = sum(map(_processor_seconds, servers))
                result = _load("closed", "grpc", address, exports, 8 * count, seconds, expected)
                used = sum(map(_processor_seconds, servers)) - before
                middle, slow, carried[count] = _summary(result)
                rows.append([count, carried[count], middle, slow, 1000 * used / len(result["latencies"])])
        show_table(["replicas", "requests/s", "p50 ms", "p95 ms", "processor ms a request"], rows)
        rows, quick = [], None
        with _balanced(exports, 1, folder) as (address, servers):
            for share in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9):
                before, rate = _processor_seconds(servers[0]), share * carried[1]
                load = _start_load("open", "grpc", address, exports, 1, seconds, expected, rate)
                result = _finished(load)
                busy = (_processor_seconds(servers[0]) - before) / seconds
                middle, slow = np.quantile(result["latencies"], [0.5, 0.95])
                quick = quick or slow
                refused = result["outcomes"].get("RESOURCE_EXHAUSTED", 0)
                rows.append([f"{share:.0%}", rate, f"{busy:.0%}", middle, slow, slow / quick, refused])
        show_table(["of what is carried", "requests/s", "busy", "p50 ms", "p95 ms", "of the first", "refused"], rows)
        most = max(carried)
        if most == 1:
            return True
        with _balanced(exports, most, folder) as (address, servers):
            load = _start_load("open", "grpc", address, exports, 1, seconds, expected, 0.5 * carried[1])
            time.sleep(seconds / 2)
            servers[0].process.kill()
            result = _finished(load)
    outcomes = Counter(result["outcomes"])
    lost = outcomes.total() - outcomes["right"] - outcomes["WRONG"]
    print(f"One of {most} killed: of {outcomes.total()} requests {lost} unanswered, {outcomes['WRONG']} wrong.")
    print(f"{dict(outcomes)}\n")
    return not outcomes["WRONG"] and lost < 0.02 * outcomes.total()


@contextlib.contextmanager
def _balanced(exports: Path, count: int, folder: Path) -> Iterator[tuple[str, list["Server"]]]:
    """The address of a balancer of gRPC before so many servers, each of which has one core."""
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as held:
        # Without batching, which would wait for others' requests.
        servers = [
            held.enter_context(_server(exports, "--no-batching", core=cores[place % len(cores)]))
            for place in range(count)
        ]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        model = next(path for path in exports.iterdir() if path.is_dir()).name
        lines = [
            f"server replica{place} {server.grpc} proto h2 check check-proto h1 port {server.rest.rpartition(':')[2]} "
            "inter 500ms fall 1 rise 1"
            for place, server in enumerate(servers)
        ]
        settings = folder / "haproxy.cfg"
        settings.write_text(_BALANCER.format(address=address, model=model, servers="\n  ".join(lines)))
        process = subprocess.Popen(["haproxy", "-db", "-f", settings])
        held.callback(process.wait)
        held.callback(process.terminate)
        time.sleep(2.0)
        if process.poll() is not None:
            raise SystemExit("HAProxy didn't start.")
        # Beside the servers where there is room; a process that is begun later is where this one is.
        rest = set(cores[count:]) or set(cores)
        os.sched_setaffinity(process.pid, rest)
        os.sched_setaffinity(0, rest)
        held.callback(os.sched_setaffinity, 0, set(cores))
        yield address, servers


_BALANCER = """global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  option redispatch
  retries 2
frontend clients
  bind {address} proto h2
  default_backend replicas
backend replicas
  balance leastconn
  option httpchk GET /v1/models/{model}
  http-check expect string AVAILABLE
  {servers}
"""


def _processor_seconds(server: "Server") -> float:
    """That a server has used so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Shared.


class Server:
    """A running `tfgen serve`."""

    def __init__(self, process: subprocess.Popen, grpc: str, rest: str):
        self.process = process
        self.grpc = grpc
        self.rest = rest


@contextlib.contextmanager
def _server(exports: Path, *arguments: object, core: int | None = None) -> Iterator[Server]:
    """core: the only one that it has."""
    command, bound = command_of("serve", exports, "--port", 0, "--rest-port", 0, *arguments), {}
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
        bound = {"TF_NUM_INTRAOP_THREADS": 1, "TF_NUM_INTEROP_THREADS": 1}
    process = subprocess.Popen(command, env=environment_of(**bound), stderr=subprocess.PIPE, text=True)
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("Stop with"):
            break
    else:
        raise SystemExit(f"The server didn't start:\n{said}")
    threading.Thread(target=process.stderr.read, daemon=True).start()
    ports = [re.search(rf"^{way} .*?(127\.0\.0\.1:\d+)", said, re.M)[1] for way in ("gRPC", "REST")]
    try:
        yield Server(process, *ports)
    finally:
        process.terminate()
        process.wait(90)


def _start_load(loop, way, address, exports, clients, seconds, expected=None, rate=0.0) -> subprocess.Popen:
    model = next(path for path in exports.iterdir() if path.is_dir()).name
    command = [sys.executable, LOAD, loop, way, address, model, "--clients", clients, "--seconds", seconds]
    command += ["--rate", rate, *(["--expected", expected] if expected else [])]
    return subprocess.Popen(list(map(str, command)), env=environment_of(), stdout=subprocess.PIPE, text=True)


def _finished(load: subprocess.Popen) -> dict:
    output, _ = load.communicate()
    return json.loads(output)


def _load(loop, way, address, exports, clients, seconds, expected=None) -> dict:
    return _finished(_start_load(loop, way, address, exports, clients, seconds, expected))


def _expected(call, folder: Path) -> Path:
    """The right answer for every seed."""
    path = folder / "answers.npy"
    np.save(path, np.concatenate([call(seed) for seed in range(SEEDS)]))
    return path


def _exports(folder: Path, model: Path | None) -> Path:
    """A folder that holds one model's exports: a copy of what was given, or a generator made for the purpose."""
    exports = folder / "exports"
    if model:
        shutil.copytree(model, exports / model.resolve().name)
    else:
        _save_generator(exports / "generator" / "1")
    return exports


def _save_generator(path: Path) -> None:
    """28x28 from a seed over 7x7x128 and 14x14x64, with weights of an untrained network."""
    import tensorflow as tf

    shapes = {"dense": (64, 7 * 7 * 128), "first": (5, 5, 64, 128), "second": (5, 5, 1, 64)}
    random = np.random.default_rng(0)
    module = tf.Module()
    module.weights = {
        name: tf.Variable(random.normal(0, 0.05, shape).astype(np.float32)) for name, shape in shapes.items()
    }
    weights = module.weights

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "seed"), tf.TensorSpec([None], tf.string, "prompt")])
    def generate(seed, prompt):
        count = tf.size(seed)
        places = tf.range(64, dtype=tf.float32)
        x = tf.sin(places * 1.7 + tf.cast(seed, tf.float32)[:, None] * 0.37 + 1.0 / (1.0 + places))
        x = x + 0 * tf.cast(tf.strings.length(prompt), tf.float32)[:, None]
        x = tf.nn.leaky_relu(tf.reshape(x @ weights["dense"], [-1, 7, 7, 128]))
        x = tf.nn.leaky_relu(tf.nn.conv2d_transpose(x, weights["first"], [count, 14, 14, 64], 2))
        return {"images": tf.sigmoid(tf.nn.conv2d_transpose(x, weights["second"], [count, 28, 28, 1], 2))}

    module.generate = generate
    tf.saved_model.save(module, str(path), signatures={"generate": generate, "serving_default": generate})


if __name__ == "__main__":
    os.chdir(CHECKOUT)
    main()
