// The graph as a drawing: boxes of layers, nodes, arrows. Only what is near the visible part is in the document, so that
// thousands of nodes scroll as easily as ten.

const scroll = byId("scroll");
const drawing = byId("drawing");
const AROUND = 400;

const graph = {
  zoom: 1,
  width: 0,
  height: 0,
  placed: new Map(), // key → { item, x, y, w, h, open } in the whole drawing
  arrows: [],
  drawn: new Map(), // key → element
};
const strata = ["frames", "arrows", "nodes"].map((name) => drawing.appendChild(element("g", { class: name })));

// Places everything anew: something was folded or unfolded.
function rebuild() {
  const root = arrange(whole);
  graph.placed.clear();
  const trails = new Map();
  (function place(layout, group, x, y) {
    const there = (points) => points.map((p) => ({ x: x + p.x, y: y + p.y, h: p.h }));
    for (const [key, points] of layout.entries) trails.set(`${key}>${group.id}`, there(points));
    for (const box of layout.boxes) {
      const open = Boolean(box.inside);
      graph.placed.set(keyOf(box.item), { item: box.item, x: x + box.x, y: y + box.y, w: box.w, h: box.h, open });
      trails.set(keyOf(box.item), { rank: box.rank, points: there(box.points) });
      if (open) place(box.inside, box.item, x + box.x, y + box.y);
    }
  })(root, whole, 0, 0);
  [graph.width, graph.height] = [Math.max(root.w, 40), Math.max(root.h, 40)];
  graph.arrows = arrows(trails);
  for (const made of graph.drawn.values()) made.remove();
  graph.drawn.clear();
  resize();
}

// An arrow for each pair of boxes that are shown and joined.
function arrows(trails) {
  const found = new Map();
  nodes.forEach((_, i) => {
    const to = shownAs(i);
    const add = (input, dotted) => {
      const from = shownAs(input);
      if (from === to) return;
      const key = `${keyOf(from)}>${keyOf(to)}`;
      if (!found.has(key)) found.set(key, { key, from, to, dotted, pairs: [] });
      found.get(key).pairs.push([input, i]);
      found.get(key).dotted &&= dotted;
    };
    inputsOf[i].forEach((input) => add(input, false));
    ruleInputsOf[i].forEach((input) => add(input, true));
  });
  for (const arrow of found.values()) {
    const [from, to] = [graph.placed.get(keyOf(arrow.from)), graph.placed.get(keyOf(arrow.to))];
    const points = [{ x: from.x + from.w / 2, y: from.y + from.h }, ...between(arrow, trails), { x: to.x + to.w / 2, y: to.y }];
    arrow.path = curve(points);
    const xs = points.map((p) => p.x);
    Object.assign(arrow, { left: Math.min(...xs), right: Math.max(...xs), top: points[0].y, bottom: points.at(-1).y });
  }
  return [...found.values()];
}

// The points that lead an arrow past other boxes: out of the groups that only its source is in, past those between, and
// into the groups that only its target is in.
function between(arrow, trails) {
  const [source, target] = [arrow.from, arrow.to].map((item) => [...around(item), item]);
  let depth = 0;
  while (source[depth] === target[depth]) depth++;
  const trail = (item) => trails.get(keyOf(item));
  const out = source.slice(depth + 1).reverse().flatMap((item) => trail(item).points);
  const [from, to] = [trail(source[depth]), trail(target[depth])];
  const past = from.points.slice(0, Math.max(0, to.rank - from.rank - 1));
  const into = target.slice(depth + 1).flatMap((item, k) => {
    const entry = trails.get(`${keyOf(arrow.from)}>${target[depth + k].id}`) ?? [];
    return entry.slice(0, trail(item).rank);
  });
  return [...out, ...past, ...into].flatMap((p) => [{ x: p.x, y: p.y }, { x: p.x, y: p.y + p.h }]);
}

