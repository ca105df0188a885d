// Which suites and arms the tables show, and whether p-values stand in their cells.

function startFilters() {
  const results = document.getElementById("results");
  const tools = document.getElementById("table-tools");
  if (!results || !tools) return;
  const suite = document.getElementById("suite-filter");
  const arm = document.getElementById("arm-filter");
  const said = document.getElementById("table-count");
  const rows = [...results.querySelectorAll("tr[data-arm]")];
  const every = new Set(rows.map((row) => row.dataset.arm));

  function show() {
    const wanted = suite ? suite.value : "";
    const part = arm ? arm.value.trim().toLowerCase() : "";
    for (const block of results.querySelectorAll("[data-suite]")) block.hidden = wanted !== "" && block.dataset.suite !== wanted;
    for (const row of rows) row.hidden = part !== "" && !row.dataset.arm.toLowerCase().includes(part);
    const shown = [...every].filter((name) => part === "" || name.toLowerCase().includes(part)).length;
    said.textContent = part === "" ? "" : `${shown} of ${counted(every.size, "arm")}`;
  }
  if (suite) suite.addEventListener("change", show);
  if (arm) arm.addEventListener("input", show);

  const raw = document.getElementById("raw-p");
  raw.addEventListener("click", () => {
    const on = raw.getAttribute("aria-pressed") !== "true";
    raw.setAttribute("aria-pressed", String(on));
    results.classList.toggle("with-p", on);
  });
  tools.hidden = false;
}
