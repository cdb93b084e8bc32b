// Keys, buttons and the search.

const theme = document.documentElement.dataset;
let playing = null;

const actions = {
  first: () => stepTo(0),
  back: () => stepTo(state.at - 1),
  next: () => stepTo(state.at + 1),
  last: () => stepTo(steps),
  play,
  fold: () => foldAll(false),
  unfold: () => foldAll(true),
  smaller: () => zoomTo(graph.zoom / 1.2),
  larger: () => zoomTo(graph.zoom * 1.2),
  theme: () => {
    const dark = theme.theme ? theme.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    theme.theme = dark ? "light" : "dark";
  },
  help: () => byId("help").showModal(),
};

document.querySelectorAll("[data-do]").forEach((button) => button.addEventListener("click", () => actions[button.dataset.do]()));
byId("step").addEventListener("input", (event) => stepTo(Number(event.target.value)));
scroll.addEventListener("scroll", () => requestAnimationFrame(() => draw()));
new ResizeObserver(() => draw()).observe(scroll);

function play() {
  const button = document.querySelector("[data-do=play]");
  if (playing) clearInterval(playing);
  else if (state.at === steps) stepTo(0);
  playing = playing ? null : setInterval(() => (state.at < steps ? stepTo(state.at + 1) : play()), Math.max(60, Math.min(700, 20000 / (steps + 1))));
  button.setAttribute("aria-pressed", Boolean(playing));
  button.textContent = playing ? "Stop" : "Play";
}

function zoomTo(zoom) {
  graph.zoom = Math.max(0.2, Math.min(3, zoom));
  resize();
  if (state.selected !== null) reveal(state.selected);
}

// Selects an input of the selected node, or what reads it.
function along(up) {
  const { selected } = state;
  if (selected === null) return;
  const [from, to] = isGroup(selected) ? [selected.from, selected.to] : [selected, selected + 1];
  const next = [];
  for (let i = from; i < to; i++) next.push(...(up ? [...inputsOf[i], ...ruleInputsOf[i]] : readersOf[i]).filter((other) => other < from || other >= to));
  if (next.length) select(shownAs(up ? Math.max(...next) : Math.min(...next)));
}

function enter() {
  const { selected } = state;
  if (selected === null) return;
  if (isGroup(selected)) toggle(selected);
  else if (around(selected).length) toggle(around(selected).at(-1));
}

const keys = {
  ArrowRight: actions.next,
  ArrowLeft: actions.back,
  ArrowUp: () => along(true),
  ArrowDown: () => along(false),
  Home: actions.first,
  End: actions.last,
  Enter: enter,
  p: play,
  f: actions.fold,
  u: actions.unfold,
  g: () => typeof state.selected === "number" && stepTo(state.selected + 1),
  "/": () => byId("search").focus(),
  "+": actions.larger,
  "=": actions.larger,
  "-": actions.smaller,
  "?": actions.help,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const { target } = event;
  const typing = target.matches("input[type=search], select");
  // Buttons and the slider keep their own keys.
  const own = (target.matches("button, .head") && ["Enter", " "].includes(event.key)) || (target.matches("input[type=range], .lines") && event.key.startsWith("Arrow"));
  if (typing || own) return;
  const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  const inside = target.closest("#drawing");
  action();
  if (inside) focusSelected();
});
drawing.addEventListener("keydown", (event) => {
  if (event.target.matches(".head") && ["Enter", " "].includes(event.key)) {
    event.preventDefault();
    event.stopPropagation();
    toggle(graph.placed.get(event.target.parentNode.dataset.key).item);
    focusSelected();
  }
});

// The search: words that all occur in what is known of a node.
const text = (i) => {
  const node = nodes[i];
  return `%${i} ${node.op} ${node.at ?? ""} ${fullName(node)} ${node.layer ?? ""} ${place(node)}`.toLowerCase();
};
const searched = { texts: null, found: [], at: -1 };

function search() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  searched.texts ??= nodes.map((_, i) => text(i));
  // A node by its number is this one node.
  const fits = (i, word) => (/^%\d+$/.test(word) ? word === `%${i}` : searched.texts[i].includes(word));
  searched.found = words.length ? nodes.map((_, i) => i).filter((i) => words.every((word) => fits(i, word))) : [];
  searched.at = -1;
  matches.clear();
  searched.found.forEach((i) => matches.add(i));
  byId("found").textContent = words.length ? (searched.found.length ? `${searched.found.length} found` : "nothing found") : "";
  paint();
}

function nextFound(step) {
  const { found } = searched;
  if (!found.length) return;
  searched.at = (searched.at + step + found.length + (searched.at < 0 && step < 0 ? 1 : 0)) % found.length;
  byId("found").textContent = `${searched.at + 1} of ${found.length}`;
  goTo(found[searched.at]);
}

byId("search").addEventListener("input", search);
byId("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextFound(event.shiftKey ? -1 : 1);
  if (event.key === "Escape") {
    event.target.value = "";
    search();
    focusSelected();
  }
});

// On paper there is no scrolling: a graph that is not too large is drawn whole.
window.addEventListener("beforeprint", () => graph.placed.size <= 600 && draw(true));
window.addEventListener("afterprint", () => draw());

const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
const layers = groups.filter((group) => group.layer).length;
byId("facts").textContent = [count(nodes.length, "node"), layers && count(layers, "layer"), page.dtype, nodes.length && `differentiated: ${title(page.root)}`].filter(Boolean).join(" · ");
byId("step").max = steps;
unfoldSome(90);
rebuild();
// A small graph is seen whole, if its text stays legible.
graph.zoom = Math.max(0.75, Math.min(1, (scroll.clientHeight - 30) / graph.height));
resize();
if (state.selected !== null) state.selected = shownAs(state.selected);
update();
document.body.dataset.ready = "true";
