"""Who is let in, and from where: asked of the middleware itself, with an application behind it that says who came."""

import asyncio
import json

import pytest

from tfgen.errors import UserError
from tfgen.studio import people
from tfgen.studio.gate import Gate
from tfgen.studio.people import COOKIE, People, add_user, check_password, hashed, read_users

HOSTS = ("localhost", "127.0.0.1", "::1")


async def inside(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps({"who": scope["who"]}).encode()})


def ask(who, method="GET", path="/api/home", **headers):
    """Status, headers and what was answered."""
    given = {"host": "localhost:8600", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http", "method": method, "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items() if value is not None],
    }
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(Gate(inside, who, HOSTS)(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


OPEN, TOKEN = People(secret=b"s"), People(token="a-long-token", secret=b"s")


@pytest.mark.parametrize("host", ["localhost:8600", "127.0.0.1", "[::1]:8600", "LOCALHOST:1", "192.168.7.9:8600"])
def test_the_studios_own_names_are_let_in(host):
    assert ask(OPEN, host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example:8600", "localhost.evil.example", "127.0.0.1.nip.io", "", None, "1.2.3"])
def test_a_name_that_was_pointed_here_is_turned_away(host):
    status, _, said = ask(OPEN, host=host)
    assert status == 403 and "not called that" in said["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a form of another page
        {"x_tfgen": "1", "origin": "http://evil.example"},
        {"x_tfgen": "1", "origin": "null"},
        {"x_tfgen": "1", "origin": "http://localhost:8601"},
        {"x_tfgen": "1", "sec_fetch_site": "cross-site"},
        {"x_tfgen": "0"},
    ],
)
def test_another_page_can_change_nothing(headers):
    assert ask(OPEN, "POST", **headers)[0] == 403


def test_its_own_page_can():
    status, _, said = ask(OPEN, "POST", x_tfgen="1", origin="http://localhost:8600", sec_fetch_site="same-origin")
    assert status == 200 and said["who"]


def test_every_answer_forbids_what_the_page_does_not_need():
    for who, host in ((OPEN, "localhost"), (OPEN, "evil.example")):
        headers = ask(who, host=host)[1]
        policy = headers[b"content-security-policy"].decode()
        assert "default-src 'none'" in policy and "unsafe" not in policy and "script-src 'self';" in policy
        assert headers[b"x-content-type-options"] == b"nosniff"


def test_without_a_cookie_nothing_is_told():
    assert ask(TOKEN)[0] == 401
    assert ask(TOKEN, path="/api/me") == (200, ask(TOKEN, path="/api/me")[1], {"who": None})
    assert ask(TOKEN, path="/run/digits/create")[0] == 200, "the page itself holds nothing of anyone's"


def test_a_cookie_says_who_one_is_until_it_is_changed_or_old(monkeypatch):
    value = TOKEN.enter("Ada", "a-long-token")
    assert ask(TOKEN, cookie=f"other=1; {COOKIE}={value}")[2]["who"].startswith("Ada-")
    for changed in (value[:-1], value[1:], value.replace(".", "..", 1), "", "a.b.c", f"{value}x", "ü"):
        assert ask(TOKEN, cookie=f"{COOKIE}={changed}")[0] == 401, changed
    assert ask(People(token="a-long-token", secret=b"other"), cookie=f"{COOKIE}={value}")[0] == 401
    assert ask(People(token="another-token", secret=b"s"), cookie=f"{COOKIE}={value}")[0] == 401
    now = people.time.time()
    monkeypatch.setattr(people.time, "time", lambda: now + 31 * 86400)
    assert ask(TOKEN, cookie=f"{COOKIE}={value}")[0] == 401


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "guest", "Zoë", "名前", "a.b-c d"])
def test_whatever_one_is_called_the_cookie_is_taken_as_it_is(name):
    value = TOKEN.enter(name, "a-long-token")
    assert set(value) <= set("0123456789abcdef.")  # nothing that a server or a browser would put into quotes
    assert ask(TOKEN, cookie=f"{COOKIE}={value}")[2]["who"].startswith(f"{name or 'guest'}-")
    assert TOKEN.enter(name, "a-long-token") != value, "two who say the same name are two people"


def test_users_have_passwords_of_which_only_a_hash_is_kept(tmp_path):
    path = tmp_path / "people.txt"
    add_user(path, "ada", "correct horse")
    add_user(path, "bob", "battery staple")
    assert "horse" not in path.read_text() and path.stat().st_mode & 0o077 == 0
    door = People(users=read_users(path), secret=b"s")
    assert door.who(door.enter("ada", "correct horse")) == "ada"
    for name, password in (("ada", "battery staple"), ("eve", "correct horse"), ("ada", ""), ("", "")):
        with pytest.raises(UserError, match="name or the password"):
            door.enter(name, password)


def test_a_new_password_ends_what_was_signed_in_before(tmp_path):
    path = tmp_path / "people.txt"
    add_user(path, "ada", "correct horse")
    cookie = People(users=read_users(path), secret=b"s").enter("ada", "correct horse")
    add_user(path, "ada", "battery staple")
    assert People(users=read_users(path), secret=b"s").who(cookie) is None


def test_guessing_is_slowed_down():
    door = People(token="a-long-token", secret=b"s")
    for _ in range(people._TRIES):
        with pytest.raises(UserError, match="token is wrong"):
            door.enter("eve", "guess", "10.0.0.7")
    with pytest.raises(UserError, match="Too many"):
        door.enter("eve", "a-long-token", "10.0.0.7")
    assert door.enter("ada", "a-long-token", "10.0.0.8"), "who guesses locks out nobody else"


@pytest.mark.parametrize(("name", "password"), [("a:b", "long enough"), ("", "long enough"), ("ada", "short")])
def test_names_and_passwords_that_cannot_be(tmp_path, name, password):
    with pytest.raises(UserError):
        add_user(tmp_path / "people.txt", name, password)


@pytest.mark.parametrize("content", ["", "nonsense", "ada:x\nnonsense"])
def test_a_file_that_is_none_of_users(tmp_path, content):
    path = tmp_path / "people.txt"
    path.write_text(content)
    with pytest.raises(UserError, match="add-user"):
        read_users(path)


def test_hashes_differ_though_passwords_are_alike():
    first, second = hashed("the same password"), hashed("the same password")
    assert first != second and check_password("the same password", first) and not check_password("other", first)