function curve(points) {
  let path = `M${Math.round(points[0].x)} ${Math.round(points[0].y)}`;
  for (let k = 1; k < points.length; k++) {
    const [a, b] = [points[k - 1], points[k]];
    const half = (a.y + b.y) / 2;
    path += a.x === b.x ? `L${Math.round(b.x)} ${Math.round(b.y)}` : `C${[a.x, half, b.x, half, b.x, b.y].map(Math.round).join(" ")}`;
  }
  return path;
}

function resize() {
  drawing.setAttribute("viewBox", `0 0 ${graph.width} ${graph.height}`);
  drawing.setAttribute("width", graph.width * graph.zoom);
  drawing.setAttribute("height", graph.height * graph.zoom);
  draw();
}

// Brings the document up to date with what is visible; `all` draws everything, for paper.
function draw(all = false) {
  const { zoom } = graph;
  const margin = Math.max(0, (scroll.clientWidth - graph.width * zoom) / 2);
  const left = (scroll.scrollLeft - margin) / zoom - AROUND;
  const top = scroll.scrollTop / zoom - AROUND;
  const right = left + scroll.clientWidth / zoom + 2 * AROUND;
  const bottom = top + scroll.clientHeight / zoom + 2 * AROUND;
  const near = (l, t, r, b) => all || (r >= left && l <= right && b >= top && t <= bottom);
  const wanted = new Set();
  const want = (key, stratum, make) => {
    wanted.add(key);
    if (graph.drawn.has(key)) return;
    const made = make();
    graph.drawn.set(key, made);
    strata[stratum].append(made);
  };
  for (const arrow of graph.arrows) {
    if (near(arrow.left, arrow.top, arrow.right, arrow.bottom)) want(arrow.key, 1, () => drawArrow(arrow));
  }
  for (const [key, box] of graph.placed) {
    // What has the focus stays, wherever it is.
    const keep = graph.drawn.get(key)?.contains(document.activeElement);
    if (keep || near(box.x, box.y, box.x + box.w, box.y + box.h)) {
      want(key, box.open ? 0 : 2, () => (box.open ? drawFrame(box) : drawBox(box)));
    }
  }
  for (const [key, made] of graph.drawn) {
    if (!wanted.has(key)) {
      made.remove();
      graph.drawn.delete(key);
    }
  }
  paint();
}

function drawArrow(arrow) {
  const line = element("path", { d: arrow.path, class: arrow.dotted ? "arrow dotted" : "arrow" });
  line.arrow = arrow;
  return line;
}

function drawFrame(box) {
  const { item, x, y, w, h } = box;
  const name = element("text", { x: 24, y: 17, class: "name" }, item.name);
  const head = element(
    "g",
    { class: "head", role: "button", tabindex: "-1", "aria-expanded": "true", "aria-label": `layer ${item.name}, unfolded`, onclick: () => toggle(item) },
    element("rect", { width: Math.min(w, item.name.length * 7.5 + 40), height: 24, rx: 8 }),
    element("text", { x: 9, y: 17, class: "sign" }, "−"),
    name,
  );
  return element("g", { class: item.layer ? "frame" : "frame block", transform: `translate(${x} ${y})`, "data-key": item.id }, element("rect", { width: w, height: h, rx: 10 }), head);
}

function drawBox(box) {
  const { item, x, y, w, h } = box;
  const of = isGroup(item) ? { class: item.layer ? "box group" : "box group block" } : { class: `box ${kind(item)}` };
  const made = element("g", {
    ...of,
    role: "button",
    tabindex: "-1",
    transform: `translate(${x} ${y})`,
    "data-key": keyOf(item),
    onclick: () => select(item),
    ondblclick: () => isGroup(item) && toggle(item),
  });
  if (isGroup(item)) {
    made.setAttribute("aria-expanded", "false");
    made.append(element("rect", { x: 4, y: 4, width: w, height: h, rx: 10, class: "under" }));
  }
  made.append(element("rect", { width: w, height: h, rx: !isGroup(item) && nodes[item].op === "leaf" ? 22 : 10, class: "body" }));
  const line = (y, name, text) => made.appendChild(element("text", { x: 12, y, class: name }, text));
  if (isGroup(item)) {
    made.append(element("text", { x: 12, y: 24, class: "op" }, `+ ${clip(item.name, 17)}`));
    line(44, "small", `${item.to - item.from} nodes`);
    made.append(element("rect", { x: w - 58, y: 37, width: 46, height: 5, rx: 2.5, class: "track" }), element("rect", { x: w - 58, y: 37, width: 0, height: 5, rx: 2.5, class: "done" }));
  } else {
    const node = nodes[item];
    const op = element("text", { x: 12, y: 20, class: "op" }, clip(node.name ?? node.op, 16));
    made.append(op, element("text", { x: w - 12, y: 20, class: "small index" }, `%${item}`));
    if (node.name) op.append(element("tspan", { class: "small", dx: 6 }, clip(node.op, 9)));
    line(37, "number value", "");
    line(52, "number gradient", "");
  }
  return made;
}

