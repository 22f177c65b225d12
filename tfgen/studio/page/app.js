// The frame around the views: who one is, which run, which view; addresses, keys, and jobs that are at work.
import { api, becomes, button, fail, flush, guarded, h, hush, isTyping, openDialog, path, query, say } from "./core.js";

const VIEWS = {
  create: ["Create", "./create.js"], steer: ["Steer", "./steer.js"], chat: ["Chat", "./chat.js"], compare: ["Compare", "./compare.js"],
  learn: ["Learn", "./learn.js"], report: ["Evaluate", "./ship.js"], explain: ["Explain", "./ship.js"], export: ["Export", "./ship.js"], progress: ["Training", "./home.js"],
};
const GLOBAL_KEYS = [["?", "these keys"], ["[ and ]", "the view before, the next one"], ["h", "all runs"]];
const main = document.getElementById("main"), top_ = document.getElementById("top");
let me = null, current = null, turn = 0, lastRun = null;

function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  return show();
}

// Puts what a view is set to into the address, so that a reload or a copied link shows the same.
// The menu leads back to it too, as long as the tab is open.
function remember(values) {
  history.replaceState(null, "", location.pathname + query(values));
  sessionStorage.setItem(`tfgen-at:${location.pathname}`, query(values));
}

function lastOf(run, view) {
  const before = sessionStorage.getItem(`tfgen-at:${path(run.name, view)}`);
  if (before !== null || view !== "steer" || run.streams || !run.reacts) return path(run.name, view) + (before || "");
  const prompt = new URLSearchParams(sessionStorage.getItem(`tfgen-at:${path(run.name, "create")}`) || "").get("prompt") || "";
  return path(run.name, view, { prompt: run.known.includes(prompt) ? prompt : "" });
}

async function show() {
  const mine = ++turn;
  hush();
  current?.leave?.();
  current = null;
  const [, kind, name, view = "create"] = location.pathname.split("/").map(decodeURIComponent);
  try {
    me ||= await api("/api/me");
    if (!me.who) return signIn();
    becomes(me.who);
    if (kind !== "run") {
      frame(null, "home");
      document.title = "tfgen studio";
      return await enter((await import("./home.js")).home, null, mine);
    }
    const run = await api(`/api/runs/${encodeURIComponent(name)}`);
    if (mine !== turn) return;
    const shown = VIEWS[view] ? view : "create";
    frame(run, shown);
    const module = await import(VIEWS[shown][1]);
    if (mine !== turn) return;
    document.title = `${VIEWS[shown][0]} · ${run.name} · tfgen studio`;
    await enter(module[shown], run, mine);
  } catch (error) {
    if (mine !== turn) return;
    main.replaceChildren(h("h1", {}, "That didn't work"), h("p", {}, error.message), h("a", { href: "/", className: "button" }, "All runs"));
  }
}

// Each view has a place of its own, so that one which comes late changes nothing that is seen.
async function enter(view, run, mine) {
  if (mine !== turn) return;
  const place = h("div");
  main.replaceChildren(place);
  const entered = await view(place, tools(run, mine)) || {};
  if (mine === turn) current = entered; else entered.leave?.();
}

const tools = (run, mine) => ({
  run, go, remember, reload: show, values: Object.fromEntries(new URLSearchParams(location.search)), isCurrent: () => mine === turn,
});

function viewsOf(run) {
  const ready = run.step > 0 || run.status === "finished";
  return Object.keys(VIEWS).filter(view => view === "chat" ? run.chats : ["steer", "compare", "learn"].includes(view) ? ready && run.reacts : view === "progress" || ready);
}

function frame(run, view) {
  lastRun = run;
  const links = run ? viewsOf(run).map(each => h("a", { href: lastOf(run, each), "data-view": each, "aria-current": each === view ? "page" : false }, VIEWS[each][0])) : [];
  top_.replaceChildren(
    h("a", { href: "/", className: "brand" }, "tfgen studio"),
    run ? h("a", { href: path(run.name, "create"), className: "small" }, `${run.name}${run.version === "base" ? "" : ` · ${run.version}`}`) : "",
    h("nav", { "aria-label": "Views" }, ...links),
    h("span", { id: "work", className: "small soft" }),
    h("span", { className: "small soft" }, h("span", { className: "hidden" }, "You are "), me.who),
    me.door !== "open" ? button("Sign out", async () => { await api("/api/logout", {}); me = null; await show(); }) : "",
    button("◐", theme, { "aria-label": "Light or dark", title: "Light or dark" }),
    button("?", keys, { "aria-label": "Keys", title: "Keys" }),
  );
  work();
}

function theme() {
  const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("tfgen-theme", root.dataset.theme);
}

