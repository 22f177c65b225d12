// A talk with a run that learned chats; every thumb and correction is feedback that it can learn from.
import { button, field, fill, guarded, h, randomSeed, react, rows } from "./core.js";

export async function chat(main, { run }) {
  const base = `/api/runs/${encodeURIComponent(run.name)}`, key = `tfgen-chat-${run.name}`;
  const stored = JSON.parse(sessionStorage.getItem(key) || "[]");
  let turns = stored.filter(turn => turn.content), busy = false;
  if (turns.length % 2) turns.pop();
  const list = h("div", { className: "chat", role: "log", "aria-label": "The talk" }), input = h("textarea", { rows: 2, value: sessionStorage.getItem(`${key}-draft`) || "", oninput: () => sessionStorage.setItem(`${key}-draft`, input.value), onkeydown: event => { if (event.key === "Enter" && !event.shiftKey) send(event); } });
  const keep = () => sessionStorage.setItem(key, JSON.stringify(turns));

  const draw = () => { list.replaceChildren(...turns.map(turnOf)); keep(); };
  const turnOf = (turn, at) => {
    const actions = turn.role === "assistant" ? [
      turn.corrected && h("span", { className: "small soft" }, "corrected by you"),
      ...(turn.sample?.record ? [["Good", 1, "A good answer"], ["Bad", -1, "A bad answer"]] : []).map(([title, value, label]) => button(title, async () => {
        if (turn.thumb === value) return;
        await react("thumb", [turn.sample], { value });
        turn.thumb = value;
        draw();
      }, { "aria-label": label, "aria-pressed": turn.thumb === value })),
      turn.sample?.record && button("Correct", () => correct(at)),
      at === turns.length - 1 && button("Another", () => answer(turns.slice(0, -1), randomSeed())),
    ] : [button("Edit and branch", () => { input.value = turn.content; turns = turns.slice(0, at); draw(); input.focus(); })];
    return h("div", { className: `turn ${turn.role}` }, h("span", { className: "hidden" }, turn.role === "user" ? "You: " : "Answer: "), h("span", { className: "text" }, turn.content), h("div", { className: "row" }, ...actions));
  };
  const correct = at => {
    const turn = turns[at], text = h("textarea", { rows: 3, value: turn.content });
    const place = list.children[at];
    place.replaceChildren(field("What it should have said", text), h("div", { className: "row" }, button("Keep", async () => {
      if (text.value === turn.content) throw new Error("Nothing was changed. Change the answer first.");
      await react("edit", [turn.sample], { text: text.value });
      turns[at] = { role: "assistant", content: text.value, corrected: true };
      draw();
    }), button("Cancel", draw)));
    text.focus();
  };
  const answer = guarded(async (asked, seed) => {
    if (busy) return;
    busy = true;
    turns = [...asked, { role: "assistant", content: "" }];
    draw();
    const text = list.lastChild.querySelector(".text");
    try {
      const sent = asked.map(({ role, content }) => ({ role, content }));
      for await (const row of rows(`${base}/chat`, { turns: sent, seed })) {
        if (row.piece) text.append(row.piece[1]);
        else turns[turns.length - 1] = { role: "assistant", content: row.samples[0].text, sample: row.samples[0] };
      }
      draw();
    } catch (error) { turns = asked.slice(0, -1); input.value = asked.at(-1).content; draw(); throw error; }
    finally { busy = false; }
  });
  const send = event => {
    event?.preventDefault();
    if (!input.value.trim() || busy) return;
    const asked = [...turns, { role: "user", content: input.value.trim() }];
    input.value = "";
    sessionStorage.removeItem(`${key}-draft`);
    answer(asked, asked.length >> 1);
  };
  fill(main, h("h1", {}, `Chat with ${run.name}`), h("p", { className: "soft" }, "What you say of answers is kept; corrections teach it best. Learn makes a new version of it."), list, h("p", {}),
    h("form", { className: "row", onsubmit: send }, field("Message", input, "Enter sends, Shift+Enter begins a line"), h("button", { className: "main-button" }, "Send"), button("New talk", () => { turns = []; draw(); input.focus(); })));
  draw();
  input.focus();
  return { keys: [["Ctrl+Enter", "send"]], onkey: event => event.ctrlKey && event.key === "Enter" ? (send(), true) : false };
}
