// How good it is, why it makes what it makes, and the files that work elsewhere.
import { api, button, field, fill, h, number, say, watch } from "./core.js";

export async function report(main, { run, reload, isCurrent }) {
  const base = `/api/runs/${encodeURIComponent(run.name)}`, work = h("div", {});
  fill(main, h("h1", {}, `How good is ${run.name}?`),
    h("section", { className: "card", "aria-label": "Evaluate" }, h("p", {}, run.has_report ? run.words || "It was evaluated." : "It was not evaluated yet. That compares samples with the training data: quality, diversity, whether prompts are followed, and whether it copies."),
      button(run.has_report ? "Evaluate again" : "Evaluate", async () => { await api(`${base}/evaluate`, {}); say("It is being evaluated; that takes some minutes."); document.dispatchEvent(new Event("work")); }, { className: "main-button" }), work),
    run.has_report && h("iframe", { src: `${base}/report`, title: `Report on ${run.name}`, sandbox: "" }));
  return { leave: watch(run.name, "evaluate", work, isCurrent, reload) };
}

export async function explain(main, { run, reload, isCurrent }) {
  const base = `/api/runs/${encodeURIComponent(run.name)}`, work = h("div", {});
  const prompt = h("input", { value: "" });
  const start = async () => { await api(`${base}/explain`, { prompt: prompt.value }); say("It is being explained; that takes some minutes."); document.dispatchEvent(new Event("work")); };
  fill(main, h("h1", {}, `Why does ${run.name} make what it makes?`),
    h("section", { className: "card", "aria-label": "Explain" }, h("p", {}, "What moves its samples, which training examples are nearest, what a prompt changes; and which of that a model that learned nothing would say too."),
      h("div", { className: "row" }, field(run.streams ? "Text to explain" : "Prompt", prompt, "may be empty"), button(run.has_explanation ? "Explain again" : "Explain", start, { className: "main-button" })), work),
    run.has_explanation && h("iframe", { src: `${base}/explanation`, title: `Explanation of ${run.name}`, sandbox: "" }));
  return { leave: watch(run.name, "explain", work, isCurrent, reload) };
}

const FORMATS = [["saved_model", "SavedModel, for TensorFlow Serving"], ["float32", "TFLite, for a phone, as exact as the model"], ["float16", "TFLite, half as large"], ["int8", "TFLite, a quarter as large and quick"]];

export async function exported(main, { run, reload, isCurrent }) {
  const base = `/api/runs/${encodeURIComponent(run.name)}`, work = h("div", {});
  const boxes = FORMATS.map(([value, title], at) => { const box = h("input", { type: "checkbox", id: `format-${value}`, checked: at < 2 }); return [value, box, h("label", { className: "row middle", htmlFor: box.id }, box, title)]; });
  const start = async () => {
    const wanted = boxes.filter(([, box]) => box.checked).map(([value]) => value);
    await api(`${base}/export`, { saved_model: wanted.includes("saved_model"), tflite: wanted.filter(each => each !== "saved_model") });
    say("It is being exported, and every file is compared with the model."); document.dispatchEvent(new Event("work"));
  };
  fill(main, h("h1", {}, `Take ${run.name} elsewhere`),
    h("section", { className: "card", "aria-label": "Export" }, h("p", {}, `What is in use is exported: ${run.version === "base" ? "the original, as it was trained" : run.version}.`), h("fieldset", {}, h("legend", {}, "Formats"), ...boxes.map(([, , label]) => label)), button("Export", start, { className: "main-button" }), work),
    run.exports.length > 0 && h("section", { className: "card scroll", "aria-label": "What was exported" }, h("h2", {}, "Exported, and compared with the model"),
      h("table", {}, h("thead", {}, h("tr", {}, ...["File", "Size", "How near to the model", "When"].map(each => h("th", { scope: "col" }, each)))),
        h("tbody", {}, ...run.exports.map(each => h("tr", {}, h("td", {}, each.name), h("td", {}, `${number(each.size / 1e6)} MB`), h("td", {}, each.agreement), h("td", {}, each.created.slice(0, 16).replace("T", " ")))))),
      h("p", {}), h("a", { className: "button", href: `${base}/export.zip`, download: "" }, "Download all")),
    run.request && h("section", { className: "card", "aria-label": "Serve it" }, h("h2", {}, "Serve it"), h("p", {}, "In a terminal, then ask it by REST:"), h("pre", { className: "text" }, `tfgen serve ${run.name}\n${run.request}`), button("Copy the request", async () => { await navigator.clipboard.writeText(run.request); say("Copied."); })));
  return { leave: watch(run.name, "export", work, isCurrent, reload) };
}
export { exported as export };
