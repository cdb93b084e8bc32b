// The lines of source. A line that recorded something can be chosen, and the line of the selected node is marked.

const source = byId("source");
const byLine = page.files.map(() => new Map());
nodes.forEach((node, i) => {
  const [file, line] = node.line;
  byLine[file].set(line, [...(byLine[file].get(line) ?? []), i]);
});

const shownSource = { file: -1, rows: new Map(), marked: null };

function showFile(file) {
  if (shownSource.file === file) return;
  shownSource.file = file;
  shownSource.rows.clear();
  shownSource.marked = null;
  const { lines } = page.files[file];
  const list = element("div", { class: "lines", role: "list", tabindex: "0", "aria-label": fileName(file) });
  const known = lines.length ? lines : [...byLine[file].keys()].sort((a, b) => a - b).map((line) => [line, ""]);
  let before = 0;
  for (const [number, text] of known) {
    if (before && number > before + 1) list.append(element("div", { class: "skip" }, "⋮"));
    before = number;
    const of = byLine[file].get(number);
    const count = of ? element("button", { type: "button", class: "count", tabindex: "-1", title: of.length > 1 ? `${of.length} nodes, from %${of[0]}` : title(of[0]), onclick: () => chooseLine(of) }, of.length > 1 ? `×${of.length}` : `%${of[0]}`) : "";
    const row = element("div", { class: of ? "row recorded" : "row", role: "listitem", onclick: of && (() => chooseLine(of)) }, element("span", { class: "number" }, String(number)), element("code", {}, text || " "), count);
    shownSource.rows.set(number, row);
    list.append(row);
  }
  const head = element("div", { class: "head" }, element("h2", {}, "Source"), chooser(file));
  source.replaceChildren(head, ...(lines.length ? [] : [element("p", { class: "note" }, "The file could not be read when the page was written; these are its lines that recorded something.")]), list);
}

function chooser(file) {
  if (page.files.length < 2) return element("span", { class: "note" }, fileName(file));
  const options = page.files.map((_, k) => element("option", { value: k, selected: k === file }, fileName(k)));
  return element("select", { "aria-label": "File", onchange: (event) => showFile(Number(event.target.value)) }, ...options);
}

// The nodes of a line, one after the other.
function chooseLine(of) {
  const at = of.indexOf(state.selected);
  goTo(of[(at + 1) % of.length]);
}

function showLine([file, line]) {
  showFile(file);
  const row = shownSource.rows.get(line);
  shownSource.marked?.classList.remove("marked");
  shownSource.marked?.removeAttribute("aria-current");
  shownSource.marked = row;
  if (!row) return;
  row.classList.add("marked");
  row.setAttribute("aria-current", "true");
  const list = row.parentNode;
  const [top, room] = [row.offsetTop, list.clientHeight];
  if (top < list.scrollTop + 20 || top > list.scrollTop + room - 40) list.scrollTop = top - room / 2;
}
