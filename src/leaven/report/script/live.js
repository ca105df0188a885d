// What a running study is doing: asked of its own server every two seconds; only in the live page.

const ASK_EVERY = 2000; // milliseconds
const STATES = ["done", "running", "failed", "blocked", "begun", "waiting"];
const WORDS = { begun: "begun and stopped" };
const SIGNS = { running: "▸", failed: "×", begun: "◦", waiting: "·", blocked: "–", done: "●" };
const LOSSES = 240; // points of a running training's curve that are kept

function startLive() {
  const place = document.getElementById("live");
  const panel = livePanel(place);
  const losses = new Map(); // key -> [[step, loss], ...]
  let first = null;

  async function ask() {
    let state = null;
    try {
      const answer = await fetch("state.json", { cache: "no-store" });
      if (answer.ok) state = await answer.json();
    } catch { /* the server has ended: said below */ }
    if (state) {
      first = first === null ? state.made : first;
      keepLosses(state, losses);
      panel.show(state, losses, state.made - first);
      if (!state.at_work && state.made !== first) location.reload();
    } else panel.lost();
    setTimeout(ask, ASK_EVERY);
  }
  ask();
}

function livePanel(place) {
  const head = make("p", { class: "live-head", role: "status" });
  const bar = make("progress", { "aria-label": "stages done" });
  const now = make("ul", { class: "plain live-now" });
  const graph = make("div", { class: "live-graph" });
  const chosen = make("p", { class: "muted live-chosen", "aria-live": "polite" });
  const failed = make("div", {});
  const events = make("ol", { class: "live-events" });
  const fresh = button("", () => location.reload(), { hidden: true });
  const recent = make("details", {}, make("summary", {}, "The last events"), events);
  const all = make("details", {}, make("summary", {}, "All stages"), graph, chosen);
  place.append(make("section", { class: "live", "aria-label": "The run" }, head, bar, fresh, now, failed, all, recent));
  let picked = "";

  function show(state, losses, newer) {
    const n = (name) => state.counts[name] || 0;
    const parts = STATES.filter((name) => n(name)).map((name) => `${n(name)} ${WORDS[name] || name}`);
    head.textContent = `${state.at_work ? "A run is at work" : "No run is at work"}: ${parts.join(", ") || "no stages"}.`;
    bar.max = state.stages.length || 1;
    bar.value = n("done");
    fresh.hidden = newer <= 0;
    fresh.textContent = `${counted(newer, "new result")}: show`;
    now.replaceChildren(...state.stages.filter((one) => one.state === "running").map((one) => running(one, losses.get(one.key))));
    keepOpen(failed, state.stages.filter((one) => one.state === "failed"));
    graph.replaceChildren(...lanes(state.stages, picked, (key) => { picked = key; show(state, losses, newer); }));
    chosen.textContent = told(state.stages, picked);
    events.replaceChildren(...state.events.map((one) => make("li", {}, `${clock(one.time)} ${one.event} ${one.title}${one.message ? `: ${one.message}` : ""}`)));
  }
  return { show, lost() { head.textContent = "The server of this page has ended. What is below is the last it showed."; } };
}

function running(stage, points) {
  const { done, total, unit, left_s: left, loss, silent_s: silent, wait_s: wait, status } = stage.progress || {};
  const far = total ? `${done} of ${total} ${unit || ""}` : "at work";
  const more = [typeof loss === "number" ? `loss ${loss.toPrecision(3)}` : "", typeof left === "number" ? `${duration(left)} left` : "", waits(silent, wait, status)];
  return make("li", {}, make("strong", {}, stage.title), ` ${[far, ...more.filter(Boolean)].join(", ")} `, curve(points));
}

// For how long a server has answered nobody, and why: the same words as in the terminal.
function waits(silent, wait, status) {
  if (typeof silent !== "number") return "";
  if (typeof wait === "number") return `server asks to wait ${duration(wait)}`;
  const why = typeof status !== "number" ? "" : status ? ` (status ${status})` : " (no connection)";
  return `server silent for ${duration(silent)}${why}`;
}

