// What all views use: elements, the JSON interface, messages, and feedback that is never lost.

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "html") element.innerHTML = value;  // of the server's own making, escaped there
    else if (name in element && !["list", "form", "role", "type"].includes(name) && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter(each => each !== null && each !== undefined && each !== false));
  return element;
}

// Puts children into an element in place of what was there; what is false or missing is left out.
export const fill = (element, ...children) => element.replaceChildren(...children.flat(3).filter(each => each !== null && each !== undefined && each !== false));

const HEADERS = { "X-Tfgen": "1", "Content-Type": "application/json" };

async function ask(path, body, signal) {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? { signal } : { method: "POST", headers: HEADERS, body: JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Error("The studio doesn't answer. Is it still running?"), { offline: true });
  }
  if (answer.status === 401) document.dispatchEvent(new Event("signed-out"));
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(said.error || `The studio answered ${answer.status}. Try again.`), { status: answer.status });
  }
  return answer;
}

export async function api(path, body, signal) { return (await ask(path, body, signal)).json(); }

export async function* rows(path, body, signal) {
  const reader = (await ask(path, body, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
  for (;;) {
    const { value, done } = await reader.read();
    held += value || "";
    const lines = held.split("\n");
    held = lines.pop();
    for (const line of lines) {
      const row = JSON.parse(line);
      if (row.error) throw new Error(row.error);
      yield row;
    }
    if (done) return;
  }
  } finally { reader.cancel().catch(() => {}); }
}

export async function save(path, body, name) {
  const answer = await ask(path, body);
  const given = /filename\*=utf-8''(.+)/.exec(answer.headers.get("content-disposition") || "");
  const link = h("a", { href: URL.createObjectURL(await answer.blob()), download: given ? decodeURIComponent(given[1]) : name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// One message at a time, which goes by itself or by its cross.
export function say(text, { error = false, action, label } = {}) {
  const place = document.getElementById("messages"), parent = document.querySelector("dialog[open]") || document.body;
  const message = h("div", { className: error ? "message error" : "message" }, h("span", {}, text));
  if (action) message.append(h("button", { type: "button", onclick: () => { message.remove(); action(); } }, label || "Undo"));
  message.append(h("button", { type: "button", "aria-label": "Close the message", onclick: () => message.remove() }, "×"));
  if (place.parentElement !== parent) parent.append(place);  // else it would lie behind the dialog
  place.replaceChildren(message);
  setTimeout(() => message.remove(), action || error ? 12000 : 6000);
}
export const hush = () => document.getElementById("messages").replaceChildren();

// A dialog that is removed when it closes, but for the messages in it.
export function openDialog(dialog) {
  dialog.addEventListener("close", () => { document.body.append(document.getElementById("messages")); dialog.remove(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

export const fail = error => { if (error.name !== "AbortError") say(error.message, { error: true }); };
export const guarded = action => async (...given) => { try { return await action(...given); } catch (error) { fail(error); } };
// As `guarded`; what comes while the first is under way, such as a double click, is dropped.
export const once = action => {
  let busy = false;
  return guarded(async (...given) => {
    given[0]?.preventDefault?.();
    if (busy) return undefined;
    busy = true;
    try { return await action(...given); } finally { busy = false; }
  });
};

// Feedback waits here until the studio has said that it is kept; each has a key, so that twice is once.
const OUTBOX = "tfgen-outbox-";
const person = { name: "" };
export const becomes = name => { person.name = name; flush(); };

export async function react(kind, samples, payload, words) {
  const body = { kind, records: samples.map(each => each.record), payload, key: newKey() };
  localStorage.setItem(OUTBOX + body.key, JSON.stringify({ who: person.name, body }));
  try {
    return await deliver(body, false, words);
  } catch (error) {
    if (isRefused(error)) throw error;
    say("The studio can't take it now. What you said is kept here, and sent when it can.", { error: true });
  }
}

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), each => each.toString(16).padStart(2, "0")).join("");

async function deliver(body, quiet, words) {
  try {
    const said = await api("/api/feedback", body);
    localStorage.removeItem(OUTBOX + body.key);
    if (!quiet) say(words ? `${words} ${said.says}` : said.says, { action: guarded(async () => say((await api("/api/feedback/undo", { event: said.event })).says)) });
    return said;
  } catch (error) {
    if (isRefused(error)) localStorage.removeItem(OUTBOX + body.key);
    throw error;
  }
}

const isRefused = error => [400, 404].includes(error.status);

// Sends what waits, in the name of whoever said it.
export async function flush() {
  for (const key of Object.keys(localStorage).filter(each => each.startsWith(OUTBOX))) {
    const { who, body } = JSON.parse(localStorage.getItem(key) || "{}");
    if (!body || who !== person.name) continue;
    try { await deliver(body, true); } catch (error) { if (!isRefused(error)) return; }
  }
}

export const randomSeed = () => Math.floor(Math.random() * 2 ** 31);
export const number = value => Number.isInteger(value) ? String(value) : Number(value).toPrecision(3);
export const field = (title, input, hint) => {
  input.id ||= `f${field.next = (field.next || 0) + 1}`;
  const parts = [h("label", { htmlFor: input.id }, title), input];
  if (hint) { parts.push(h("span", { className: "small soft", id: `${input.id}-hint` }, hint)); input.setAttribute("aria-describedby", `${input.id}-hint`); }
  return h("div", { className: input.type === "number" ? "field narrow" : "field grow" }, ...parts);
};
export const button = (title, action, properties = {}) => h("button", { type: "button", onclick: once(action), ...properties }, title);

// One sample as a button; what is marked on it is for eyes and ears.
export function tile(sample, { label, onclick, key } = {}) {
  const face = h("span", { html: sample.html });
  face.querySelector("img")?.setAttribute("alt", "");
  // A player can't be used inside a button: the tile plays by itself while it is pointed at or has the focus.
  const sound = face.querySelector("audio");
  sound?.remove();
  const mark = h("span", { className: "mark", "aria-hidden": "true" });
  const told = sample.text === undefined ? label : `${label}: ${sample.text.slice(0, 400)}`;
  const element = h("button", { type: "button", className: "tile", "aria-label": told, onclick },
    key && h("span", { className: "key", "aria-hidden": "true" }, key), face, mark);
  for (const event of sound ? ["pointerenter", "focus"] : []) element.addEventListener(event, () => { sound.currentTime = 0; sound.play().catch(() => {}); });
  for (const event of sound ? ["pointerleave", "blur"] : []) element.addEventListener(event, () => sound.pause());
  return Object.assign(element, { sample, mark: text => { mark.textContent = text; } });
}

const DONE = {
  fit: "Trained. Create with it, or steer it.", tune: "A version was learned; Learn says what it is like.", evaluate: "The report is there, under Evaluate.", explain: "The page is there, under Explain.",
  export: "The files are there, each compared with the model.",
};
const STATUS = { waiting: "waits", running: "at work", finished: "done", stopped: "stopped", failed: "failed" };

// A job as a card; `update` changes it in place, so that the focus stays, until other buttons are due.
export function jobRow(job) {
  const act = verb => async () => { await api(`/api/jobs/${job.id}/${verb}`, {}); document.dispatchEvent(new Event("work")); };
  const name = `${job.title}${job.run ? ` · ${job.run}` : ""}`, kind = shape(job);
  const bar = h("progress", { max: 1, "aria-label": `How far ${name} is` }), says = h("p", { className: job.status === "failed" ? "bad small" : "soft small" });
  const card = h("div", { className: "card" },
    h("div", { className: "row middle" }, h("strong", { className: "grow" }, name), h("span", { className: job.status === "failed" ? "bad" : "soft" }, STATUS[job.status]),
      job.verb === "fit" && job.step > 0 && !location.pathname.endsWith("/progress") && h("a", { className: "button", href: path(job.run, "progress") }, "Watch"),
      job.verb === "fit" && job.step > 0 && job.status !== "running" && h("a", { className: "button", href: path(job.run, "create") }, "Create with it"),
      ["waiting", "running"].includes(job.status) && button("Stop", act("stop")),
      ["stopped", "failed"].includes(job.status) && button(job.verb === "fit" && job.step ? "Go on" : "Try again", act("resume")),
      !["waiting", "running"].includes(job.status) && button("×", () => { localStorage.setItem(`tfgen-seen-${job.id}`, "1"); card.remove(); document.dispatchEvent(new Event("work")); }, { "aria-label": `Put ${name} away` })),
    job.status === "running" && bar, says);
  card.update = now => {
    if (now.id !== job.id || shape(now) !== kind) return false;
    if (now.steps) bar.value = now.step / now.steps;
    const text = now.status === "finished" ? DONE[now.verb] : now.status === "stopped" ? "Stopped; what it had learned is kept." : now.says || "";
    if (says.textContent !== text) says.textContent = text;
    return true;
  };
  card.update(job);
  return card;
}
const shape = job => `${job.status} ${job.step > 0}`;

export const isSeen = job => localStorage.getItem(`tfgen-seen-${job.id}`);

// Shows jobs in a place, each in its card of before where that will do.
export function showJobs(place, jobs) {
  const cards = [...place.children];
  if (cards.length !== jobs.length || jobs.some((job, at) => !cards[at].update(job))) place.replaceChildren(...jobs.map(jobRow));
}

// Shows the newest job of a kind on a run while it is at work; `done` is called when it has ended well.
export function watch(run, verb, place, isCurrent, done) {
  let before = null;
  const news = event => {
    if (!isCurrent()) return;
    const job = event.detail.find(each => each.run === run && each.verb === verb);
    const isBusy = job && ["waiting", "running"].includes(job.status);
    showJobs(place, isBusy || job && ["failed", "stopped"].includes(job.status) && !isSeen(job) ? [job] : []);
    if (before === "busy" && job?.status === "finished") done(job);
    before = isBusy ? "busy" : "idle";
  };
  document.addEventListener("jobs", news);
  document.dispatchEvent(new Event("work"));
  return () => document.removeEventListener("jobs", news);
}

// Where the losses go, one line for each; drawn small, since the numbers stand beside it.
export function curves(rows) {
  const names = Object.keys(rows[0] || {}).filter(each => !["step", "seconds", "steps_per_second"].includes(each)).slice(0, 5);
  if (rows.length < 2 || !names.length) return h("p", { className: "soft" }, "The curves of the losses come with the first steps.");
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("class", "curve"); drawing.setAttribute("viewBox", "0 0 100 100"); drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("role", "img"); drawing.setAttribute("aria-label", `Losses over ${rows.at(-1).step} steps`);
  const last = rows.at(-1).step || 1;
  names.forEach((name, place) => {
    const values = rows.map(row => row[name]).filter(Number.isFinite);
    const low = Math.min(...values), high = Math.max(...values);
    const points = rows.filter(row => Number.isFinite(row[name])).map(row => `${(100 * row.step / last).toFixed(2)} ${(95 - 90 * (row[name] - low) / (high - low || 1)).toFixed(2)}`);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", `M${points.join("L")}`); path.setAttribute("class", `c${place}`);
    drawing.append(path);
  });
  const legend = names.map((name, place) => h("span", { className: "small" }, h("span", { className: `t${place}`, "aria-hidden": "true" }, "— "), `${name.replaceAll("_", " ")} ${number(rows.at(-1)[name])}  `));
  return h("div", {}, drawing, h("p", {}, ...legend));
}

export const query = values => {
  const text = new URLSearchParams(Object.entries(values).filter(([, each]) => each !== undefined && each !== "" && each !== null)).toString();
  return text ? `?${text}` : "";
};
export const path = (run, view, values = {}) => `/run/${encodeURIComponent(run)}/${view}${query(values)}`;

export const isTyping = event => event.target.closest?.("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable=true]");