function keys() {
  const list = [...(current?.keys || []), ...GLOBAL_KEYS];
  const letters = h("input", { type: "checkbox", id: "letters", checked: !localStorage.getItem("tfgen-no-letters"), onchange: () => letters.checked ? localStorage.removeItem("tfgen-no-letters") : localStorage.setItem("tfgen-no-letters", "1") });
  const dialog = h("dialog", { "aria-label": "Keys" }, h("h2", {}, "Keys"),
    h("dl", {}, ...list.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("p", {}, h("label", { className: "row middle", htmlFor: "letters" }, letters, "Keys of one letter or digit do something")), button("Close", () => dialog.close()));
  openDialog(dialog);
}

let workTimer;
async function work() {
  clearTimeout(workTimer);
  try {
    const { jobs } = await api("/api/jobs");
    flush();
    const busy = jobs.filter(job => ["waiting", "running"].includes(job.status));
    const place = document.getElementById("work");
    const text = busy.length ? `${busy.length} at work` : "";
    if (place && place.textContent !== text) place.replaceChildren(text && h("a", { href: "/" }, text));
    document.dispatchEvent(new CustomEvent("jobs", { detail: jobs }));
    workTimer = setTimeout(work, busy.length ? 1000 : 5000);
  } catch { workTimer = setTimeout(work, 5000); }
}
document.addEventListener("work", work);

function signIn() {
  top_.replaceChildren(h("span", { className: "brand" }, "tfgen studio"));
  const name = h("input", { autocomplete: "username", required: me.door === "users" });
  const password = h("input", { type: "password", autocomplete: "current-password", required: true });
  const labelled = (title, input) => { input.id = `in-${title.length}`; return h("p", {}, h("label", { htmlFor: input.id }, title), input); };
  const enter = guarded(async event => {
    event.preventDefault();
    await api("/api/login", { name: name.value, password: password.value });
    me = null;
    show();
  });
  main.replaceChildren(h("h1", {}, "Sign in"), h("form", { className: "card", onsubmit: enter },
    labelled(me.door === "users" ? "Name" : "Your name, so that others know whose feedback is whose", name),
    labelled(me.door === "users" ? "Password" : "The token that the studio printed", password), h("button", { className: "main-button" }, "Sign in")));
  name.focus();
}

document.addEventListener("signed-out", () => { me = null; });
addEventListener("popstate", () => { document.querySelectorAll("dialog[open]").forEach(each => each.close()); show(); });
document.addEventListener("click", event => {
  const link = event.target.closest("a[href^='/']");
  if (!link || link.download || link.target || event.ctrlKey || event.metaKey || event.shiftKey || event.button || link.pathname.startsWith("/api/")) return;
  event.preventDefault();
  const view = link.dataset.view;  // the menu leads to where one was
  if (view && me && lastRun) link.setAttribute("href", lastOf(lastRun, view));
  go(link.getAttribute("href")).then(() => main.focus({ preventScroll: true }));
});
document.addEventListener("keydown", event => {
  if (isTyping(event) && !(event.ctrlKey && event.key === "Enter")) return;
  if (event.altKey || (event.ctrlKey || event.metaKey) && event.key !== "Enter") return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key.length === 1 && localStorage.getItem("tfgen-no-letters")) return;
  if (current?.onkey?.(event)) return event.preventDefault();
  if (event.key === "?") keys();
  else if (event.key === "h") go("/");
  else if (event.key === "[" || event.key === "]") {
    const links = [...top_.querySelectorAll("nav a")], at = links.findIndex(link => link.hasAttribute("aria-current"));
    const next = links[at + (event.key === "]" ? 1 : -1)];
    if (next) go(lastOf(lastRun, next.dataset.view));
  } else return;
  event.preventDefault();
});

// A file that tfgen wrote, dropped anywhere but on the card for data, brings its settings back.
addEventListener("dragover", event => event.preventDefault());
addEventListener("drop", guarded(async event => {
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (!file || event.target.closest?.(".drop")) return;
  const answer = await fetch(`/api/settings-of?name=${encodeURIComponent(file.name)}`, { method: "POST", headers: { "X-Tfgen": "1" }, body: file });
  const said = await answer.json();
  if (said.error) throw new Error(said.error);
  const there = (await api("/api/home")).runs.some(run => run.name === said.run);
  if (!there) throw new Error(`The run '${said.run}' that made it is not here.`);
  await go(path(said.run, "create", { prompt: said.prompt, seed: said.seed, version: said.version, n: 1, ...said.settings }));
  say("The settings of the file are back.");
}));

const stored = localStorage.getItem("tfgen-theme");
if (stored) document.documentElement.dataset.theme = stored;
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  history.replaceState(null, "", location.pathname + location.search);
  await api("/api/login", { name: "", password: token }).catch(fail);
}
await show();
