// Tables sort by a click on a column's head: one way, the other way, as it came.

function startSorting() {
  for (const table of document.querySelectorAll("table.sortable")) if (table.tBodies[0].rows.length > 1) makeSortable(table);
}

function makeSortable(table) {
  const body = table.tBodies[0];
  const came = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const name = head.querySelector(".name");
    const press = button("", () => sortBy(column), { class: "sort" });
    name.replaceWith(press);
    press.append(name);
  });

  function sortBy(column) {
    const keys = new Map(came.map((row) => [row, sortKey(row.cells[column])]));
    const numeric = [...keys.values()].some((key) => typeof key === "number");
    const ways = numeric ? ["descending", "ascending", null] : ["ascending", "descending", null];
    const now = heads[column].getAttribute("aria-sort");
    const next = ways[(ways.indexOf(now) + 1) % ways.length];
    for (const head of heads) head.removeAttribute("aria-sort");
    if (next) heads[column].setAttribute("aria-sort", next);
    const sign = next === "descending" ? -1 : 1;
    const order = next ? [...came].sort((a, b) => compareKeys(keys.get(a), keys.get(b), sign)) : came;
    body.append(...order);
  }
}

// A number where the cell says one, else its text; null where there is nothing to sort by.
function sortKey(cell) {
  const told = cell.dataset.sort;
  if (told === undefined && !cell.classList.contains("num")) return cell.textContent.trim().toLowerCase();
  const found = (told === undefined ? cell.textContent : told).replaceAll("−", "-").replaceAll(",", "").match(/[-+]?\d*\.?\d+(e[-+]?\d+)?/i);
  return found ? Number(found[0]) : null;
}

// What is missing stands last, whichever way.
function compareKeys(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), "en", { numeric: true });
}
