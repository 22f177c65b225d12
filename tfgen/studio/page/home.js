// All runs, a card for a new one, the jobs; and one run while it is trained.
import { api, button, curves, fail, field, fill, guarded, h, isSeen, number, once, path, say, showJobs } from "./core.js";

const started = { finished: "trained", running: "is being trained", stopped: "stopped", failed: "failed", started: "is being trained" };

export async function home(main, { go, isCurrent }) {
  const list = h("div", { className: "cards" }), words = h("p", { className: "soft" }), aside = h("div"), jobs = h("section", { "aria-label": "Jobs" });
  // The cards alone: what is typed below stays.
  const refresh = async () => {
    const { runs, removed } = await api("/api/home");
    words.textContent = runs.length ? "Choose one to make something with it." : "Nothing was trained yet. Begin with data that comes with tfgen, or drop some of your own.";
    list.replaceChildren(...runs.map(run => card(run, refresh)));
    aside.replaceChildren(removed.length ? h("details", { className: "card" }, h("summary", {}, "Removed runs"), h("ul", { className: "plain" }, ...removed.map(name => h("li", { className: "row middle" }, h("span", { className: "grow" }, name), button("Bring back", restore(name, refresh), { "aria-label": `Bring back ${name}` }))))) : "");
  };
  await refresh();
  fill(main, h("h1", {}, "Models"), h("p", {}, "Train a model on pictures, sounds, texts, tables, levels or baskets of your own, make new ones with it, and show it what you like: it learns from that."), words, jobs, list, fresh(go), aside);
  let before = "";
  const news = event => {
    if (!isCurrent()) return;
    const shown = event.detail.filter(job => job.status !== "finished" && !isSeen(job)).slice(0, 6);
    showJobs(jobs, shown);
    const now = event.detail.map(job => job.id + job.status).join();
    if (before && now !== before) refresh().catch(fail);
    before = now;
  };
  document.addEventListener("jobs", news);
  return { leave: () => document.removeEventListener("jobs", news), keys: [] };
}

const restore = (name, refresh) => async () => { await api(`/api/runs/${encodeURIComponent(name)}/restore`, {}); await refresh(); };

function card(run, refresh) {
  const face = run.sheet === "picture" ? h("img", { className: "sheet", src: `/api/runs/${encodeURIComponent(run.name)}/sheet?${run.step}`, alt: "", loading: "lazy" })
    : run.sheet === "text" ? textSheet(run) : h("div", { className: "sheet" });
  return h("article", { className: "card" }, face,
    h("h2", {}, h("a", { href: path(run.name, run.step ? run.chats ? "chat" : "create" : "progress") }, run.name)),
    h("p", { className: "soft small" }, `A ${run.model.toUpperCase()} of ${run.data.split("/").at(-1)}, ${started[run.status] || run.status}, ${run.step} steps${run.version === "base" ? "" : `, version ${run.version}`}`),
    run.problem && h("p", { className: "bad small" }, run.problem),
    run.verdict && h("p", { className: "small" }, `Evaluated: ${run.verdict.toLowerCase()}.`),
    h("div", { className: "row" },
      button("Remove", async () => {
        const { removed } = await api(`/api/runs/${encodeURIComponent(run.name)}/remove`, {});
        await refresh();
        say(`${run.name} is put aside.`, { action: guarded(restore(removed, refresh)) });
      }, { "aria-label": `Remove ${run.name}` })));
}

function textSheet(run) {
  const place = h("pre", { className: "sheet" });
  fetch(`/api/runs/${encodeURIComponent(run.name)}/sheet`).then(answer => answer.ok ? answer.text() : "").then(text => { place.textContent = text.replace(/^--- .* ---\n/gm, "").slice(0, 400); });
  return place;
}

