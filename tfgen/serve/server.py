"""REST and gRPC on two ports, from start to graceful end: what is in flight when it is told to stop gets its answer."""

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tfgen.errors import Failure, UserError
from tfgen.serve.text_protos import DEFAULT_METRICS_PATH, BatchingOptions
from tfgen.console import say

LARGEST_REQUEST = 64 * 2**20
_GRACE_SECONDS = 60  # how long a request in flight may take once the server was told to stop


@dataclass(frozen=True)
class ServeOptions:
    """How to serve."""

    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int = 8501
    merge: bool = True  # whether concurrent requests run together
    batching: BatchingOptions = field(default_factory=BatchingOptions)
    poll: float = 1.0  # seconds between two looks at the disk; 0 for never
    metrics_path: str | None = DEFAULT_METRICS_PATH
    cors: bool = False  # whether pages from other places may ask, as TensorFlow Serving's rest_api_enable_cors_support


@contextlib.contextmanager
def reserved_ports(options: ServeOptions) -> Iterator[socket.socket]:
    """The REST socket, bound; and a look whether the gRPC port is free. Quick, so that it comes before TensorFlow.

    Raises:
        UserError: a port is taken or asked for twice, or the host is not this machine's.
    """
    if options.port and options.port == options.rest_port:
        raise UserError(f"gRPC and REST can't share port {options.port}.", "Give --port and --rest-port two numbers.")
    with bound_socket(options.host, options.rest_port, "--rest-port") as rest:
        with bound_socket(options.host, options.port, "--port"):
            pass
        yield rest


def serve(configuration: Any, options: ServeOptions, rest: socket.socket) -> None:
    """Loads the models, serves them, and returns when SIGTERM or SIGINT came and the last request was answered.

    Raises:
        Failure: a model can't be loaded.
    """
    from tfgen.serve.manager import Manager
    from tfgen.serve.status import ServingError

    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    gc.collect()
    gc.freeze()  # TensorFlow's million objects stay; collecting after an unload then takes no time from requests
    manager = Manager(tell=say)
    try:
        manager.configure(configuration, at_start=True)
    except ServingError as error:
        reason = error.message.strip().splitlines()[0].rstrip(".")
        raise Failure(f"The server can't start: {reason}.", "Mend or remove that model, or export it again.") from None
    asyncio.run(_serve(manager, options, rest))


async def _serve(manager: Any, options: ServeOptions, rest: socket.socket) -> None:
    from tfgen.serve import rpc
    from tfgen.serve.batching import Runner
    from tfgen.serve.metrics import Metrics
    from tfgen.serve.predictor import Predictor
    from tfgen.serve.rest import application

    _listen(rest)
    metrics = Metrics()
    runner = Runner(options.batching, options.merge, metrics)
    predictor = Predictor(manager, runner, metrics)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        grpc_server = rpc.start(predictor, _address(options.host, options.port), LARGEST_REQUEST)
    except RuntimeError:
        raise _port_taken(options.port, "--port") from None
    http = http_server(application(predictor, options.metrics_path, LARGEST_REQUEST, options.cors))
    serving = asyncio.create_task(http.serve(sockets=[rest]))
    while not http.started and not serving.done():
        await asyncio.sleep(0.01)
    _announce(manager, options, _address(options.host, rest.getsockname()[1]), grpc_server.port)
    polling = asyncio.create_task(_poll(manager, options.poll))
    await asyncio.wait([serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    say("Stopping: no new requests; those in flight are answered.")
    http.should_exit = True
    await asyncio.gather(asyncio.to_thread(grpc_server.stop, _GRACE_SECONDS), serving)
    polling.cancel()
    runner.close()


async def _poll(manager: Any, seconds: float) -> None:
    """Looks at the disk now and then."""
    while seconds:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(manager.poll)
        except Exception as error:
            say(f"Looking for new versions failed: {error}")


def http_server(app: Any) -> Any:
    """A uvicorn.Server of an ASGI application, quiet, which leaves signals to its caller."""
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves the signals to `serve`, which stops both servers."""

        @contextlib.contextmanager
        def capture_signals(self):
            yield

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return Server(config)


@contextlib.contextmanager
def bound_socket(host: str, port: int, option: str) -> Iterator[socket.socket]:
    """A socket at an address. Raises UserError where there is none such; `option` is what the port was given by."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError, OverflowError):
        raise UserError(f"There is no host '{host}'.", "Leave --host out to serve this machine only.") from None
    with socket.socket(family, kind, protocol) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
        except PermissionError:
            raise UserError(f"Port {port} may not be used.", f"Choose another with {option}.") from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise UserError(f"'{host}' is not this machine.", "Leave --host out to serve this machine.") from None
            raise _port_taken(port, option) from None
        yield bound


def _listen(rest: socket.socket) -> None:
    """Takes the REST port for good: until somebody listens, another program may bind it as well, and listen first."""
    try:
        rest.listen()
    except OSError:
        raise _port_taken(rest.getsockname()[1], "--rest-port") from None


def _port_taken(port: int, option: str) -> UserError:
    return UserError(f"Port {port} is in use.", f"Choose another with {option}, or 0 for any that is free.")


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _announce(manager: Any, options: ServeOptions, rest: str, port: int) -> None:
    """What is up, where, and a command to paste."""
    from tfgen.serve.sample import curl_of, url_of

    servables = manager.available()
    for servable in servables:
        names = ", ".join(sorted(name for name in servable.signatures if not name.startswith("__")))
        say(f"{servable.name} version {servable.version}: {names}")
    say(f"REST     {url_of(servables[-1].name if servables else 'NAME', rest)}")
    say(f"gRPC     {_address(options.host, port)}")
    if options.metrics_path:
        say(f"Metrics  http://{rest}{options.metrics_path}")
    if servables and (command := curl_of(servables[-1], rest)):
        say(f"Try      {command}")
    say("Stop with Ctrl-C.")
