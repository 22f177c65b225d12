"""A real studio, spoken to as its page does, and as strangers do."""

import io
import json
import threading
import zipfile

import pytest

import tfgen
from tests.studio.fuzz import malformed
from tests.studio.running import studio
from tfgen import files
from tfgen.feedback.store import open_store


def records(rows):
    return [each["record"] for each in rows[-1]["samples"]]


def make(served, run="digits", headers=None, **body):
    return served.rows(f"/api/runs/{run}/generate", body, headers)


def test_home_and_a_run_say_what_there_is(served):
    assert {run["name"] for run in served.api("/api/home")["runs"]} == {"digits", "tales"}
    facts = served.api("/api/runs/digits")
    assert "seven" in facts["known"] and not facts["streams"] and facts["singular"] == "picture"
    assert {each["name"] for each in facts["controls"]} == {"truncation", "reject"}
    assert served.api("/api/runs/tales")["streams"]
    assert len(served.api("/api/runs/digits/history")["rows"]) > 0


def test_samples_are_those_of_generate(served, runs, tmp_path):
    from tfgen.api import load

    (answer,) = make(served, prompt="seven", n=3, seed=5)
    content = served.ask("POST", "/api/runs/digits/download", {"records": records([answer])})[2]
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        made = sorted(files.namelist())
        content = files.read(made[0])
    assert len(made) == 3
    (tmp_path / "x.png").write_bytes(content)
    assert tfgen.verify(tmp_path / "x.png").claims == "generated"
    said = json.loads(served.ask("POST", "/api/settings-of?name=x.png", content)[2])
    assert said["run"] == "digits" and said["prompt"] == "seven" and said["seed"] in (5, 6, 7)
    from PIL import Image
    import numpy as np

    own = load(runs / "digits").generate("seven", n=1, seed=said["seed"])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), own[0][..., 0])


def test_text_comes_in_pieces_that_make_up_the_samples(served):
    rows = make(served, "tales", prompt="", n=2, seed=1, options={"length": 30}, tokens=True)
    texts = ["", ""]
    for row in rows[:-1]:
        texts[row["piece"][0]] += row["piece"][1]
    assert [each["text"] for each in rows[-1]["samples"]] == texts
    assert "".join(token for token, _ in rows[-1]["samples"][0]["tokens"]).startswith(texts[0][:5])


def test_what_is_said_is_in_the_store_once_and_can_be_taken_back(served):
    (answer,) = make(served, prompt="two", n=4, seed=9)
    body = {"kind": "pick", "records": records([answer]), "payload": {"picked": [2]}, "key": "k1"}
    first, again = served.api("/api/feedback", body), served.api("/api/feedback", body)
    assert first["event"] == again["event"]
    with open_store(str(served.runs / "feedback.db")) as store:
        (event,) = [each for each in store.events(run="digits") if each.id == first["event"]]
        assert event.who == "ada" and event.picked == (2,)
        assert store.samples(event.shown)[event.shown[2]].seed == 11
    served.api("/api/feedback/undo", {"event": first["event"]})
    with open_store(str(served.runs / "feedback.db")) as store:
        assert first["event"] not in [each.id for each in store.events(run="digits")]


def test_variations_are_like_what_they_are_of_and_can_be_downloaded(served):
    import numpy as np
    from PIL import Image

    (answer,) = make(served, prompt="three", n=2, seed=20)
    own, other = records([answer])
    varied = served.api("/api/runs/digits/variations", {"record": own, "n": 6})["samples"]
    assert len({each["id"] for each in varied}) == 6
    every = [own, other, *[each["record"] for each in varied]]
    content = served.ask("POST", "/api/runs/digits/download", {"records": every})[2]
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        opened = {name.split("/")[1][:32]: Image.open(files.open(name)) for name in files.namelist()}
        pictures = {id: np.asarray(image, float) for id, image in opened.items()}
    first, second = (pictures[each["id"]] for each in answer["samples"])
    apart = np.mean([np.abs(pictures[each["id"]] - first).mean() for each in varied])
    assert 0 < apart < np.abs(second - first).mean() * 1.5