function fresh(go) {
  const seen = h("div", { "aria-live": "polite" });
  const files = h("input", { type: "file", hidden: true, id: "files", multiple: true, onchange: event => take([...event.target.files]) });
  const folder = h("input", { type: "file", hidden: true, id: "folder", webkitdirectory: true, onchange: event => take([...event.target.files].map(file => [file, file.webkitRelativePath])) });
  const box = h("section", { className: "card drop", "aria-label": "A new model",
    ondragover: event => { event.preventDefault(); box.classList.add("over"); }, ondragleave: () => box.classList.remove("over"),
    ondrop: guarded(async event => { event.preventDefault(); box.classList.remove("over"); await take(await dropped(event.dataTransfer)); }) },
    h("h2", {}, "A new model"), h("p", {}, "Drop a folder of pictures, sounds (.wav and others), texts or levels, an archive, or a file such as a table or baskets here. Sub-folders become the words that you can ask for."),
    h("div", { className: "row" }, button("Choose a folder", () => folder.click()), button("Choose files", () => files.click()),
      button("Take what comes with tfgen", async () => {
        seen.replaceChildren(h("p", {}, "Looking ..."));
        const { datasets } = await api("/api/datasets");
        seen.replaceChildren(h("div", { className: "row" }, ...datasets.map(each => button(each.name, () => offer({ data: each.name, name: each.name, says: [`${each.name}: ${each.plural} that come with tfgen.`], models: each.models })))));
      })),
    files, folder, seen);

  async function take(list) {
    const pairs = list.map(each => Array.isArray(each) ? each : [each, each.name]);
    if (!pairs.length) return;
    const alone = pairs.length === 1 && !pairs[0][1].includes("/");
    const parts = pairs.flatMap(([file, name]) => [`${JSON.stringify({ name, size: file.size, ...(alone ? { only: true } : {}) })}\n`, file]);
    const name = alone ? pairs[0][1] : pairs[0][1].split("/")[0];
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Upload" });
    seen.replaceChildren(h("p", {}, `Taking ${name}, ${pairs.length} ${pairs.length === 1 ? "file" : "files"} ...`), bar);
    try { offer(await send(`/api/uploads?name=${encodeURIComponent(name)}`, new Blob(parts), bar)); }
    catch (error) { seen.replaceChildren(h("p", { className: "bad" }, error.message)); }
  }

  function offer(found) {
    const usual = found.models.includes("gan") && found.models.includes("vae") ? "vae" : found.models[0];
    const model = h("select", {}, ...found.models.map(each => h("option", { value: each, selected: each === usual }, ABOUT[each] || each)));
    const minutes = h("input", { type: "number", min: 0.2, max: 10080, step: "any", value: 5 }), name = h("input", { placeholder: "as you like" });
    const epsilon = h("input", { type: "number", min: 0.1, max: 100, step: "any", placeholder: "off" });
    const begin = once(async () => {
      const job = await api("/api/fit", { upload: found.upload, data: found.data, model: model.value, minutes: Number(minutes.value), name: name.value || undefined, private: epsilon.value ? Number(epsilon.value) : undefined });
      seen.replaceChildren();
      document.dispatchEvent(new Event("work"));
      await go("/");
      scrollTo(0, 0);
      say(`${job.run} is being trained.`);
    });
    if (!found.models.length) return fill(seen, h("h3", {}, "What tfgen sees"), ...found.says.map(line => h("p", {}, line)), h("p", { className: "bad" }, "That is too little to learn from. Add more: some hundreds learn well."));
    fill(seen, h("form", { onsubmit: begin }, h("h3", {}, "What tfgen sees"), ...found.says.map(line => h("p", {}, line)),
      found.broken?.length > 0 && h("details", {}, h("summary", {}, `${found.broken.length} can't be used`), h("ul", {}, ...found.broken.map(line => h("li", {}, line)))),
      h("div", { className: "row" }, field("Model", model), field("Minutes", minutes), field("Name", name), field("Private, epsilon", epsilon), h("button", { className: "main-button" }, "Train"))));
    model.focus();
    return undefined;
  }
  return box;
}

const ABOUT = { gan: "GAN: the sharpest pictures and sounds", vae: "VAE: quick and steady", gpt: "GPT: writes piece by piece", tree: "Tree: counts which columns go together" };

function send(address, body, bar) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.setRequestHeader("X-Tfgen", "1");
    request.upload.onprogress = event => { bar.value = event.loaded / event.total; if (event.loaded === event.total) bar.removeAttribute("value"); };
    request.onerror = () => failed(new Error("The studio doesn't answer. Is it still running?"));
    request.onload = () => {
      let said = {};
      try { said = JSON.parse(request.responseText); } catch { said = { error: `The studio answered ${request.status}. Try again.` }; }
      if (request.status >= 400) failed(new Error(said.error)); else done(said);
    };
    request.send(body);
  });
}

async function dropped(transfer) {
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const found = [];
  const walk = async (entry, prefix) => {
    if (entry.isFile) found.push([await new Promise((done, failed) => entry.file(done, failed)), prefix + entry.name]);
    else {
      const reader = entry.createReader();
      for (;;) {
        const part = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!part.length) return;
        for (const each of part) await walk(each, `${prefix}${entry.name}/`);
      }
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

export async function progress(main, { run, isCurrent }) {
  const numbers = h("p", {}), chart = h("div", {}), sheet = h("div", {}), row = h("div", {});
  fill(main, h("h1", {}, `Training of ${run.name}`), row, h("section", { className: "card" }, h("h2", {}, "Samples so far"), sheet), h("section", { className: "card" }, h("h2", {}, "Losses"), h("p", { className: "small soft" }, "What the model tries to lower; how they go matters less than how the samples look."), chart, numbers));
  let shown = -1;
  const draw = async () => {
    const { rows } = await api(`/api/runs/${encodeURIComponent(run.name)}/history`);
    chart.replaceChildren(curves(rows));
    const last = rows.at(-1);
    numbers.textContent = last ? `Step ${last.step}${run.plan ? ` of ${run.plan}` : ""}, ${number(last.seconds / 60)} minutes.${run.energy ? ` Energy: ${run.energy}` : ""} ${run.privacy}` : "";
    if ((last?.step ?? 0) !== shown) {
      shown = last?.step ?? 0;
      const address = `/api/runs/${encodeURIComponent(run.name)}/sheet?${shown}`;
      const none = run.status === "running" ? "They come soon." : `Look at ${run.plural} under Create.`;
      if (run.streams) { const answer = await fetch(address); sheet.replaceChildren(h("pre", { className: "text" }, answer.ok ? await answer.text() : none)); }
      else { const image = h("img", { alt: `Samples of ${run.name} at step ${shown}`, className: "sheet", onerror: () => image.replaceWith(none) }); image.src = address; sheet.replaceChildren(image); }
    }
  };
  const news = event => {
    if (!isCurrent()) return;
    const job = event.detail.find(each => each.run === run.name && each.verb === "fit");
    showJobs(row, job ? [job] : []);
    if (job?.status === "running") draw().catch(fail);
  };
  document.addEventListener("jobs", news);
  await draw();
  document.dispatchEvent(new Event("work"));
  return { leave: () => document.removeEventListener("jobs", news) };
}