const clip = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function kind(i) {
  const { op, grad } = nodes[i];
  if (!grad) return "constant";
  return op === "leaf" ? "leaf" : "operation";
}

// Classes and numbers of what is drawn, after a step or a choice.
function paint() {
  const now = current();
  const shownNow = now === null ? null : shownAs(now);
  for (const [key, made] of graph.drawn) {
    const box = graph.placed.get(key);
    if (box) paintBox(made, box, box.item === shownNow);
    else paintArrow(made, now);
  }
}

function paintBox(made, { item, w, open }, isNow) {
  const chosen = state.selected === item;
  made.classList.toggle("selected", chosen);
  if (open) return;
  made.setAttribute("tabindex", chosen ? "0" : "-1");
  made.setAttribute("aria-pressed", chosen);
  made.classList.toggle("now", isNow);
  made.classList.toggle("found", matches.has(item));
  if (isGroup(item)) {
    let done = 0;
    for (let i = item.from; i < item.to; i++) done += hasValue(i);
    const flown = backward.length && hasGradientIn(item);
    made.querySelector(".done").setAttribute("width", (46 * done) / (item.to - item.from));
    made.classList.toggle("ahead", done === 0);
    made.classList.toggle("flown", Boolean(flown));
    made.setAttribute("aria-label", `${item.layer ? "layer" : "nodes"} ${item.name}, ${item.to - item.from} nodes, folded`);
    return;
  }
  const node = nodes[item];
  made.classList.toggle("ahead", !hasValue(item));
  made.classList.toggle("flown", hasGradient(item));
  const [value, gradient] = [hasValue(item) ? brief(node.v) : "", hasGradient(item) ? brief(node.a) : ""];
  made.querySelector(".value").textContent = value;
  made.querySelector(".gradient").textContent = gradient;
  const says = [title(item), value && `value ${value}`, gradient && `gradient ${gradient}`].filter(Boolean);
  made.setAttribute("aria-label", says.join(", "));
}

// In the step of a node, what it reads leads to it, or its gradient leads on to its inputs.
function paintArrow(made, now) {
  const { pairs } = made.arrow;
  const goesBack = state.at > nodes.length;
  const active = now !== null && pairs.some(([, to]) => to === now) && (!goesBack || pairs.some(([from, to]) => to === now && gradientTo[now].includes(from)));
  made.classList.toggle("active", active);
  made.classList.toggle("backward", active && goesBack);
  made.classList.toggle("ahead", pairs.every(([, to]) => !hasValue(to)));
  made.classList.toggle("flown", pairs.some(([from, to]) => hasGradient(to) && nodes[from].a && gradientTo[to].includes(from)));
}

// Scrolls until a node or box is in sight.
function reveal(item) {
  const box = graph.placed.get(keyOf(item));
  if (!box) return;
  const { zoom } = graph;
  const margin = Math.max(0, (scroll.clientWidth - graph.width * zoom) / 2);
  const near = (start, size, from, room) => {
    if (start >= from + 30 && start + size <= from + room - 30) return from;
    return start + size / 2 - room / 2;
  };
  scroll.scrollTop = near(box.y * zoom, Math.min(box.h * zoom, 200), scroll.scrollTop, scroll.clientHeight);
  if (margin === 0) scroll.scrollLeft = near(box.x * zoom, box.w * zoom, scroll.scrollLeft, scroll.clientWidth);
}
