// A text of the data as the page shows it: as text, cut where it is long, with what was searched for marked.

const FIRST = 700; // characters shown before "show all"

function whole(text) {
  return typeof text === "string" ? text : text[0];
}

function textBox(text, sought) {
  const box = make("p", { class: "text" });
  const all = whole(text);
  if (!all) return make("p", { class: "muted" }, "(empty)");
  const start = sought ? Math.max(0, all.toLowerCase().indexOf(sought) - FIRST / 2) : 0;
  const cut = all.length > FIRST * 1.3;
  if (!cut) { box.append(...marked(all, sought)); return withLength(box, text); }
  box.append(start ? "… " : "", ...marked(all.slice(start, start + FIRST), sought), start + FIRST < all.length ? "… " : "");
  const more = button(`Show all ${counted(all.length, "character")}`, () => box.replaceChildren(...marked(all, sought)), { class: "more" });
  box.append(more);
  return withLength(box, text);
}

function withLength(box, text) {
  if (typeof text === "string") return box;
  const note = `The whole text has ${counted(text[1], "character")}; this page keeps the first ${text[0].length.toLocaleString("en")}.`;
  return make("div", {}, box, make("p", { class: "note" }, note));
}

function marked(text, sought) {
  if (!sought) return [text];
  const parts = [];
  const low = text.toLowerCase();
  // Lower case may be longer (İ): then places do not match, and nothing is marked rather than the wrong thing.
  if (low.length !== text.length) return [text];
  let from = 0;
  for (let at = low.indexOf(sought); at !== -1; at = low.indexOf(sought, from)) {
    parts.push(text.slice(from, at), make("mark", {}, text.slice(at, at + sought.length)));
    from = at + sought.length;
  }
  return [...parts, text.slice(from)];
}

function scoreText(score) {
  if (score === null) return "not scored";
  const size = Math.abs(score);
  const made = Number.isInteger(score) ? score.toLocaleString("en") : size >= 100 ? score.toFixed(1) : String(Number(score.toPrecision(3)));
  return made.replace("-", "−");
}

// A mean of scores in its unit; differences of shares are points.
function meanText(value, unit) {
  return unit === "share" ? `${scoreText(Number((100 * value).toFixed(1)))} %` : named(value, unit);
}

function changeText(value, unit) {
  const sign = value > 0 ? "+" : "";
  return sign + (unit === "share" ? `${scoreText(Number((100 * value).toFixed(1)))} points` : named(value, unit));
}

function named(value, unit) {
  return unit === "score" ? scoreText(value) : `${scoreText(value)} ${unit}`;
}
