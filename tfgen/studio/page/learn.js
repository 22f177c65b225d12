// What was said, what can be learned from it, and the versions that came of it.
import { api, button, fill, h, number, path, say, watch } from "./core.js";

export async function learn(main, { run, reload, isCurrent }) {
  const base = `/api/runs/${encodeURIComponent(run.name)}`, said = await api(`${base}/feedback`);
  const strength = h("select", { id: "strength" }, ...[["low", "a little"], ["medium", "as usual"], ["high", "far"]].map(([value, title]) => h("option", { value, selected: value === "medium" }, title)));
  const mine = h("input", { type: "checkbox", id: "mine" }), work = h("div", {});
  const tune = async () => {
    await api(`${base}/tune`, { strength: strength.value, mine: mine.checked });
    say("It learns. That takes about a minute.");
    document.dispatchEvent(new Event("work"));
  };
  const use = name => async () => { await api(`${base}/revert`, { to: name }); await reload(); say(`${name === "base" ? "The original" : name} is in use.`); };
  const takeBack = each => async () => { await api("/api/feedback/undo", { event: each.event }); await reload(); };
  const lines = said.lines.filter(line => !line.includes("tfgen "));  // those say what to type
  const versions = [{ name: "base", kind: "the original, as it was trained", in_use: run.version === "base" }, ...run.all_versions];

  const row = each => h("tr", {},
    h("td", {}, each.name),
    h("td", {}, each.kind, each.win_rate && h("p", { className: "small" }, verdict(each.win_rate)), each.concerns?.length > 0 && h("p", { className: "bad small" }, each.concerns.join(" "))),
    h("td", {}, each.win_rate ? `${percent(each.win_rate[0])} (${percent(each.win_rate[1])} to ${percent(each.win_rate[2])})` : "–"),
    h("td", { className: "small" }, ...Object.keys(each.after || {}).filter(name => name in (each.before || {})).map(name => h("div", {}, `${name}: ${number(each.before[name])} → ${number(each.after[name])}`))),
    h("td", {}, each.in_use ? "in use" : button(each.name === "base" ? "Go back to this" : "Use this", use(each.name), { "aria-label": `Use ${each.name}` })));
  const event = each => h("li", { className: "row middle" },
    h("span", { className: "grow" }, `${each.kind} ${words(each)}`, h("span", { className: "soft small" }, ` ${each.at.slice(0, 16).replace("T", " ")}`)),
    !each.steers && button("Take back", takeBack(each), { "aria-label": `Take back: ${each.kind} ${words(each)}` }));

  fill(main, h("h1", {}, `What ${run.name} can learn from you`),
    h("section", { className: "card", "aria-label": "What was said" }, h("h2", {}, "What was said"),
      ...(lines.length ? lines : ["Nothing yet. Pick, rate or compare, and it can learn from it."]).map(line => h("p", {}, line)),
      h("div", { className: "row" }, h("a", { className: "button", href: path(run.name, "steer") }, "Pick from nine"), h("a", { className: "button", href: path(run.name, "compare") }, "Compare two"))),
    h("section", { className: "card", "aria-label": "Learn from it" }, h("h2", {}, "Learn from it"),
      h("p", { className: said.plan.can ? "" : "soft" }, said.plan.says),
      h("div", { className: "row middle" }, h("label", { htmlFor: "strength" }, "How far"), strength, h("label", { className: "row middle", htmlFor: "mine" }, mine, "from my answers alone"),
        button("Learn", tune, { className: "main-button", disabled: !said.plan.can })), work),
    h("section", { className: "card", "aria-label": "Versions" }, h("h2", {}, "Versions"),
      h("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "The versions in a table" }, h("table", {},
        h("thead", {}, h("tr", {}, ...["Version", "What", "Preferred to the one before", "Before and after", "In use"].map(each => h("th", { scope: "col" }, each)))),
        h("tbody", {}, ...versions.map(row)))),
      h("p", {}), run.all_versions.length > 0 && h("a", { className: "button", href: path(run.name, "compare") }, "Compare blind: old against new")),
    said.newest.length > 0 && h("details", { className: "card" }, h("summary", {}, "What you said last"), h("ul", { className: "plain" }, ...said.newest.map(event))));
  return { leave: watch(run.name, "tune", work, isCurrent, async job => { await reload(); say(`${job.result.version} is learned${job.result.concerns?.length ? ", but kept apart: it costs too much. Compare it, and use it if you like" : " and in use"}.`); }) };
}

function verdict([, low, high]) {
  if (low > .5) return "Liked better than the one before, as far as your answers tell.";
  return high < .5 ? "Liked less than the one before." : "No clear difference from the one before. Compare blind, or answer more.";
}

const percent = share => `${Math.round(100 * share)} %`;

function words({ kind, payload }) {
  if (kind === "pick" || kind === "pair") return (payload.picked || []).map(each => each + 1).join(" ");
  if (kind === "edit") return `“${payload.text.slice(0, 60)}”`;
  return kind === "tag" ? payload.tags.join(", ") : payload.value ?? "";
}
