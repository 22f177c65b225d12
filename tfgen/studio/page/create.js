// Prompt, seed, count and settings to samples; and what one can do with each of them.
import { api, button, field, fill, guarded, h, isTyping, number, once, openDialog, path, randomSeed, react, rows, save, say, tile } from "./core.js";

export async function create(main, { run, remember, go, values, isCurrent }) {
  const base = `/api/runs/${encodeURIComponent(run.name)}`;
  const prompt = run.streams ? h("textarea", { rows: 3, value: values.prompt || "" }) : h("input", { value: values.prompt || "" });
  prompt.setAttribute("autocomplete", "off");
  const seed = h("input", { type: "number", value: values.seed ?? 0, step: 1, min: -(2 ** 31), max: 2 ** 31 - 257, className: "seed", oninput: () => { lock.checked = true; } });
  const count = h("input", { type: "number", value: values.n ?? run.count, min: 1, max: 256, step: 1 });
  const version = h("select", {}, h("option", { value: "" }, `in use (${run.version})`), ...["base", ...run.all_versions.map(each => each.name)].map(each => h("option", { value: each, selected: values.version === each }, each)));
  const withVersion = h("span", {}, values.version || (run.version === "base" ? "" : run.version));
  version.addEventListener("change", () => { withVersion.textContent = version.value || run.version; });
  const lock = h("input", { type: "checkbox", checked: values.lock === "1", id: "lock" });
  const best = h("input", { type: "number", title: "Makes so many for each, and keeps the one that you would like best by what was said so far", min: 1, max: 16, value: values.best ?? 1, step: 1 });
  const controls = run.controls.map(each => {
    const input = h("input", { type: "range", min: each.least, max: each.most, step: each.step, value: values[each.name] ?? each.usual });
    const shown = h("output", {}, input.value);
    input.addEventListener("input", () => { shown.textContent = input.value; });
    return { ...each, input, element: h("div", {}, h("div", { className: "row middle" }, h("label", { htmlFor: input.id = `c-${each.name}`, title: each.help }, each.title), shown), input, h("div", { className: "small soft" }, each.help)) };
  });
  const status = h("p", { className: "soft", role: "status" }, " ");
  const kindOfTiles = run.streams ? "tiles texts" : run.are_rows ? "tiles wide" : "tiles";
  const place = h("ul", { className: kindOfTiles });
  const saved = h("select", { "aria-label": "Saved prompts" }, h("option", { value: "" }, "Saved prompts"));
  const words = h("datalist", { id: "known" }, ...run.known.map(each => h("option", { value: each })));
  if (run.known.length) prompt.setAttribute("list", "known");
  let samples = [], chosen = new Set(), picking = false, walkFrom = null, abort = null;

  const options = () => Object.fromEntries(controls.filter(each => Number(each.input.value) !== each.usual).map(each => [each.name, Number(each.input.value)]));
  const asked = () => ({
    prompt: prompt.value, seed: Number(seed.value) || 0, n: Number(count.value) || run.count, options: options(),
    version: version.value || undefined, template: /[{]/.test(prompt.value) && !prompt.value.startsWith("@"), best_of: Number(best.value) > 1 ? Number(best.value) : undefined,
  });

  const generate = guarded(async (fresh = true) => {
    if (fresh && !lock.checked) seed.value = randomSeed();
    const body = asked();
    remember({ prompt: body.prompt, seed: body.seed, n: body.n, version: body.version, lock: lock.checked ? 1 : "", best: body.best_of, ...body.options });
    abort?.abort();
    const mine = abort = new AbortController(), began = performance.now();
    status.textContent = "Making ...";
    const writing = new Map();
    try {
      for await (const row of rows(`${base}/generate`, body, mine.signal)) {
        if (!isCurrent()) return mine.abort();
        if (row.piece) {
          if (!writing.size) place.replaceChildren();
          const [at, text] = row.piece;
          while (writing.size <= at) { const pre = h("pre", { className: "text" }, ""); writing.set(writing.size, pre); place.append(h("li", { className: "tile" }, pre)); }
          writing.get(at).append(text);
        } else lay(row.samples);
      }
      status.textContent = `${samples.length} ${samples.length === 1 ? run.singular : run.plural} in ${number((performance.now() - began) / 1000)} s. Click one to enlarge, rate or go on with it.`;
    } catch (error) {
      if (error.name === "AbortError") return;
      status.textContent = error.message;
      throw error;
    }
  });

  const lay = made => {
    samples = made; chosen = new Set();
    place.className = kindOfTiles;
    place.replaceChildren(...samples.map((sample, at) => h("li", {}, tile(sample, { label: label(sample, at), onclick: () => picking ? choose(at) : enlarge(at) }))));
  };
  const tiles = () => [...place.querySelectorAll("button.tile")];
  const label = (sample, at) => `${run.singular} ${at + 1}${sample.prompt ? `, ${sample.prompt}` : ""}${sample.seed === undefined || sample.seed === null ? "" : `, seed ${sample.seed}`}`;
  const choose = at => {
    if (chosen.has(at)) chosen.delete(at); else chosen.add(at);
    tiles()[at].classList.toggle("chosen", chosen.has(at));
    tiles()[at].setAttribute("aria-pressed", chosen.has(at));
  };

  const pickButton = button("Pick the best", async () => {
    if (!picking) { picking = true; pickButton.textContent = "Done picking"; status.textContent = "Choose the best, or several that are equally good; then press Done picking."; return; }
    picking = false; pickButton.textContent = "Pick the best";
    if (!chosen.size) { status.textContent = "Nothing was picked."; return; }
    if (samples.length < 2 || samples.length > 36) throw new Error("A pick is among 2 to 36. Make as many.");
    await react("pick", samples, { picked: [...chosen].sort((one, two) => one - two) });
    status.textContent = "Kept: the others come after your picks. Enough of them, and Learn makes a better version.";
  });

  // What was said of each sample, so that it shows, and a second rating takes the place of the first.
  const said = new Map(), drafts = new Map();
  const saidOf = (sample, kind) => said.get(`${kind} ${sample.id}`);
  const speak = async (at, kind, value, words) => {
    const sample = samples[at], before = saidOf(sample, kind);
    if (before?.value === value) return;
    if (before?.event) await api("/api/feedback/undo", { event: before.event });
    const kept = await react(kind, [sample], { value }, words);
    said.set(`${kind} ${sample.id}`, { value, event: kept?.event });
    mark(at);
    document.querySelectorAll("dialog [data-said]").forEach(each => each.setAttribute("aria-pressed", each.dataset.said === `${kind} ${value}` || saidOf(sample, each.dataset.said.split(" ")[0])?.value === Number(each.dataset.said.split(" ")[1])));
  };
  const mark = at => {
    const like = saidOf(samples[at], "thumb")?.value, stars = saidOf(samples[at], "rating")?.value;
    tiles()[at].mark([like === 1 ? "♥" : like === -1 ? "–" : "", stars ? `${stars}★` : ""].join(" ").trim());
  };
  const star = once(at => speak(at, "thumb", 1, "Liked."));
  const rate = once((at, value) => speak(at, "rating", value, `Rated ${value}.`));

  function enlarge(at) {
    const sample = samples[at], close = () => dialog.close();
    const facts = { prompt: sample.prompt, seed: sample.seed, version: sample.version === "base" ? "" : sample.version, ...sample.settings };
    const edit = h("textarea", { rows: 6, value: drafts.get(sample.id) ?? sample.text ?? "", oninput: () => drafts.set(sample.id, edit.value) }), below = h("div", {});
    const tag = h("input", { placeholder: "such as: blurred, keep" });
    const step = by => { dialog.close(); const next = (at + by + samples.length) % samples.length; enlarge(next); };
    const dialog = h("dialog", { "aria-label": label(sample, at) },
      h("div", { className: "row middle" }, h("h2", { className: "grow" }, label(sample, at)), button("‹", () => step(-1), { "aria-label": "The one before" }), button("›", () => step(1), { "aria-label": "The next one" }), button("Close", close)),
      sample.text === undefined ? h("div", { className: "large", html: sample.html }) : [field("The text; change it, and tfgen learns what it should have been", edit), h("div", { className: "row" }, button("Keep my version", async () => {
        if (edit.value === sample.text) throw new Error("Nothing was changed. Change the text first.");
        await react("edit", [sample], { text: edit.value });
        tiles()[at].querySelector("pre").textContent = edit.value; tiles()[at].mark("✎"); close();
      }), button("Alternatives for the selection", () => alternatives(sample, edit, below)), button("Probabilities", () => probabilities(sample, below))), below],
      sample.record && [h("fieldset", {}, h("legend", {}, "How good is it?"), h("div", { className: "row" }, ...[[1, "♥ Like", "Liked."], [-1, "Dislike", "Disliked."]].map(([value, title, words]) => button(title, () => speak(at, "thumb", value, words), { "data-said": `thumb ${value}`, "aria-pressed": saidOf(sample, "thumb")?.value === value })),
        ...[1, 2, 3, 4, 5].map(value => button(String(value), () => rate(at, value), { "aria-label": `${value} of 5`, "data-said": `rating ${value}`, "aria-pressed": saidOf(sample, "rating")?.value === value })))),
      h("form", { className: "row", onsubmit: guarded(async event => { event.preventDefault(); await react("tag", [sample], { tags: tag.value.split(",").map(each => each.trim()).filter(Boolean) }); tag.value = ""; }) }, field("Tags", tag), h("button", {}, "Tag"))],
      h("dl", {}, ...Object.entries(facts).filter(([, value]) => value !== undefined && value !== null && value !== "").flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, Array.isArray(value) ? value.join(", ") : String(value))])),
      h("p", {}),
      h("div", { className: "row" },
        sample.text !== undefined && button("Go on from here", () => { close(); prompt.value = `${sample.prompt}${sample.text}`; return generate(); }),
        button("Copy settings", async () => { await navigator.clipboard.writeText(JSON.stringify({ run: run.name, ...facts })); say("The settings are copied."); }),
        sample.record && button("Download", () => save(`${base}/download`, { records: [sample.record] }, run.name)),
        sample.seed !== null && sample.seed !== undefined && button("Use its seed", () => { seed.value = sample.seed; lock.checked = true; close(); say("The seed is set, and kept: change the prompt or a setting, and see what that alone does."); }),
        run.walks && sample.record && button("Variations", () => { close(); return vary(sample); }),
        !run.streams && run.reacts && button("Steer from here", () => { close(); return go(path(run.name, "steer", { prompt: sample.prompt })); }),
        run.walks && sample.record && sample.seed !== null && button(walkFrom === null ? "Walk from here" : "Walk to here", () => { close(); if (walkFrom === null) { walkFrom = sample; status.textContent = "A walk begins there. Open another one, and choose: Walk to here."; } else return walk(walkFrom, sample); })));
    dialog.addEventListener("close", () => tiles()[at]?.focus());
    dialog.addEventListener("keydown", event => {
      if (isTyping(event)) return;
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") step(event.key === "ArrowLeft" ? -1 : 1);
      else if (event.key === "s") star(at);
      else if ("12345".includes(event.key)) rate(at, Number(event.key));
      else return;
      event.preventDefault();
    });
    openDialog(dialog);
  }

  const vary = guarded(async sample => {
    status.textContent = "Varying ...";
    lay((await api(`${base}/variations`, { record: sample.record, n: 12, seed: randomSeed() % 2 ** 20, version: version.value || undefined })).samples);
    status.textContent = "Like the one that you chose, but for details. Pick, or vary one of them again.";
  });

  const walk = guarded(async (from, to) => {
    walkFrom = null;
    status.textContent = "Walking ...";
    const end = sample => `${sample.prompt}@${sample.seed}`;
    for await (const row of rows(`${base}/generate`, { prompt: "", seed: from.seed, options: { interpolate: [end(from), end(to)], frames: 16 }, version: version.value || undefined })) if (row.samples) lay(row.samples);
    status.textContent = "16 steps from the one to the other.";
  });

  const ownOptions = sample => Object.fromEntries(Object.entries(sample.settings || {}).filter(([name]) => run.controls.some(each => each.name === name)));

  async function alternatives(sample, edit, below) {
    const [start, stop] = [edit.selectionStart, edit.selectionEnd];
    if (start === stop) throw new Error("Nothing is selected. Select the words that should change.");
    const list = h("ul", { className: "plain", "aria-label": "Alternatives" }), body = { prompt: sample.prompt + edit.value.slice(0, start), n: 3, seed: randomSeed(), version: sample.version, options: { ...ownOptions(sample), length: Math.max(8, stop - start) } };
    below.replaceChildren(list);
    for await (const row of rows(`${base}/generate`, body)) if (row.samples) list.replaceChildren(...row.samples.map(each => h("li", {}, button(each.text, () => { edit.setRangeText(each.text, start, stop); list.remove(); edit.focus(); }))));
  }

  async function probabilities(sample, below) {
    const body = { prompt: sample.prompt, n: 1, seed: sample.seed, options: ownOptions(sample), tokens: true, version: sample.version };
    for await (const row of rows(`${base}/generate`, body)) if (row.samples) below.replaceChildren(h("div", { className: "text", role: "group", "aria-label": "Tokens, shaded by how likely each was" }, ...row.samples[0].tokens.map(([text, score]) => {
      const share = Math.exp(score);
      return h("span", { className: `token p${share > .5 ? 0 : share > .15 ? 1 : share > .03 ? 2 : 3}`, title: `${(100 * share).toFixed(1)} %` }, text);
    })));
  }

  const axis = name => h("select", { "aria-label": name }, ...[["seed", "seeds"], ...controls.map(each => [each.name, each.title]), ...(run.known.length ? [["prompt", "known words"]] : [])].map(([value, title]) => h("option", { value }, `${name}: ${title}`)));
  const across = axis("Across"), down = axis("Down");
  if (down.options.length > 1) down.selectedIndex = 1;
  const valuesOf = axis => axis === "seed" ? [0, 1, 2, 3].map(by => Number(seed.value) + by) : axis === "prompt" ? run.known.slice(0, 5) : (each => [0, .25, .5, .75, 1].map(share => { const value = each.least + share * (each.most - each.least); return each.step === 1 ? Math.round(value) : Number(value.toFixed(2)); }))(controls.find(each => each.name === axis));
  const grid = guarded(async () => {
    const body = asked(), xs = valuesOf(across.value), ys = valuesOf(down.value), table = h("table", {}, h("tr", {}, h("td", {}), ...xs.map(x => h("th", { scope: "col" }, String(x)))));
    if (across.value === down.value) throw new Error("Both sides are the same. Choose two.");
    place.replaceChildren(h("li", { className: "scroll" }, table));
    place.className = "";
    for (const y of ys) {
      if (!isCurrent()) return;
      const line = h("tr", {}, h("th", { scope: "row" }, String(y)));
      table.append(line);
      for (const x of xs) {
        const cell = h("td", {}), wanted = { ...body, n: 1, options: { ...body.options } };
        line.append(cell);
        for (const [name, value] of [[across.value, x], [down.value, y]]) if (name === "seed" || name === "prompt") wanted[name] = value; else wanted.options[name] = value;
        for await (const row of rows(`${base}/generate`, wanted)) if (row.samples) cell.append(h("div", { html: row.samples[0].html }));
      }
    }
    status.textContent = `${across.value} across, ${down.value} down; all else alike.`;
  });

  const savePrompt = guarded(async () => {
    if (!prompt.value.trim()) throw new Error("There is no prompt to save. Write one first.");
    const name = h("input", { required: true }), dialog = h("dialog", { "aria-label": "Save the prompt" }, h("form", { onsubmit: guarded(async event => {
      event.preventDefault();
      const kept = await api("/api/prompts", { name: name.value, template: prompt.value });
      dialog.close(); say(`Saved as ${kept.address}. Use it as @${kept.address}.`); prompts();
    }) }, field("Name of the prompt", name), h("p", {}), h("div", { className: "row" }, h("button", { className: "main-button" }, "Save"), button("Cancel", () => dialog.close()))));
    openDialog(dialog);
  });
  const prompts = guarded(async () => {
    const found = (await api("/api/prompts")).prompts;
    saved.replaceChildren(h("option", { value: "" }, found.length ? "Saved prompts" : "No saved prompts"), ...found.flatMap(each => [...each.versions].reverse().map(version => h("option", { value: `@${version.address}` }, `${version.address}: ${version.text}`))));
  });
  saved.addEventListener("change", () => { if (saved.value) { prompt.value = saved.value; saved.value = ""; generate(false); } });

  const known = `Known: ${run.known.slice(0, 12).join(", ")}${run.known.length > 12 ? " and more" : ""}.`;
  const hint = run.kind_of_prompts === "none" ? "This run has no words; leave it empty."
    : run.needs_prompt ? "What it shall answer."
    : !run.streams ? `${known} {one|other} makes both${run.are_rows ? "" : "; empty makes a mix"}.`
    : run.known.length ? `${known} Or how the ${run.singular} begins; it goes on from there.`
    : "How the text begins; it goes on from there.";
  const form = h("form", { className: "card", onsubmit: event => { event.preventDefault(); generate(); } },
    field("Prompt", prompt, hint), words,
    h("div", { className: "row" }, h("div", { className: "grow" }, saved), button("Save prompt", savePrompt)),
    h("div", { className: "row" }, field("Seed", seed), button("Dice", () => { seed.value = randomSeed(); generate(false); }, { "aria-label": "A new seed at random", title: "A new seed at random" }), h("label", { className: "row middle", htmlFor: "lock" }, lock, "keep the seed")),
    h("div", { className: "row" }, field("How many", count), field("Best of", best)),
    h("button", { className: "main-button" }, "Generate"), h("span", { className: "soft small" }, `  Ctrl+Enter${run.version === "base" && !values.version ? "" : ", with "}`, withVersion),
    h("details", {}, h("summary", {}, "Settings"), ...controls.map(each => each.element), field("Version", version)),
    h("details", {}, h("summary", {}, "Grid of two settings"), h("div", { className: "row" }, across, down, button("Make the grid", grid))));
  const more = h("div", { className: "row" }, pickButton, button("Download all", async () => {
    if (!samples.some(each => each.record)) throw new Error("There is nothing to download yet. Generate first.");
    await save(`${base}/download`, { records: samples.map(each => each.record).filter(Boolean) }, `${run.name}.zip`);
  }));
  fill(main, h("h1", {}, `Create with ${run.name}`), h("div", { className: "side" }, form, h("section", { className: "results", "aria-label": "Samples" }, status, place, h("p", {}), more)));
  prompts();
  if (!run.needs_prompt || prompt.value) generate(false); else status.textContent = "Write what it shall answer, and press Generate.";

  return {
    keys: [["Ctrl+Enter", "generate"], ["r", "a new seed"], ["arrows", "from tile to tile"], ["Enter", "enlarge"], ["s", "like the tile"], ["1 to 5", "rate the tile, or the one that is enlarged"], ["p", "pick the best"]],
    leave: () => abort?.abort(),
    onkey: event => {
      if (event.key === "Enter" && event.ctrlKey) { generate(); return true; }
      const at = tiles().indexOf(document.activeElement);
      if (event.key === "r") seed.value = randomSeed(), generate(false);
      else if (event.key === "p") pickButton.click();
      else if (at >= 0 && event.key.startsWith("Arrow")) {
        const across = getComputedStyle(place).gridTemplateColumns.split(" ").length;
        tiles()[at + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key]]?.focus();
      } else if (at >= 0 && event.key === "s") star(at);
      else if (at >= 0 && "12345".includes(event.key)) rate(at, Number(event.key));
      else return false;
      return true;
    },
  };
}
