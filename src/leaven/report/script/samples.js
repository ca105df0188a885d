// The samples, read one after another: filtered, searched, a page at a time.

const SAMPLES_PER_PAGE = 20;

function startSamples() {
  const place = document.getElementById("browser");
  if (!place) return;
  later(async () => {
    const held = await unpacked("samples-data");
    if (!held) return;
    const data = readSamples(held);
    const read = make("div", { class: "reading" });
    const changed = make("div", { class: "changing", hidden: true });
    place.append(...tabs([["All samples", read], ["What changed most", changed]], (shown) => { if (shown === changed && !changed.firstChild) fillChanges(changed, data); }));
    fillSamples(read, data);
    if (data.arms.length < 2) place.querySelector(".switch").hidden = true;
    place.hidden = false;
    document.getElementById("some-samples").classList.add("printed");
  });
}

// From lines of numbers to objects that know their names.
function readSamples(held) {
  const samples = held.samples.map(([prompt, arm, seed, sample, text, scores], place) => {
    const [item, asked, reference, group] = held.prompts[prompt];
    return { place, prompt, item, suite: held.items[item][0], asked, reference, group, arm, seed, sample, text, scores };
  });
  return { ...held, samples };
}

// Two buttons, of which one is pressed: which of two views is there.
function tabs(views, act) {
  const presses = views.map(([name, view]) => button(name, () => choose(view), {}));
  function choose(view) {
    views.forEach(([, other], i) => {
      other.hidden = other !== view;
      presses[i].setAttribute("aria-pressed", String(other === view));
    });
    act(view);
  }
  choose(views[0][1]);
  return [make("div", { class: "tools switch", role: "group", "aria-label": "View of the samples" }, ...presses), ...views.map(([, view]) => view)];
}

function fillSamples(place, data) {
  const wanted = { arm: "", suite: "", group: "", seed: "", words: "" };
  const pages = pagedList(SAMPLES_PER_PAGE, "sample", (shown) => drawSamples(shown, data, wanted.words));

  function show() {
    const found = data.samples.filter((s) => Object.keys(wanted).every((key) => key === "words" || wanted[key] === "" || String(s[key]) === wanted[key])
      && (wanted.words === "" || holds(s, wanted.words, data.items[s.item][1])));
    pages.show(found, data.samples.length);
  }
  const pick = (key) => (value) => { wanted[key] = value; show(); };
  const seeds = [...new Set(data.samples.map((s) => s.seed))].sort((a, b) => a - b);
  const fields = [
    searchBox("Search", pick("words")),
    chosenOf("Arm", data.arms.map((name, i) => [i, name]), pick("arm")),
    chosenOf("Suite", data.suites.map((suite, i) => [i, suite.name]), pick("suite")),
    chosenOf("Group", data.groups.map((name, i) => [i, name]), pick("group")),
    chosenOf("Seed", seeds.map((seed) => [seed, seed === null ? "none" : seed]), pick("seed")),
  ];
  place.append(make("div", { class: "tools" }, ...fields), ...pages.parts);
  show();
}

// A choice among what there is; none where there is nothing to choose.
function chosenOf(name, options, act) {
  return options.length < 2 ? null : choice(name, [["", "all"], ...options], "", act);
}

function holds(sample, words, id) {
  return String(id).toLowerCase().includes(words) || whole(sample.text).toLowerCase().includes(words) || whole(sample.asked).toLowerCase().includes(words);
}

// Samples that share a prompt stand side by side under it.
function drawSamples(shown, data, words) {
  const drawn = [];
  let last = null;
  for (const sample of shown) {
    if (!last || last.prompt !== sample.prompt) drawn.push(last = { prompt: sample.prompt, samples: [] });
    last.samples.push(sample);
  }
  return drawn.map(({ samples }) => {
    const [first] = samples;
    const sides = samples.map((s) => make("div", { class: "side" },
      make("h3", {}, make("bdi", {}, data.arms[s.arm]), runName(s)), textBox(s.text, words), scoreLine(s, data)));
    if (first.reference !== null) sides.push(make("div", { class: "side ref" }, make("h3", {}, "reference"), textBox(first.reference)));
    return make("article", { class: "prompt" }, asked(first, data, words), make("div", { class: "sides" }, ...sides));
  });
}

function runName(s) {
  return `${s.seed === null ? "" : `, seed ${s.seed}`}${s.sample ? `, sample ${s.sample + 1}` : ""}`;
}

function asked(sample, data, words) {
  const parts = [data.suites[sample.suite].name, sample.group === null ? null : data.groups[sample.group], data.items[sample.item][1]];
  const name = make("p", { class: "from" }, ...parts.filter((part) => part).map((part) => make("bdi", {}, part)));
  const prompt = textBox(sample.asked, words);
  prompt.classList.add("question");
  return make("header", {}, name, prompt);
}

function scoreLine(sample, data) {
  const { metrics } = data.suites[sample.suite];
  if (!metrics.length) return null;
  return make("dl", { class: "scores" }, ...metrics.map((metric, i) =>
    make("div", {}, make("dt", {}, make("bdi", {}, metric.name)), make("dd", {}, scoreText(sample.scores[i])))));
}
