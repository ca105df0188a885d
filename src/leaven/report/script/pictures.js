// Charts as files: the page's colours are written into the picture, so that it looks the same without the page.

const SCALE = 2; // of a saved PNG

function startPictures() {
  for (const figure of document.querySelectorAll("figure.plot")) {
    const chart = figure.querySelector("svg.chart");
    if (!chart) continue;
    const name = fileName(document.body.dataset.study, figure.dataset.name);
    const title = figure.querySelector("h3");
    const titled = title.textContent.trim();
    const tools = make("div", { class: "tools small" },
      button("SVG", () => save(`${name}.svg`, drawn(chart), "image/svg+xml"), { "aria-label": `Save as SVG: ${titled}` }),
      button("PNG", () => savePng(chart, `${name}.png`), { "aria-label": `Save as PNG: ${titled}` }));
    title.after(tools);
  }
}

// The chart alone, with every colour of the page resolved.
function drawn(chart) {
  const style = getComputedStyle(chart);
  const [, , width, height] = chart.getAttribute("viewBox").split(/[\s,]+/).map(Number);
  const copied = chart.cloneNode(true);
  copied.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copied.setAttribute("width", width);
  copied.setAttribute("height", height);
  copied.setAttribute("font-family", style.fontFamily);
  for (const name of ["tabindex", "class", "style"]) copied.removeAttribute(name);
  for (const mark of copied.querySelectorAll("[data-tip]")) {
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = mark.dataset.tip;
    mark.prepend(title);
    for (const name of ["data-tip", "class"]) mark.removeAttribute(name);
  }
  const paper = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ width, height, fill: paperColour() })) paper.setAttribute(name, value);
  copied.prepend(paper);
  const written = new XMLSerializer().serializeToString(copied);
  return written
    .replace(/var\((--[\w-]+)(?:,\s*([^()]*))?\)/g, (_, name, otherwise) => style.getPropertyValue(name).trim() || otherwise || "none")
    .replaceAll("currentColor", style.color);
}

// White in light, so that it sits well on paper; the page's own in dark, where white letters need it.
function paperColour() {
  const style = getComputedStyle(document.documentElement);
  return style.getPropertyValue("--dark").trim() ? style.getPropertyValue("--paper").trim() : "#ffffff";
}

function savePng(chart, name) {
  const picture = new Image();
  const address = URL.createObjectURL(new Blob([drawn(chart)], { type: "image/svg+xml" }));
  picture.addEventListener("load", () => {
    const canvas = make("canvas", { width: picture.naturalWidth * SCALE, height: picture.naturalHeight * SCALE });
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(address);
    canvas.toBlob((made) => save(name, made), "image/png");
  });
  picture.src = address;
}