@pytest.mark.slow
def test_steering_goes_on_after_the_studio_was_killed(runs, tmp_path, shared):
    folder = tmp_path / "runs"
    copied_run(runs, folder)
    environment = {"TFGEN_CACHE": str(shared / "cache"), "TFGEN_WHO": "ada"}
    with studio(folder, **environment) as running:
        state = running.api("/api/runs/digits/steer", {"prompt": "six", "k": 4, "seed": 3})
        for pick in (1, 0, 2):
            body = {"round": state["round"], "do": "pick", "picked": [pick]}
            state = running.api(f"/api/runs/digits/steer/{state['session']}", body)
        late = running.api(f"/api/runs/digits/steer/{state['session']}", {"round": 1, "do": "pick", "picked": [0]})
        assert late["late"] and late["round"] == 3
        running.kill()
    with studio(folder, **environment) as running:
        again = running.api("/api/runs/digits/steer", {"session": state["session"]})
        assert [each["id"] for each in again["tiles"]] == [each["id"] for each in state["tiles"]]
        back = running.api(f"/api/runs/digits/steer/{state['session']}", {"do": "undo"})
        assert back["round"] == 2
        saved = running.api(f"/api/runs/digits/steer/{state['session']}", {"do": "pick", "picked": [1]})
        saved = running.api(f"/api/runs/digits/steer/{state['session']}", {"do": "save", "name": "mine"})
        assert saved["says"] == "Saved as mine."
        assert running.rows("/api/runs/digits/generate", {"prompt": "six", "n": 1, "version": "mine"})


def copied_run(runs, folder):
    import shutil

    folder.mkdir()
    shutil.copytree(runs / "digits", folder / "digits", ignore=shutil.ignore_patterns(".lock", "versions"))


@pytest.mark.slow
def test_each_sees_their_own_alone(runs, tmp_path, shared):
    from tfgen.studio.people import add_user

    folder, users = tmp_path / "runs", tmp_path / "people.txt"
    copied_run(runs, folder)
    add_user(users, "ada", "correct horse")
    add_user(users, "bob", "battery staple")
    with studio(folder, "--users", users, TFGEN_CACHE=str(shared / "cache")) as running:
        assert running.ask("GET", "/api/home")[0] == 401
        cookies = {}
        for name, password in (("ada", "correct horse"), ("bob", "battery staple")):
            _, headers, _ = running.ask("POST", "/api/login", {"name": name, "password": password})
            assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=strict" in headers["Set-Cookie"]
            cookies[name] = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        state = running.api("/api/runs/digits/steer", {"prompt": "six", "k": 4}, cookies["ada"])
        pick = {"do": "pick", "picked": [1]}
        state = running.api(f"/api/runs/digits/steer/{state['session']}", pick, cookies["ada"])
        for body in ({"session": state["session"]}, None):
            path = "/api/runs/digits/steer" + ("" if body else f"/{state['session']}")
            assert running.ask("POST", path, body or pick, {**cookies["bob"], "X-Tfgen": "1"})[0] == 404
        (answer,) = make(running, headers=cookies["ada"], prompt="two", n=2)
        thumb = {"kind": "thumb", "records": records([answer])[:1], "payload": {"value": 1}}
        said = running.api("/api/feedback", thumb, cookies["ada"])
        bobs = {**cookies["bob"], "X-Tfgen": "1"}
        assert running.ask("POST", "/api/feedback/undo", {"event": said["event"]}, bobs)[0] == 404
        assert len(running.api("/api/runs/digits/feedback", headers=cookies["ada"])["newest"]) == 2
        assert running.api("/api/runs/digits/feedback", headers=cookies["bob"])["newest"] == []


def test_nothing_can_be_said_of_what_was_never_made(served):
    (answer,) = make(served, prompt="two", n=2)
    own, other = records([answer])
    mixed = f"{other[:32]}{own[32:]}"
    for forged in (own.replace('"seed": 0', '"seed": 1'), own.partition(".")[2], mixed, "", 5, None):
        body = {"kind": "thumb", "records": [forged], "payload": {"value": 1}}
        status, _, content = served.ask("POST", "/api/feedback", body)
        assert status == 400 and b"shown here" in content


