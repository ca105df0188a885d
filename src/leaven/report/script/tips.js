// What a mark of a chart stands for: shown under the pointer, and by the arrow keys once the chart has the focus.

const REACH = 14; // pixels from a mark's middle
const SMALL = 40; // a mark wider than this is a line or a field: it is meant only where it is painted

function startTips() {
  const tip = make("div", { class: "tip", hidden: true });
  const said = make("p", { class: "unseen", role: "status" });
  document.body.append(tip, said);
  for (const chart of document.querySelectorAll("svg.chart")) giveTips(chart, tip, said);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
}

function giveTips(chart, tip, said) {
  const marks = [...chart.querySelectorAll(".mark[data-tip]")];
  if (!marks.length) return;
  // The browser's own tooltip would stand beside ours.
  for (const mark of marks) for (const title of mark.querySelectorAll("title")) title.remove();
  chart.setAttribute("tabindex", "0");
  let places = [];
  let stops = [];
  let at = -1;

  function show(mark) {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    placeTip(tip, mark.getBoundingClientRect());
  }
  function point(to) {
    if (stops[at]) stops[at].classList.remove("pointed");
    at = to;
    if (!stops[at]) { tip.hidden = true; return; }
    stops[at].classList.add("pointed");
    show(stops[at]);
    said.textContent = stops[at].dataset.tip;
  }
  chart.addEventListener("pointerenter", () => { places = marks.map((mark) => mark.getBoundingClientRect()); });
  chart.addEventListener("pointermove", (event) => {
    const mark = marks[nearest(places, event.clientX, event.clientY)] || event.target.closest(".mark[data-tip]");
    if (mark) show(mark);
    else tip.hidden = true;
  });
  chart.addEventListener("pointerleave", () => { tip.hidden = true; });
  chart.addEventListener("focus", () => { stops = inReadingOrder(chart, marks); });
  chart.addEventListener("blur", () => point(-1));
  chart.addEventListener("keydown", (event) => {
    const last = stops.length - 1;
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    point(Math.min(last, Math.max(0, to)));
  });
}

// Marks are small: what is meant is the one whose middle is near enough.
function nearest(places, x, y) {
  let best = -1;
  let least = REACH;
  places.forEach((at, i) => {
    const far = Math.hypot(at.left + at.width / 2 - x, at.top + at.height / 2 - y);
    if (at.width < SMALL && at.height < SMALL && far <= least) { least = far; best = i; }
  });
  return best;
}

// One stop for all that says the same, such as a dot and its bar: line by line, or along the axis of a curve.
function inReadingOrder(chart, marks) {
  const stops = [...new Map(marks.map((mark) => [mark.dataset.tip, mark])).values()];
  const along = chart.closest("figure").matches(".dose, .tradeoff, .training");
  const places = new Map(stops.map((mark) => [mark, mark.getBoundingClientRect()]));
  const order = (a, b, first, then) => Math.round(a[first] - b[first]) || a[then] - b[then];
  return stops.sort((a, b) => (along ? order(places.get(a), places.get(b), "left", "top") : order(places.get(a), places.get(b), "top", "left")));
}

function placeTip(tip, mark) {
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(mark.left + mark.width / 2 - width / 2, document.documentElement.clientWidth - width - 8);
  const above = mark.top - height - 8;
  tip.style.left = `${Math.max(8, left) + scrollX}px`;
  tip.style.top = `${(above > 8 ? above : mark.bottom + 8) + scrollY}px`;
}
