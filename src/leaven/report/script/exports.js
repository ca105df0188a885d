// The arms x metrics table as Markdown, LaTeX or CSV: copied or saved.

const FORMATS = { md: "text/markdown", tex: "text/x-tex", csv: "text/csv" };

function startExports() {
  const tools = document.getElementById("export-tools");
  if (!tools) return;
  const format = document.getElementById("export-format");
  const said = document.getElementById("export-said");
  const texts = unpacked("exports");

  document.getElementById("export-copy").addEventListener("click", async () => {
    try {
      await copy((await texts)[format.value]);
      said.textContent = "Copied.";
    } catch {
      said.textContent = "This browser does not let the page copy; save the file instead.";
    }
  });
  document.getElementById("export-save").addEventListener("click", async () => {
    save(`${fileName(document.body.dataset.study, "table")}.${format.value}`, (await texts)[format.value], FORMATS[format.value]);
    said.textContent = "Saved.";
  });
  tools.hidden = false;
}
