// Where the reader is: a step of the tape and a selected node or box. Everything drawn follows from these two.
//
// The steps first go forward, one for each node, then backward, one for each gradient that is complete.

const state = { at: steps, selected: nodes.length ? Math.min(page.root, nodes.length - 1) : null };
const matches = new Set();

const hasValue = (i) => i < state.at;
const hasGradient = (i) => backwardStep.has(i) && state.at - nodes.length > backwardStep.get(i);
const hasGradientIn = (group) => {
  for (let i = group.from; i < group.to; i++) if (hasGradient(i)) return true;
  return false;
};

// The node whose step it is.
function current() {
  if (state.at === 0) return null;
  return state.at <= nodes.length ? state.at - 1 : backward[state.at - nodes.length - 1];
}

function stepTo(at) {
  state.at = Math.max(0, Math.min(steps, at));
  const now = current();
  if (now !== null) state.selected = shownAs(now);
  update();
  byId("live").textContent = inSight();
}

function select(item) {
  state.selected = item;
  update();
}

// Selects a node and unfolds what it is in.
function goTo(i) {
  const folded = around(i).filter((group) => !group.open);
  folded.forEach((group) => (group.open = true));
  state.selected = i;
  if (folded.length) rebuild();
  update();
}

function toggle(group) {
  group.open = !group.open;
  state.selected = group.open ? first(group.items[0]) : group;
  if (group.open && isGroup(group.items[0])) state.selected = group.items[0];
  rebuild();
  update();
}

function foldAll(open) {
  groups.forEach((group) => (group.open = open));
  const { selected } = state;
  if (selected !== null && !open) state.selected = isGroup(selected) ? (around(selected)[0] ?? selected) : shownAs(selected);
  rebuild();
  update();
}

// Unfolds from the outside in, as long as what is shown stays clear.
function unfoldSome(most) {
  let shown = page.items.length;
  let level = page.items.filter(isGroup);
  while (level.length) {
    const more = level.reduce((sum, group) => sum + group.items.length, 0);
    if (shown + more > most) break;
    level.forEach((group) => (group.open = true));
    shown += more;
    level = level.flatMap((group) => group.items.filter(isGroup));
  }
}

// The step in words.
function inSight() {
  const now = current();
  if (now === null) return "Before the first operation";
  const node = nodes[now];
  if (state.at <= nodes.length) return `Forward ${state.at} of ${nodes.length}: ${title(now)} = ${brief(node.v)}`;
  return `Backward ${state.at - nodes.length} of ${backward.length}: gradient of ${title(now)} = ${brief(node.a)}`;
}

// The node whose line is shown: of a box the one whose step it is, or the first.
function lineOf(item) {
  const now = current();
  if (!isGroup(item)) return item;
  return now !== null && now >= item.from && now < item.to ? now : item.from;
}

function update() {
  byId("step").value = state.at;
  byId("step").setAttribute("aria-valuetext", inSight());
  byId("where").textContent = inSight();
  document.body.classList.toggle("backward", state.at > nodes.length);
  showDetails();
  if (state.selected !== null) {
    showLine(nodes[lineOf(state.selected)].line);
    reveal(state.selected);
  }
  const focused = document.activeElement?.closest?.("#drawing");
  draw();
  if (focused) focusSelected();
}

function focusSelected() {
  if (state.selected === null) return;
  const made = graph.drawn.get(keyOf(state.selected));
  (made?.classList.contains("frame") ? made.querySelector(".head") : made)?.focus({ preventScroll: true });
}
