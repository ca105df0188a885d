// The items that changed most between two arms: side by side, with the words that differ.

const ITEMS_PER_PAGE = 10;
const WORDING = -1; // not a metric: how little of the words is shared

function fillChanges(place, data) {
  const suites = data.suites.map((_, i) => i).filter((i) => data.items.some(([suite]) => suite === i));
  const first = data.baseline === null ? 0 : data.baseline;
  const other = data.arms.map((_, i) => i).filter((i) => i !== first).pop();
  const wanted = { from: first, to: other, suite: suites[0], metric: 0, words: "" };
  const pages = pagedList(ITEMS_PER_PAGE, "item", (shown) => shown.map((pair) => drawPair(pair, data, wanted)));
  const metricPlace = make("div", { class: "field" });

  function show() {
    const every = pairsOf(data, wanted);
    const found = wanted.words === "" ? every : every.filter((pair) => holds(pair.before, wanted.words) || holds(pair.after, wanted.words));
    pages.show(found, every.length);
  }
  function metrics() {
    const named = data.suites[wanted.suite].metrics.map((metric, i) => [i, metric.name]);
    wanted.metric = named.length ? 0 : WORDING;
    metricPlace.replaceChildren(choice("By", [...named, [WORDING, "wording"]], wanted.metric, pick("metric")));
  }
  const pick = (key) => (value) => {
    wanted[key] = key === "words" ? value : Number(value);
    if (key === "suite") metrics();
    show();
  };
  const arms = data.arms.map((name, i) => [i, name]);
  const fields = [
    choice("From", arms, wanted.from, pick("from")),
    choice("To", arms, wanted.to, pick("to")),
    suites.length > 1 ? choice("Suite", suites.map((i) => [i, data.suites[i].name]), wanted.suite, pick("suite")) : null,
    metricPlace,
    searchBox("Search", pick("words")),
  ];
  const key = make("p", { class: "note" }, "Words only in the first: ", make("del", {}, "struck through"), "; only in the second: ", make("ins", {}, "underlined"),
    ". Scores are means over seeds and samples; the texts are those of the first run that both arms have.");
  place.append(make("div", { class: "tools" }, ...fields), key, ...pages.parts);
  metrics();
  show();
}

// Items that both arms answered, the largest difference first.
function pairsOf(data, wanted) {
  const sides = [wanted.from, wanted.to].map((arm) => {
    const byItem = new Map();
    for (const s of data.samples) {
      if (s.arm !== arm || s.suite !== wanted.suite) continue;
      if (!byItem.has(s.item)) byItem.set(s.item, []);
      byItem.get(s.item).push(s);
    }
    return byItem;
  });
  const pairs = [];
  for (const [item, before] of sides[0]) {
    if (sides[1].has(item)) pairs.push(pairOf(before, sides[1].get(item), wanted.metric));
  }
  const far = (pair) => (pair.change === null ? -1 : Math.abs(pair.change));
  return pairs.sort((a, b) => far(b) - far(a) || a.before.place - b.before.place);
}

function pairOf(before, after, metric) {
  const same = before.find((a) => after.some((b) => b.seed === a.seed && b.sample === a.sample)) || before[0];
  const beside = after.find((b) => b.seed === same.seed && b.sample === same.sample) || after[0];
  const pair = { before: same, after: beside, was: null, is: null, change: null };
  if (metric === WORDING) pair.change = wording(whole(same.text), whole(beside.text));
  else {
    pair.was = meanScore(before, metric);
    pair.is = meanScore(after, metric);
    if (pair.was !== null && pair.is !== null) pair.change = pair.is - pair.was;
  }
  return pair;
}

function meanScore(samples, metric) {
  const scored = samples.map((s) => s.scores[metric]).filter((score) => score !== null && score !== undefined);
  return scored.length ? scored.reduce((sum, score) => sum + score, 0) / scored.length : null;
}

function drawPair(pair, data, wanted) {
  const [was, is] = differing(whole(pair.before.text), whole(pair.after.text));
  const side = (sample, words, tag) => make("div", { class: "side" },
    make("h3", {}, make("bdi", {}, data.arms[sample.arm]), runName(sample)), wordBox(sample.text, words, tag), scoreLine(sample, data));
  return make("article", { class: "prompt" }, asked(pair.before, data, wanted.words), changeLine(pair, data, wanted),
    make("div", { class: "sides two" }, side(pair.before, was, "del"), side(pair.after, is, "ins")));
}

function changeLine(pair, data, wanted) {
  if (wanted.metric === WORDING) return make("p", { class: "change" }, `${Math.round(100 * pair.change)} % of the words differ`);
  const metric = data.suites[wanted.suite].metrics[wanted.metric];
  const line = make("p", { class: "change" }, make("bdi", {}, metric.name), " ");
  if (pair.change === null) line.append("was not scored in both arms");
  else line.append(`${meanText(pair.was, metric.unit)} → ${meanText(pair.is, metric.unit)}: `, make("strong", {}, changeText(pair.change, metric.unit)));
  return line;
}

function wordBox(text, words, tag) {
  if (!whole(text)) return make("p", { class: "muted" }, "(empty)");
  const box = make("p", { class: "text" }, ...words.map(([part, changed]) => (changed && part.trim() ? make(tag, {}, part) : part)));
  if (whole(text).length <= 2 * FIRST) return withLength(box, text);
  box.classList.add("folded");
  const more = button(`Show all ${counted(whole(text).length, "character")}`, () => { box.classList.remove("folded"); more.remove(); }, { class: "more" });
  return make("div", {}, withLength(box, text), more);
}
