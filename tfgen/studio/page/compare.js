// Two at a time: which is better? Old against new without saying which, or those of which least is known.
import { api, button, field, fill, guarded, h, once, path, tile } from "./core.js";

const words = html => new DOMParser().parseFromString(html, "text/html").body.textContent;

export async function compare(main, { run, values, remember, isCurrent }) {
  const prompt = h("input", { value: values.prompt || "" }), count = h("input", { type: "number", value: 20, min: 1, max: 200 });
  if (run.known.length) prompt.setAttribute("list", "known");
  const names = run.all_versions.map(each => each.name);
  const version = h("select", {}, ...[...names].reverse().map(each => h("option", { value: each, selected: each === (values.version || run.version) }, each)));
  const stage = h("section", { "aria-label": "The comparison" }), canBlind = names.length > 0;
  let series = null, busy = false;

  const begin = blind => once(async () => {
    stage.replaceChildren(h("p", { role: "status" }, "Making the pairs ..."));
    try { show(await api(`/api/runs/${encodeURIComponent(run.name)}/compare`, { blind, n: Number(count.value) || 20, prompt: prompt.value, version: blind ? version.value : undefined })); }
    catch (error) { stage.replaceChildren(); throw error; }
  });
  function show(next) {
    if (!isCurrent()) return;
    series = { ...series, ...next };
    remember({ series: series.id, prompt: prompt.value });
    if (!series.tiles || series.place >= series.of) return done();
    const focused = stage.contains(document.activeElement);
    stage.replaceChildren(h("p", { role: "status" }, `${series.place + 1} of ${series.of}${series.prompt ? `: ${series.prompt}` : ""}. Which is better?`), h("progress", { max: series.of, value: series.place, "aria-label": "How far the comparison is" }),
      h("ol", { className: run.streams ? "tiles texts" : "tiles two" }, ...series.tiles.map((each, at) => h("li", {}, tile(each, { key: String(at + 1), label: `${at === 0 ? "The left" : "The right"} one${run.streams ? `: ${words(each.html)}` : ""}`, onclick: () => answer([at]) })))),
      h("p", {}), h("div", { className: "row" }, button("Equally good (=)", () => answer([0, 1]))));
    if (focused) stage.querySelector(".tile").focus();
  }
  const answer = guarded(async picked => {
    if (busy || !series || series.place >= series.of) return;
    busy = true;
    try {
      const next = await api(`/api/comparisons/${series.id}`, { place: series.place, picked });
      series.tiles = undefined;
      show(next);
    } finally { busy = false; }
  });
  function done() {
    const result = series.result?.win_rate;
    const share = each => `${Math.round(100 * each)} %`;
    stage.replaceChildren(h("h2", {}, "Done, and thank you"), h("p", { role: "status" }, result
      ? `${series.result.new} was preferred to ${series.result.old} in ${share(result[0])} of ${series.result.pairs} pairs (${share(result[1])} to ${share(result[2])}, 95 %), ${series.result.ties} ties counted half.${result[1] < .5 && result[2] > .5 ? " That is too little to tell." : ""}`
      : series.blind ? "No pair was answered." : `${series.of} answers are kept.`),
    h("p", {}, h("a", { className: "button", href: path(run.name, "learn") }, "What it comes to")));
  }
  fill(main, h("h1", {}, `Compare samples of ${run.name}`),
    h("div", { className: "card" }, h("div", { className: "row" }, field("Prompt", prompt, "empty for all of them"), field("Pairs", count), h("datalist", { id: "known" }, ...run.known.map(each => h("option", { value: each }))),
      button("Which is better?", begin(false), { className: "main-button" })),
    h("p", { className: "small soft" }, "Pairs whose answers teach most."),
    canBlind && h("div", { className: "row" }, field("Version, against the one before it", version), button("Blind: old against new", begin(true))),
    canBlind && h("p", { className: "small soft" }, "The same seeds by two versions, and you don't know which is which: the proof whether it got better."),
    !canBlind && h("p", { className: "small soft" }, "Old against new needs a version: steer and save a preset, or let it learn.")), stage);
  if (values.series) { try { show({ id: values.series, ...await api(`/api/comparisons/${values.series}`) }); } catch { remember({}); } }
  return {
    keys: [["1 or ←", "the left one"], ["2 or →", "the right one"], ["=", "equally good"]],
    onkey: event => {
      if (!series?.tiles) return false;
      if (event.key === "1" || event.key === "ArrowLeft") answer([0]);
      else if (event.key === "2" || event.key === "ArrowRight") answer([1]);
      else if (event.key === "=") answer([0, 1]);
      else return false;
      return true;
    },
  };
}
