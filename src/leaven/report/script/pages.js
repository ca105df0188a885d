// A long list, a page at a time: only what is looked at is in the document.

function pagedList(size, noun, draw, plural) {
  const said = make("p", { class: "count", role: "status" });
  const list = make("div", { class: "entries" });
  const first = button("First", () => go(0));
  const back = button("Previous", () => go(page - 1));
  const on = button("Next", () => go(page + 1));
  const last = button("Last", () => go(pages() - 1));
  const where = make("span", { class: "where" });
  const bar = make("div", { class: "tools pager", role: "group", "aria-label": `Pages of ${plural || `${noun}s`}` }, first, back, where, on, last);
  let found = [];
  let page = 0;
  let of = 0;

  const pages = () => Math.max(1, Math.ceil(found.length / size));

  function go(to) {
    page = Math.min(pages() - 1, Math.max(0, to));
    list.replaceChildren(...draw(found.slice(page * size, (page + 1) * size)));
    const from = page * size;
    const shown = found.length ? `${(from + 1).toLocaleString("en")} to ${Math.min(found.length, from + size).toLocaleString("en")} of ` : "";
    said.textContent = `${shown}${counted(found.length, noun, plural)}${found.length < of ? ` (${of.toLocaleString("en")} in all)` : ""}`;
    where.textContent = `Page ${(page + 1).toLocaleString("en")} of ${pages().toLocaleString("en")}`;
    // Not `disabled`: a button that loses the focus as it is pressed loses the reader too.
    for (const [press, ends] of [[first, page === 0], [back, page === 0], [on, page === pages() - 1], [last, page === pages() - 1]]) {
      press.setAttribute("aria-disabled", String(ends));
    }
    bar.hidden = pages() === 1;
  }
  function show(entries, inAll) {
    found = entries;
    of = inAll;
    go(0);
  }
  return { parts: [said, list, bar], show };
}
