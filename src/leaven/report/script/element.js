// Elements are made here and nowhere else: text is set as text, so nothing that a model wrote can become markup.

function make(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function button(name, act, attributes) {
  const made = make("button", { type: "button", ...attributes }, name);
  made.addEventListener("click", act);
  return made;
}

// A select with a label. `options` are [value, shown] pairs; `act` gets the chosen value.
function choice(name, options, chosen, act) {
  const select = make("select", {}, ...options.map(([value, shown]) => make("option", { value }, shown)));
  select.value = String(chosen);
  select.addEventListener("change", () => act(select.value));
  return make("label", { class: "field" }, make("span", {}, name), select);
}

function searchBox(name, act) {
  const input = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => act(input.value.trim().toLowerCase()), 150);
  });
  return make("label", { class: "field search" }, make("span", {}, name), input);
}

function counted(number, noun, plural) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural || `${noun}s`}`;
}

// Runs `work` when nothing of the page is due; the page must not wait for it.
function later(work) {
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 500 });
  else setTimeout(work, 1);
}
