// Nine tiles; what is picked, the next nine follow.
import { api, button, field, fill, guarded, h, once, path, randomSeed, say, tile } from "./core.js";

const ARMS = { kept: "the best so far", liked: "you may like it", near: "near your last pick", asked: "as you asked" };

export async function steer(main, { run, remember, values, isCurrent }) {
  const base = `/api/runs/${encodeURIComponent(run.name)}/steer`;
  const prompt = h("input", { value: values.prompt || "" });
  if (run.known.length) prompt.setAttribute("list", "known");
  const place = h("ol", { className: run.streams ? "tiles texts" : "tiles nine", "aria-label": "Tiles to pick from" });
  const status = h("p", { role: "status" }, "Looking at what the model can make; the first time of a prompt takes a while ...");
  const sliders = h("div", {}), history = h("p", { className: "small soft" }), ending = h("p", { className: "text" });
  const several = h("input", { type: "checkbox", id: "several" }), name = h("input", { required: true }), kept = h("div", {}), pickMarked = button("Pick the marked", () => { if (!marked.size) throw new Error("Nothing is marked. Mark some tiles first."); return pick([...marked]); }, { hidden: true });
  let state = null, busy = false, marked = new Set(), order = [];

  several.addEventListener("change", () => { pickMarked.hidden = !several.checked; });
  const begin = guarded(async session => {
    busy = true;
    try { take(await api(base, { session, prompt: prompt.value, k: run.streams ? 4 : 9, seed: randomSeed() })); }
    catch (error) { status.textContent = error.message; throw error; }
    finally { busy = false; }
  });

  function take(next) {
    if (!isCurrent()) return;
    const focused = [...place.querySelectorAll("button")].indexOf(document.activeElement);
    state = next; marked = new Set();
    prompt.value = state.prompt;
    remember({ prompt: state.prompt, session: state.round ? state.session : "" });
    place.replaceChildren(...state.tiles.map((sample, at) => h("li", {}, tile(sample, { key: String(at + 1), label: `Tile ${at + 1}, ${ARMS[state.arms[at]] || ""}`, onclick: () => press(at) }))));
    if (focused >= 0) place.querySelectorAll("button")[Math.min(focused, state.tiles.length - 1)]?.focus();
    status.textContent = state.says || "Pick the one that you like best.";
    history.textContent = state.history.length ? `So far: ${state.history.join(" · ")}` : "";
    [...place.children].forEach((each, at) => { if (state.arms[at] === "kept") { each.firstChild.classList.add("best"); each.firstChild.mark("best so far"); } });
    ending.textContent = state.ending?.trim() ? state.ending : "";
    // In the order of the first time, lest they move under the pointer; what has no name only where it matters.
    order = order.length ? order : state.sliders.map(each => each.name);
    const known = state.sliders.filter(each => each.name !== "like my picks" && (!each.name.startsWith("direction") || Math.abs(each.matters) >= .05));
    known.sort((one, two) => (order.indexOf(one.name) + 1 || 99) - (order.indexOf(two.name) + 1 || 99));
    sliders.replaceChildren(...known.map(each => h("div", { className: "slider" }, h("span", {}, each.name, Math.abs(each.matters) >= .05 && h("span", { className: "soft small" }, ` ${each.matters > 0 ? "liked" : "not liked"}, ${Math.round(100 * Math.abs(each.matters))} %`)),
      button("less", () => send({ do: "move", name: each.name, amount: -1 }), { "aria-label": `Less ${each.name}` }), button("more", () => send({ do: "move", name: each.name, amount: 1 }), { "aria-label": `More ${each.name}` }))));
  }

  const send = guarded(async body => {
    if (busy || !state) return;
    busy = true;
    try { take(await api(`${base}/${state.session}`, { round: body.do === "save" ? undefined : state.round, ...body })); }
    finally { busy = false; }
  });
  const pick = at => send({ do: "pick", picked: at });
  const press = at => {
    if (!several.checked) return pick([at]);
    if (marked.has(at)) marked.delete(at); else marked.add(at);
    const element = place.children[at].firstChild;
    element.classList.toggle("chosen", marked.has(at)); element.setAttribute("aria-pressed", marked.has(at));
  };

  fill(main, h("h1", {}, `Steer ${run.name}`), h("p", { className: "soft" }, run.streams ? "Pick how it goes on; the next ones follow from it." : "Pick the tile that you like best, again and again. The next ones come nearer to what you like, and all you say is kept."),
    h("div", { className: "side" },
      h("section", { className: "card", "aria-label": "What it has understood" },
        h("form", { onsubmit: event => { event.preventDefault(); begin(); } }, field("Prompt", prompt), h("datalist", { id: "known" }, ...run.known.map(each => h("option", { value: each }))), h("p", {}), h("button", {}, "Begin anew")),
        h("h2", {}, "Directions"), h("p", { className: "small soft" }, "What can be more or less. What your picks say of each stands beside it."), sliders,
        !run.streams && h("form", { onsubmit: once(async () => {
          await send({ do: "save", name: name.value });
          if (!state?.says.startsWith("Saved")) return;
          kept.replaceChildren(h("a", { className: "button", href: path(run.name, "create", { version: name.value, prompt: state.prompt }) }, `Create with ${name.value}`));
          say(`Saved as ${name.value}.`, { action: () => kept.querySelector("a").click(), label: "Create with it" });
        }) }, h("h2", {}, "Keep it"), field("Name of the preset", name), h("p", {}), h("button", {}, "Save as preset"), h("p", {}), kept)),
      h("section", { className: "results", "aria-label": "Tiles" }, status, ending, place, h("p", {}),
        h("div", { className: "row middle" }, button("None is better (n)", () => send({ do: "none" })), button("Skip (s)", () => send({ do: "skip" })), button("Undo (u)", () => send({ do: "undo" })),
          h("label", { className: "row middle", htmlFor: "several" }, several, "several are equally good"), pickMarked),
        history)));
  await begin(values.session);
  return {
    keys: [["1 to 9", "pick the tile"], ["n", "none is better"], ["s", "skip"], ["u", "undo"], ["t", "several are equally good, on or off"], ["Ctrl+Enter", "pick the marked"]],
    onkey: event => {
      const at = Number(event.key) - 1;
      if (at >= 0 && at < (state?.tiles.length || 0)) press(at);
      else if (event.key === "n") send({ do: "none" });
      else if (event.key === "s") send({ do: "skip" });
      else if (event.key === "u") send({ do: "undo" });
      else if (event.key === "t") several.click();
      else if (event.key === "Enter" && event.ctrlKey && marked.size) pick([...marked]);
      else return false;
      return true;
    },
  };
}
