"""The studio: how quick a page is in a real browser, how many people it carries, and what kills cost.

python scripts/bench/studio.py speed RUN [--text RUN] [--rounds 80]
python scripts/bench/studio.py people RUN [--people 20] [--seconds 60] [--think 1.0]
python scripts/bench/studio.py kills [--kills 50]
python scripts/bench/studio.py fuzz RUN [--requests 2000]

Needs what the tests need: pip install '.[test]' and Debian's chromium.
"""

import argparse
import contextlib
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.studio.running import browser, copied, studio  # noqa: E402
from tfgen.run import Run  # noqa: E402

# From the key to the frame after the one in which every tile is decoded, in milliseconds.
PAINTED = """async ([key, ctrl, count]) => {
  const before = document.querySelector('.tile');
  const began = performance.now();
  document.activeElement.blur();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, ctrlKey: ctrl, bubbles: true }));
  for (;;) {
    const images = [...document.querySelectorAll('.tile img')];
    if (!before.isConnected && images.length === count) {
      await Promise.all(images.map(each => each.decode()));
      await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
      return performance.now() - began;
    }
    await new Promise(done => setTimeout(done, 2));
  }
}"""
FIRST = """async ([address, body]) => {
  const began = performance.now();
  const answer = await fetch(address, { method: 'POST', headers: { 'X-Tfgen': '1' }, body: JSON.stringify(body) });
  const reader = answer.body.getReader();
  await reader.read();
  const first = performance.now() - began;
  while (!(await reader.read()).done);
  return first;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("speed", "people", "kills", "fuzz"):
        verb = verbs.add_parser(name)
        if name != "kills":
            verb.add_argument("run")
        verb.add_argument("--text", default=None)
        for option, kind, usual in (
            ("--rounds", int, 80), ("--people", int, 20), ("--seconds", float, 60.0), ("--think", float, 1.0),
            ("--kills", int, 50), ("--requests", int, 2000),
        ):
            verb.add_argument(option, type=kind, default=usual)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        runs = Path(place) / "runs"
        runs.mkdir()
        if options.verb != "kills":
            copied(Run.open(options.run), runs, "run")
        if options.text:
            copied(Run.open(options.text), runs, "text")
        {"speed": speed, "people": people, "kills": kills, "fuzz": fuzz}[options.verb](options, runs)


def told(name: str, times: list[float]) -> None:
    times = sorted(times)
    high = times[min(len(times) - 1, int(0.95 * len(times)))]
    median = statistics.median(times)
    print(f"{name}: median {median:.0f} ms, 95 % {high:.0f} ms, most {times[-1]:.0f} ms, {len(times)} times")


def speed(options: argparse.Namespace, runs: Path) -> None:
    """Clicks and keys in Chromium."""
    with studio(runs) as running, browser() as chromium:
        page = chromium.new_page()
        address = f"http://localhost:{running.port}"
        page.goto(f"{address}/run/run/create")
        page.get_by_text("pictures in").wait_for(timeout=120_000)
        began = time.perf_counter()
        page.goto(f"{address}/run/run/create")
        page.get_by_text("pictures in").wait_for()
        print(f"first pictures after load: {1000 * (time.perf_counter() - began):.0f} ms")
        told("key to 16 painted", [page.evaluate(PAINTED, ["r", False, 16]) for _ in range(options.rounds)])
        page.goto(f"{address}/run/run/steer")
        page.get_by_role("button", name="Tile 9").wait_for(timeout=120_000)
        page.wait_for_timeout(500)
        chance = random.Random(1)
        times = [page.evaluate(PAINTED, [str(chance.randint(1, 9)), False, 9]) for _ in range(options.rounds)]
        told("pick to the next nine painted", times)
        if options.text:
            body = {"prompt": "", "n": 1, "options": {"length": 100}}
            given = [f"{address}/api/runs/text/generate", body]
            page.evaluate(FIRST, given)
            told("first piece of text", [page.evaluate(FIRST, given) for _ in range(options.rounds)])


def people(options: argparse.Namespace, runs: Path) -> None:
    """Everybody asks for 16 samples, waits for them, thinks, and asks again."""
    with studio(runs) as running:
        running.rows("/api/runs/run/generate", {"n": 16})
        times, failures, end = [], [], time.monotonic() + options.seconds

        def one(number: int) -> None:
            chance = random.Random(number)
            while time.monotonic() < end:
                seed, began = chance.randrange(2**30), time.perf_counter()
                try:
                    (answer,) = running.rows("/api/runs/run/generate", {"n": 16, "seed": seed})
                    assert answer["samples"][0]["seed"] == seed
                    times.append(1000 * (time.perf_counter() - began))
                except Exception as error:
                    failures.append(error)
                time.sleep(chance.uniform(0, 2 * options.think))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(options.people)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told(f"{options.people} people, each thinking {options.think:g} s", times)
        print(f"failed: {len(failures)}")


def kills(options: argparse.Namespace, runs: Path) -> None:
    """The server is killed at a random time while a fit is at work and thumbs come in; the worker too, now and then."""
    from tfgen.feedback.store import open_store

    chance, acknowledged, lost_workers = random.Random(3), [], 0
    environment = {"TF_NUM_INTRAOP_THREADS": "1"}
    with studio(runs, **environment) as running:
        running.api("/api/fit", {"data": "digits", "model": "vae", "minutes": 0.2, "name": "run"})
        finished(running, 600)
    began = time.monotonic()
    for number in range(options.kills):
        with studio(runs, **environment) as running:
            if number % 10 == 0:
                name = f"fit-{number}"
                running.api("/api/fit", {"data": "digits", "model": "vae", "minutes": 0.3, "name": name})
            samples = running.rows("/api/runs/run/generate", {"n": 16, "seed": number})[-1]["samples"]
            stop = time.monotonic() + chance.uniform(0, 2)
            done = threading.Event()

            def speak() -> None:
                place = 0
                while not done.is_set():
                    key = f"{number}-{place}"
                    body = {"kind": "thumb", "records": [samples[place % 16]["record"]], "payload": {"value": 1}}
                    try:
                        acknowledged.append(running.api("/api/feedback", {**body, "key": key})["event"])
                    except Exception:
                        return
                    place += 1

            threads = [threading.Thread(target=speak) for _ in range(2)]
            for thread in threads:
                thread.start()
            time.sleep(max(0.0, stop - time.monotonic()))
            job = running.api("/api/jobs")["jobs"][0]
            running.kill()
            done.set()
            for thread in threads:
                thread.join()
            pid = runs / ".studio" / "jobs" / job["id"] / "pid"
            if job["status"] == "running" and number % 3 == 0 and pid.exists():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid.read_text()), signal.SIGKILL)
                    lost_workers += 1
    with studio(runs, **environment) as running:
        jobs = finished(running, 1800)
    with open_store(str(runs / "feedback.db")) as store:
        kept = [event.id for event in store.events(run="run")]
    print(f"{options.kills} kills of the server and {lost_workers} of workers in {time.monotonic() - began:.0f} s")
    print(f"feedback: {len(set(acknowledged))} acknowledged, {len(set(acknowledged) - set(kept))} lost")
    print(f"twice: {len(kept) - len(set(kept))}; jobs: {[(job['run'], job['status']) for job in jobs]}")


def finished(running, seconds: float) -> list[dict]:
    """The jobs, once none is at work."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        jobs = running.api("/api/jobs")["jobs"]
        if not any(job["status"] in ("waiting", "running") for job in jobs):
            return jobs
        time.sleep(0.5)
    raise SystemExit("jobs take too long")


def fuzz(options: argparse.Namespace, runs: Path) -> None:
    """Malformed requests: every one is answered, by no 500."""
    from tests.studio.fuzz import malformed

    counts: dict[int, int] = {}
    with studio(runs) as running:
        for path, body in malformed(options.requests, ["run"]):
            status, _, content = running.ask("POST", path, body)
            counts[status] = counts.get(status, 0) + 1
            if status not in (200, 400, 404):
                print(path, body[:200], status, content[:200])
        running.api("/api/home")
    print(counts)


if __name__ == "__main__":
    main()
