// Light, dark, or what the system says.

const THEMES = ["auto", "light", "dark"];

function startTheme() {
  const toggle = document.getElementById("theme");
  const root = document.documentElement;
  const name = () => root.dataset.theme || "auto";
  const show = () => { toggle.textContent = `Theme: ${name()}`; };
  toggle.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(name()) + 1) % THEMES.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    show();
  });
  show();
  toggle.hidden = false;
}