// A time as people say it: 0.4 s, 47 s, 3 min 20 s, 2 h 05 min; as in the terminal.
function duration(seconds) {
  const some = Math.max(0, seconds);
  const whole = Math.round(some);
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  if (some < 9.95) return `${some.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`;
}

// A running training's losses as a small line, from what this page has seen of it.
function curve(points) {
  if (!points || points.length < 3) return "";
  const space = "http://www.w3.org/2000/svg";
  const [steps, values] = [points.map((one) => one[0]), points.map((one) => one[1])];
  const [from, to, low, high] = [steps[0], steps.at(-1), Math.min(...values), Math.max(...values)];
  const svg = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "polyline");
  svg.setAttribute("viewBox", "0 0 120 24");
  svg.setAttribute("class", "live-curve");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `loss from ${values[0].toPrecision(3)} to ${values.at(-1).toPrecision(3)}`);
  line.setAttribute("points", points.map(([step, loss]) => `${(118 * (step - from)) / (to - from || 1) + 1},${22 - (20 * (loss - low)) / (high - low || 1)}`).join(" "));
  svg.append(line);
  return svg;
}

function keepLosses(state, losses) {
  for (const stage of state.stages) {
    const { done, loss } = stage.progress || {};
    if (typeof loss !== "number" || typeof done !== "number") continue;
    const seen = losses.get(stage.key) || [];
    if (!seen.length || seen.at(-1)[0] < done) losses.set(stage.key, [...seen, [done, loss]].slice(-LOSSES));
  }
}

// A line for each kind of stage, in the order of the work; a stage is a button that says what it rests on.
function lanes(stages, picked, pick) {
  const near = new Set([picked]);
  for (const one of stages) {
    if (one.key === picked) one.inputs.forEach((key) => near.add(key));
    if (one.inputs.includes(picked)) near.add(one.key);
  }
  const kinds = inOrder(stages);
  return kinds.map((kind) => make("div", { class: "lane" }, make("span", { class: "lane-name" }, kind), make("span", { class: "lane-stages" },
    ...stages.filter((one) => one.kind === kind).map((one) => button(SIGNS[one.state], () => pick(one.key), {
      class: `stage ${one.state}${picked && !near.has(one.key) ? " far" : ""}`, title: `${one.title}: ${one.state}`,
      "aria-label": `${one.title}: ${one.state}`, "aria-pressed": one.key === picked ? "true" : "false",
    })))));
}

// Kinds by how much work stands before them; stages come after their inputs.
function inOrder(stages) {
  const depth = new Map();
  const of = new Map();
  for (const one of stages) {
    depth.set(one.key, 1 + Math.max(0, ...one.inputs.map((key) => depth.get(key) || 0)));
    of.set(one.kind, Math.max(of.get(one.kind) || 0, depth.get(one.key)));
  }
  return [...of.keys()].sort((a, b) => of.get(a) - of.get(b));
}

function told(stages, picked) {
  const one = stages.find((stage) => stage.key === picked);
  if (!one) return "Choose a stage to see what it rests on, and what rests on it.";
  const names = (list) => list.map((stage) => stage.title).join(", ") || "nothing";
  const below = stages.filter((stage) => one.inputs.includes(stage.key));
  const above = stages.filter((stage) => stage.inputs.includes(one.key));
  return `${one.title} (${one.key.slice(0, 12)}) is ${one.state}. It rests on: ${names(below)}. On it rest: ${names(above)}.`;
}

// Failures stay as they are once shown: a log that a person has opened must not close under the eyes.
function keepOpen(place, failed) {
  const there = new Set([...place.children].map((one) => one.dataset.key));
  for (const child of [...place.children]) if (!failed.some((one) => one.key === child.dataset.key)) child.remove();
  for (const one of failed.filter((stage) => !there.has(stage.key))) {
    const log = make("details", {}, make("summary", {}, "Last lines of the log"), make("pre", { class: "text" }, (one.log || []).join("\n")));
    place.append(make("div", { class: "failure", "data-key": one.key }, make("strong", {}, `${one.title} failed`), make("p", { class: "text" }, one.message || ""), log));
  }
}

function clock(time) {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleTimeString();
}
