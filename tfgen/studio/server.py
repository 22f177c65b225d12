"""The studio from start to end: its address, who may come in, and what is left when it stops."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.console import say
from tfgen.environment import physical_memory
from tfgen.errors import UserError
from tfgen.run import Run, runs_folder
from tfgen.serve.server import bound_socket, http_server
from tfgen.studio.people import People, read_users, secret_in

LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class StudioOptions:
    """How it is opened. memory: gigabytes that a job may take; None for three quarters of the machine's."""

    host: str = "127.0.0.1"
    port: int = 8600
    at: str = ""  # the run to begin with
    users: Path | None = None
    token: str | None = None
    names: tuple[str, ...] = ()  # that the studio goes by, beside its address
    memory: float | None = None


def run(options: StudioOptions, ready: Any = None) -> None:
    """Serves until SIGTERM or SIGINT. `ready` is called with the address once it answers.

    Raises:
        UserError: the port is taken, or the file of users can't be read.
    """
    at = ""
    if options.at:
        path = Run.open(options.at).path.resolve()
        at = path.name
        os.environ["TFGEN_RUNS"] = str(path.parent)  # the runs beside it, and for jobs too
    people = _people(options)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    with bound_socket(options.host, options.port, "--port") as bound:
        asyncio.run(_serve(options, people, at, bound, ready))


def _people(options: StudioOptions) -> People:
    """Who may come in: from another machine only whoever has a token or is a user."""
    folder = runs_folder() / ".studio"
    folder.mkdir(parents=True, exist_ok=True)
    users = read_users(options.users) if options.users else {}
    token = options.token
    if users and token:
        raise UserError("Both --users and --token are given.", "Give one of them: users have passwords.")
    if token is not None and len(token) < 8:
        raise UserError("The token is too short.", "Give at least 8 letters.")
    if options.host not in LOCAL and not users and not token:
        token = secrets.token_urlsafe(16)
    return People(token, users, secret_in(folder))


async def _serve(options: StudioOptions, people: People, at: str, bound: socket.socket, ready: Any) -> None:
    from tfgen.feedback.store import open_store
    from tfgen.studio.application import Studio, application
    from tfgen.studio.jobs import Jobs
    from tfgen.studio.model_thread import ModelThread
    from tfgen.studio.samples import Samples
    from tfgen.studio.uploads import Uploads

    with contextlib.ExitStack() as opened:
        runs = runs_folder()
        own = runs / ".studio"
        store = opened.enter_context(open_store())
        models = ModelThread()
        jobs = Jobs(own / "jobs", _memory(options.memory))
        opened.callback(jobs.close)
        uploads = Uploads(own / "uploads")
        uploads.tidy()
        studio = Studio(runs, store, models, jobs, uploads, people, Samples(people.secret))
        bound.listen()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        server = http_server(application(studio, _names(options, bound)))
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        address = _address(options, bound, people.token, at)
        say(f"The studio is at {address}  Ctrl-C ends it; what is being trained goes on.")
        if ready is not None:
            ready(address)
        models.start()  # after what was said: while TensorFlow loads, nothing reaches the standard error stream
        await asyncio.wait([serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(serving, 5)
        left = [job.record["run"] for job in jobs.all() if job.status == "running"]
        if left:
            say(f"Still at work in the background: {', '.join(left)}. Open the studio again to see it, or to stop it.")


def _names(options: StudioOptions, bound: socket.socket) -> set[str]:
    """What the studio may be called: its address, this machine's names where it listens to others, and what was
    given."""
    names = {*options.names, options.host, *LOCAL}
    if options.host not in LOCAL:
        names |= {socket.gethostname(), socket.getfqdn()}
        with contextlib.suppress(OSError):
            names |= {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    return names


def _address(options: StudioOptions, bound: socket.socket, token: str | None, at: str) -> str:
    host = "localhost" if options.host in LOCAL else options.host
    host = socket.gethostname() if host in ("0.0.0.0", "::") else host
    path = f"/run/{at}/create" if at else "/"
    # Behind '#' a token stays in the browser: it is in no log, and no other site is told of it.
    return f"http://{host}:{bound.getsockname()[1]}{path}{f'#token={token}' if token else ''}"


def _memory(gigabytes: float | None) -> int | None:
    """Bytes that a job may take."""
    if gigabytes is not None:
        return int(gigabytes * 2**30)
    there = physical_memory()
    return there and int(there * 0.75)