def test_what_would_take_too_long_is_refused(served):
    cells = "{" + "|".join(["one", "two", "three", "four"]) + "}"
    for path, body in (
        ("digits/generate", {"prompt": cells, "template": True, "n": 300}),
        ("digits/generate", {"prompt": "one", "n": 2000}),
        ("tales/generate", {"n": 200, "options": {"length": 2000}}),
        ("tales/generate", {"n": 1, "options": {"length": 10**6}}),
        ("tales/steer", {"options": {"length": 10**6}}),
        ("tales/compare", {"n": 1000}),
    ):
        status, _, content = served.ask("POST", f"/api/runs/{path}", body)
        assert status == 400, (path, body, status, content[:200])


def test_answers_at_once_count_once(served):
    series = served.api("/api/runs/digits/compare", {"n": 5, "prompt": "four"})
    before = len(served.api("/api/runs/digits/feedback")["newest"])
    body = {"place": 0, "picked": [0]}
    threads = [threading.Thread(target=served.api, args=(f"/api/comparisons/{series['id']}", body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served.api(f"/api/comparisons/{series['id']}")["place"] == 1
    assert len(served.api("/api/runs/digits/feedback")["newest"]) == min(before + 1, 30)


def test_a_comparison_tells_nothing_of_which_is_which(served):
    series = served.api("/api/runs/digits/compare", {"n": 3, "prompt": "four"})
    assert all(each.keys() == {"html"} for each in series["tiles"])
    for place in range(3):
        again = served.api(f"/api/comparisons/{series['id']}", {"place": place, "picked": [0]})
        assert served.api(f"/api/comparisons/{series['id']}", {"place": place, "picked": [1]}) == again
    assert again["place"] == again["of"] == 3


def test_nobody_is_told_to_type_a_command(served):
    for path, body in (
        ("tales/steer/x", {"do": "pick"}),
        ("digits/generate", {"prompt": "seven", "n": 2, "best_of": 4}),
        ("digits/compare", {"blind": True}),
        ("digits/tune", {}),
        ("digits/revert", {}),
        ("tales/chat", {"turns": [{"role": "user", "content": "hi"}]}),
        ("digits/generate", {"n": -1}),
    ):
        status, _, content = served.ask("POST", f"/api/runs/{path}", body)
        said = json.loads(content)["error"]
        assert status in (400, 404) and "tfgen " not in said and "--" not in said, said
    header = json.dumps({"name": "my notes.txt", "size": 5, "only": True}).encode() + b"\n"
    said = json.loads(served.ask("POST", "/api/uploads?name=my%20notes.txt", header + b"hello")[2])["error"]
    assert "my notes.txt" in said and ".studio" not in said


def test_removing_can_be_taken_back(served):
    removed = served.api("/api/runs/tales/remove", {})["removed"]
    home = served.api("/api/home")
    assert [run["name"] for run in home["runs"]] == ["digits"] and home["removed"] == [removed]
    served.api(f"/api/runs/{removed}/restore", {})
    assert len(served.api("/api/home")["runs"]) == 2
    with files.locked(served.runs / "tales"):  # as a fit in a terminal has it
        assert served.ask("POST", "/api/runs/tales/remove", {})[0] == 400


PATHS = ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/x", "....//", "/etc/passwd", "..\\..\\x", "%00",
         ".studio", ".studio%2fsecret", "digits%2f..%2f..", "digits@v9", "C:\\x", "file:///etc/passwd", "a" * 5000]


@pytest.mark.parametrize("place", ["/api/runs/{}", "/api/runs/{}/sheet", "/api/runs/{}/explanation", "/static/1/{}",
                                   "/api/comparisons/{}", "/api/runs/{}/export.zip", "/api/runs/{}/history"])
def test_no_name_leads_to_a_file(served, place):
    for name in PATHS:
        for variant in (name, f"x/{name}", f"{name}/x"):
            path = place.format(variant).replace("\\", "%5c")
            status, _, content = served.ask("GET", path)
            assert status in (400, 404) or status == 200 and b"<title>tfgen studio" in content, (path, status)
            assert b"root:" not in content


@pytest.mark.slow
def test_malformed_requests_get_sentences(served):
    for path, body in malformed(400, ["digits", "tales"]):
        status, _, content = served.ask("POST", path, body)
        assert status in (200, 400, 404), (path, body[:300], status, content[:300])
        if status != 200:
            said = json.loads(content)["error"]
            assert len(said.split()) > 4 and "Traceback" not in said, said
            assert str(served.runs) not in said
    assert served.api("/api/home")


def test_many_at_once(served):
    failures = []

    def one(number):
        try:
            for turn in range(5):
                (answer,) = make(served, prompt="one", n=4, seed=number * 100 + turn)
                first = number * 100 + turn
                assert [each["seed"] for each in answer["samples"]] == list(range(first, first + 4))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize(("count", "settings"), [(12, {"gan": {"batch_size": 6}, "vae": {"batch_size": 6}}), (3, {})])
def test_few_pictures_are_learned_in_small_batches_or_not_at_all(served, tmp_path, count, settings):
    import numpy as np

    np.save(tmp_path / "few.npy", np.random.default_rng(0).integers(0, 255, [count, 12, 12], np.uint8))
    content = (tmp_path / "few.npy").read_bytes()
    header = json.dumps({"name": "few.npy", "size": len(content), "only": True}).encode() + b"\n"
    seen = json.loads(served.ask("POST", "/api/uploads?name=few.npy", header + content)[2])
    assert seen["count"] == count and seen["models"] == list(settings)
    kept = json.loads((served.runs / ".studio" / "uploads" / seen["upload"] / "upload.json").read_text())
    assert kept["settings"] == settings


@pytest.mark.slow
def test_a_fit_from_what_was_dropped(served, digits):
    content = digits.read_bytes()
    header = json.dumps({"name": "digits.npz", "size": len(content), "only": True}).encode() + b"\n"
    status, _, answer = served.ask("POST", "/api/uploads?name=digits.npz", header + content)
    seen = json.loads(answer)
    assert status == 200 and seen["count"] == 2000 and {"gan", "vae"} <= set(seen["models"]), answer
    assert "digits.npz" in seen["says"][0]
    asked = {"upload": seen["upload"], "model": "vae", "minutes": 0.2, "name": "mine", "private": 8}
    job = served.api("/api/fit", asked)
    assert job["run"] == "mine" and job["status"] in ("waiting", "running")
    wait_for_newest(served)
    assert make(served, "mine", prompt="two", n=2)[-1]["samples"]
    assert served.api("/api/runs/mine")["privacy"].startswith("Private: epsilon 8, delta ")


def wait_for_newest(served):
    """Until the job that was added last is finished."""
    import time

    end = time.monotonic() + 600
    while (status := served.api("/api/jobs")["jobs"][0])["status"] in ("waiting", "running"):
        assert time.monotonic() < end, status
        time.sleep(0.5)
    assert status["status"] == "finished", status


@pytest.mark.slow
def test_a_run_is_explained(served):
    assert served.ask("GET", "/api/runs/tales/explanation")[0] == 404
    assert not served.api("/api/runs/tales")["has_explanation"]
    assert served.api("/api/runs/tales/explain", {"prompt": "Once upon"})["verb"] == "explain"
    wait_for_newest(served)
    status, headers, page = served.ask("GET", "/api/runs/tales/explanation")
    assert status == 200 and b"Once upon" in page and headers["content-security-policy"].startswith("sandbox;")
    assert served.api("/api/runs/tales")["has_explanation"]


@pytest.mark.parametrize("epsilon", [0, -1, 1000, "three"])
def test_privacy_that_is_none_is_refused(served, epsilon):
    status, _, answer = served.ask("POST", "/api/fit", {"data": "digits", "model": "vae", "private": epsilon})
    assert status == 400 and b"Traceback" not in answer, answer


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--users", "nowhere.txt"), "can't be read"),
        (("--token", "short"), "too short"),
        (("nosuch",), "no run"),
        (("--add-user", "ada"), "No file of users"),
    ],
)
def test_what_cannot_be_is_said_at_once(command, arguments, says):
    result = command("studio", "--no-browser", *arguments)
    assert result.exit_code == 2 and says in result.stderr


def test_from_elsewhere_a_token_is_needed(runs, shared):
    with studio(runs, "--host", "0.0.0.0", TFGEN_CACHE=str(shared / "cache")) as running:
        token = running.address.partition("#token=")[2]
        assert len(token) > 15
        assert running.ask("GET", "/api/home")[0] == 401
        _, headers, _ = running.ask("POST", "/api/login", {"name": "Ada", "password": token})
        cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
        assert running.api("/api/me", headers=cookie)["who"].startswith("Ada-")
        assert running.api("/api/home", headers=cookie)["runs"]
