"""The whole loop in a real browser: each step is checked by what the page shows.

Where TFGEN_SCREENSHOTS names a folder, pictures of the views go there, as docs/images/studio-*.png were made;
TFGEN_SCREENSHOT_MINUTES says how long the run in them is trained.
"""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import fit_run
from tests.studio.running import CHROMIUM, browser, copied, studio

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]
# The place of the brightest tile: what a person picks who likes thick strokes.
BRIGHTEST = """() => {
  const sums = [...document.querySelectorAll('.tiles .tile img')].map(image => {
    const size = { width: image.naturalWidth, height: image.naturalHeight };
    const canvas = Object.assign(document.createElement('canvas'), size);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height).data.reduce((sum, each) => sum + each, 0);
  });
  return sums.indexOf(Math.max(...sums));
}"""


class Visitor:
    """A person at the page."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.hosts, self.errors, self.sizes = set(), [], {}
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2].split(":")[0]))
        page.on("response", self._count)

    def _count(self, answer):
        if answer.url.startswith("http"):
            self.sizes[answer.url] = int(answer.headers.get("content-length", 0))

    def open(self, path="/"):
        self.page.goto(self.address.rstrip("/") + path)

    def sees(self, text, seconds=120):
        from playwright.sync_api import TimeoutError as Late

        try:
            self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)
        except Late:
            raise AssertionError(f"{text!r} is not there; seen: {self.page.inner_text('body')[:2000]}") from None

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def view(self, name):
        self.page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()

    def looks_well(self, name):
        """No rule of accessibility is broken, in light and dark; and a picture for the docs."""
        from axe_playwright_python.sync_playwright import Axe

        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme)
            found = Axe().run(self.page).response["violations"]
            assert not found, [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]
        if os.environ.get("TFGEN_SCREENSHOTS"):
            folder = Path(os.environ["TFGEN_SCREENSHOTS"])
            self.page.screenshot(path=folder / f"studio-{name}.png")

    def press(self, key):
        """Presses a key, and waits until the tiles are others."""
        before = self.page.query_selector(".tile")
        self.page.keyboard.press(key)
        end = time.monotonic() + 120
        while before.evaluate("element => element.isConnected"):
            assert time.monotonic() < end, f"nothing came after {key}"
            time.sleep(0.005)

    def tab_to(self, role, name):
        """Goes to something by the tabulator alone."""
        target = self.page.get_by_role(role, name=name, exact=True).first
        target.wait_for()
        for _ in range(150):
            if target.evaluate("element => element === document.activeElement"):
                return target
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no way to {name!r} by keyboard")

    def enter(self, role, name):
        """Goes to something by the tabulator, and presses Enter there."""
        self.tab_to(role, name)
        self.page.keyboard.press("Enter")


@pytest.fixture
def visit():
    """Opens a page of a studio; the browser closes at the end."""
    import contextlib

    with contextlib.ExitStack() as opened:
        chromium = opened.enter_context(browser())

        def open_page(running, **options):
            context = chromium.new_context(viewport={"width": 1200, "height": 850}, **options)
            context.set_default_timeout(120_000)
            return Visitor(context.new_page(), f"http://localhost:{running.port}/")

        yield open_page


@pytest.fixture
def folder_of_digits(tmp_path):
    """A folder of pictures with a sub-folder for each word."""
    from PIL import Image

    from tfgen.api import open_data

    examples = open_data("digits")
    place = tmp_path / "my digits"
    for number in range(1500):
        path = place / examples.prompts[examples.prompt_index[number]] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(examples.values[number])[..., 0]).save(path)
    return place


def test_from_a_dropped_folder_to_an_export(tmp_path, shared, visit, folder_of_digits):
    runs, minutes = tmp_path / "runs", os.environ.get("TFGEN_SCREENSHOT_MINUTES", "0.5")
    runs.mkdir()
    with studio(runs, TFGEN_CACHE=str(shared / "cache"), TFGEN_WHO="ada") as running:
        me = visit(running)
        page = me.page
        me.open()
        me.sees("Nothing was trained yet")
        me.looks_well("empty")
        with page.expect_file_chooser() as chooser:
            me.button("Choose a folder").click()
        chooser.value.set_files(folder_of_digits)
        me.sees("1500 grey pictures")
        page.get_by_label("Model", exact=True).select_option("gan")
        page.get_by_label("Minutes").fill(minutes)
        me.button("Train").click()
        page.get_by_role("link", name="Watch").click(timeout=240_000)
        me.sees("Samples so far")
        page.reload()
        me.sees("done", 300 + 90 * float(minutes))
        me.looks_well("training")
        page.get_by_role("link", name="tfgen studio").click()
        page.get_by_role("link", name="my-digits-gan").first.click()

        # Prompt, generate, star.
        me.sees("16 pictures in")
        page.get_by_label("Prompt", exact=True).fill("three")
        page.keyboard.press("Control+Enter")
        page.get_by_role("button", name="picture 1, three").wait_for()
        address = page.url
        page.reload()
        page.get_by_role("button", name="picture 1, three").wait_for()
        assert page.url == address and "prompt=three" in address
        me.looks_well("create")
        page.get_by_role("button", name="picture 3, three").click()
        me.button("♥ Like").click()
        me.sees("Liked. Kept. 1 answer on my-digits-gan so far.")
        me.looks_well("sample")
        me.button("Close").click()

        # A tiny run learns as this one does, in less time; in pictures for the docs it goes on. Of 40 sets of
        # answers as below 8 were refused as chance with the run of 80 steps that other tests share, none with this one.
        run, answers = "my-digits-gan", 1
        if not os.environ.get("TFGEN_SCREENSHOTS"):
            run, answers = "digits", 0
            fit_run("gan", runs / run, "digits", 240)
            me.open(f"/run/{run}/create")
            me.sees("16 pictures in")

        # Steer, with a reload in the middle.
        me.view("Steer")
        page.get_by_role("button", name="Tile 9").wait_for(timeout=240_000)
        for number in range(6):
            me.press(str(page.evaluate(BRIGHTEST) + 1))
            if number == 2:
                page.reload()
                me.sees("So far:")
                page.get_by_role("button", name="Tile 9").wait_for()
        me.looks_well("steer")
        page.get_by_label("Name of the preset").fill("thick")
        me.button("Save as preset").click()
        me.sees("Saved as thick.")

        # Pick the best of sixteen, again and again.
        me.view("Create")
        me.sees("16 pictures in")
        for number in range(30):
            me.press("r")
            page.keyboard.press("p")
            page.locator(".tiles .tile").nth(page.evaluate(BRIGHTEST)).click()
            page.keyboard.press("p")
            me.sees(f"Kept. {answers + number + 7} answers on {run} so far.")

        # Learn, compare, go back.
        me.view("Learn")
        me.sees("36 picks")
        me.button("Learn").click()
        page.reload()
        me.sees("v1 is learned", 600)
        me.looks_well("learn")
        me.view("Compare")
        page.get_by_label("Version, against the one before it").select_option("v1")
        page.get_by_label("Pairs").fill("12")
        me.button("Blind: old against new").click()
        for number in range(12):
            me.sees(f"{number + 1} of 12")
            if number == 0:
                me.looks_well("compare")
            if number == 4:
                page.reload()
                me.sees("5 of 12")
            me.press(str(page.evaluate(BRIGHTEST) + 1))
        me.sees("v1 was preferred to base in")
        me.view("Learn")
        me.sees("Side by side and blind, v1 was preferred to base")
        me.button("Use v1" if me.button("Use v1").count() else "Use base").click()
        me.sees("is in use.")

        me.view("Evaluate")
        me.sees("It was not evaluated yet")
        me.looks_well("evaluate")

        # Take it elsewhere.
        me.view("Export")
        me.button("Export").click()
        me.sees("Exported, and compared with the model", 600)
        me.sees("curl http://127.0.0.1:8501")
        me.looks_well("export")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download all").click()
        assert download.value.path().stat().st_size > 10_000
        assert me.hosts == {"localhost"} and me.errors == []


def test_texts_and_talks(served, shared, visit, fit_once):
    chats = shared / "studio-chats.jsonl"
    pairs = [("hello", "hi there"), ("how are you", "fine, thanks"), ("bye", "see you soon")]
    if not chats.exists():
        said = ([("user", one), ("assistant", two)] for one, two in pairs)
        rows = [{"messages": [{"role": role, "content": text} for role, text in turns]} for turns in said]
        chats.write_text("".join(json.dumps(row) + "\n" for row in rows * 60))
    copied(fit_once("gpt", 80, data=chats), served.runs, "helpdesk")
    me = visit(served)
    page = me.page
    me.open("/run/tales/create")
    me.sees("4 texts in")
    me.looks_well("write")
    page.get_by_role("button", name="text 2").click()
    page.get_by_label("The text; change it").fill("It was a dark and stormy night.")
    me.button("Keep my version").click()
    me.sees("Kept. 1 answer on tales so far.")
    me.sees("It was a dark and stormy night.")
    page.get_by_role("button", name="text 1").click()
    me.button("Probabilities").click()
    page.get_by_role("group", name="Tokens, shaded").wait_for()
    text = page.get_by_label("The text; change it")
    text.evaluate("element => element.setSelectionRange(2, 8)")
    me.button("Alternatives for the selection").click()
    page.get_by_role("list", name="Alternatives").get_by_role("button").nth(2).wait_for()
    page.keyboard.press("Escape")
    me.view("Steer")
    page.get_by_role("button", name="Tile 4").wait_for(timeout=240_000)
    me.press("2")
    me.sees("So far:")
    me.looks_well("steer-text")

    me.open("/run/helpdesk/chat")
    page.get_by_role("textbox", name="Message").fill("hello")
    page.keyboard.press("Control+Enter")
    me.button("Correct").wait_for()
    page.get_by_role("button", name="A bad answer").click()
    me.sees("Kept. 1 answer on helpdesk so far.")
    page.reload()
    me.button("Correct").click()
    page.get_by_label("What it should have said").fill("good morning")
    me.button("Keep").click()
    me.sees("Kept. 2 answers on helpdesk so far.")
    page.get_by_role("textbox", name="Message").fill("bye")
    me.button("Send").click()
    me.button("Correct").wait_for()
    me.looks_well("chat")
    assert me.hosts == {"localhost"} and me.errors == []


def test_by_keyboard_alone_and_on_a_phone(served, visit):
    me = visit(served)
    page, keys = me.page, me.page.keyboard
    me.open()
    me.enter("link", "digits")
    me.sees("16 pictures in")
    me.tab_to("combobox", "Prompt")
    keys.type("seven")
    keys.press("Control+Enter")
    page.get_by_role("button", name="picture 1, seven").wait_for()
    me.tab_to("button", page.get_by_role("button", name="picture 1, seven").get_attribute("aria-label"))
    keys.press("ArrowRight")
    keys.press("s")
    me.sees("Kept. 1 answer")
    keys.press("Enter")
    keys.press("4")
    me.sees("Kept. 2 answers")
    keys.press("Escape")
    keys.press("]")
    page.get_by_role("button", name="Tile 9").wait_for(timeout=240_000)
    for key in ("3", "n", "s", "u", "5", "1"):
        me.press(key)
    keys.press("t")
    keys.press("2")
    keys.press("4")
    me.press("Control+Enter")
    me.tab_to("textbox", "Name of the preset")
    keys.type("mine")
    keys.press("Enter")
    me.sees("Saved as mine.")
    keys.press("Escape")
    page.locator("main").focus()
    keys.press("]")
    me.enter("button", "Which is better?")
    me.sees("1 of 20")
    me.press("ArrowLeft")
    me.press("=")
    me.sees("3 of 20")
    keys.press("?")
    page.get_by_role("dialog", name="Keys").wait_for()
    me.looks_well("keys")
    keys.press("Escape")
    keys.press("h")
    me.sees("A new model")
    for name in ("Take what comes with tfgen", "digits"):
        me.enter("button", name)
    me.tab_to("spinbutton", "Minutes")
    keys.press("Control+A")
    keys.type("3")
    me.enter("button", "Train")
    me.sees("is being trained")
    me.enter("button", "Stop")
    me.sees("stopped")
    me.enter("link", "digits")
    me.sees("16 pictures in")
    views = ("Steer digits", "Compare samples", "What digits can learn", "How good is", "Why does", "Take digits")
    for heading in views:
        keys.press("]")
        page.get_by_role("heading", name=heading).wait_for()
    me.tab_to("checkbox", "TFLite, half as large")
    keys.press("Space")
    me.enter("button", "Export")
    me.sees("It is being exported")
    me.enter("button", "Stop")
    me.sees("stopped")

    page.set_viewport_size({"width": 360, "height": 740})
    for view in ("create", "steer", "compare", "learn", "report", "explain", "export", "progress"):
        me.open(f"/run/digits/{view}")
        page.get_by_role("heading", level=1).wait_for()
        time.sleep(0.5)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
        buttons = page.locator("main button").all()
        heights = [each.bounding_box()["height"] for each in buttons if each.is_visible()]
        assert min(heights, default=44) >= 40, view
    assert me.errors == []


def test_what_is_said_while_the_studio_is_away_is_kept(tmp_path, shared, visit, gan_run):
    from tfgen.feedback.store import open_store

    runs = tmp_path / "runs"
    copied(gan_run, runs, "digits")
    environment = {"TFGEN_CACHE": str(shared / "cache"), "TFGEN_WHO": "ada"}
    with studio(runs, **environment) as running:
        me = visit(running)
        me.open("/run/digits/create?prompt=two")
        me.sees("16 pictures in")
        port = running.port
        running.kill()
        me.page.get_by_role("button", name="picture 1, two").focus()
        me.page.keyboard.press("s")
        me.sees("What you said is kept here")
        assert len(me.page.evaluate("Object.keys(localStorage)")) > 0
    with studio(runs, "--port", port, **environment):
        end = time.monotonic() + 120  # without a reload
        events = []
        while not events and time.monotonic() < end:
            with open_store(str(runs / "feedback.db")) as store:
                events = store.events(run="digits")
            time.sleep(0.2)
        assert [event.kind for event in events] == ["thumb"]


DROP = """([selector, name, content]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(content), each => each.charCodeAt(0))], name));
  const event = new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.querySelector(selector).dispatchEvent(event);
}"""


def test_files_are_dropped(served, visit):
    import base64

    (answer,) = served.rows("/api/runs/digits/generate", {"prompt": "four", "n": 1, "seed": 77})
    content = served.ask("POST", "/api/runs/digits/download", {"records": [answer["samples"][0]["record"]]})[2]
    me = visit(served)
    me.open()
    me.sees("A new model")
    me.page.evaluate(DROP, ["main", "digits-four.png", base64.b64encode(content).decode()])
    me.page.get_by_role("button", name="picture 1, four, seed 77").wait_for()
    me.open()
    me.sees("A new model")
    text = base64.b64encode(b"The fox crossed the river, and nobody saw it.\n" * 400).decode()
    me.page.evaluate(DROP, [".drop", "tales.txt", text])
    me.sees("tales.txt: 1 document")
    assert me.errors == []


def test_the_page_is_small(served, visit):
    me = visit(served)
    me.open("/run/digits/create")
    me.sees("16 pictures in")
    files = {url: size for url, size in me.sizes.items() if "/api/" not in url}
    assert len(me.sizes) <= 10 and sum(files.values()) < 100_000, me.sizes


def test_a_password_is_asked_for(tmp_path, visit, gan_run, shared):
    from tfgen.studio.people import add_user

    runs, users = tmp_path / "runs", tmp_path / "people.txt"
    copied(gan_run, runs, "digits")
    add_user(users, "ada", "correct horse")
    with studio(runs, "--users", users, TFGEN_CACHE=str(shared / "cache")) as running:
        me = visit(running)
        me.open("/run/digits/learn")
        page = me.page
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("wrong horse")
        me.button("Sign in").click()
        me.sees("The name or the password is wrong")
        me.looks_well("sign-in")
        page.get_by_label("Password").fill("correct horse")
        me.button("Sign in").click()
        me.sees("What digits can learn from you")
        assert "password" not in page.context.cookies()[0]["value"] and page.evaluate("document.cookie") == ""
