"""A store of each kind, and a real PostgreSQL where there is one."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tfgen.feedback.events import Sample


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a PostgreSQL that this session started; skips where none is installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    if not programs[-1].is_file():
        pytest.skip("PostgreSQL is not installed here: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="tfgen-postgresql-"))
    as_user = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program, *arguments):
        command = [*as_user, str(programs[-1].with_name(program)), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env={**os.environ, "LC_ALL": "C"})

    try:
        run("initdb", "-U", "tfgen", "--auth=trust", "--encoding=UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
        yield f"postgresql://tfgen@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*as_user, str(programs[-1].with_name("pg_ctl")), "-D", str(folder / "data"), "stop", "-m", "immediate"],
            capture_output=True,
        )
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Where an empty store can be, in each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "feedback.db")
    server = request.getfixturevalue("postgresql")
    import psycopg

    name = f"test_{os.getpid()}_{abs(hash(str(tmp_path)))}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.rpartition("/")[0] + f"/{name}"


@pytest.fixture
def store(url):
    from tfgen.feedback.store import open_store

    with open_store(url) as opened:
        yield opened


@pytest.fixture
def samples():
    """Four samples of a run, of which nothing but their names exists."""
    return [Sample("digits-gan", "0" * 32, prompt="seven", seed=seed) for seed in range(4)]
