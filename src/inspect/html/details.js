// What the page tells of the selected node or box.

const details = byId("details");

function showDetails() {
  const { selected } = state;
  const parts = selected === null ? [element("p", { class: "note" }, "Nothing is selected.")] : isGroup(selected) ? aboutGroup(selected) : aboutNode(selected);
  details.replaceChildren(...parts);
}

function aboutGroup(group) {
  const counts = new Map();
  for (let i = group.from; i < group.to; i++) counts.set(nodes[i].op, (counts.get(nodes[i].op) ?? 0) + 1);
  const parameters = [];
  for (let i = group.from; i < group.to; i++) if (nodes[i].name) parameters.push(i);
  return [
    heading(group.layer ? "layer" : "nodes", [...around(group), group].map((g) => g.name).join(" › ")),
    element("p", {}, `%${group.from} to %${group.to - 1}, ${group.to - group.from} nodes: ${[...counts].map(([op, n]) => (n > 1 ? `${n} ${op}` : op)).join(", ")}.`),
    element("p", {}, element("button", { type: "button", onclick: () => toggle(group) }, group.open ? "Fold" : "Unfold")),
    ...(parameters.length ? [element("h3", {}, "Names"), element("p", {}, ...spaced(parameters.slice(0, 60).map((i) => chip(i, fullName(nodes[i])))))] : []),
  ];
}

function aboutNode(i) {
  const node = nodes[i];
  const rule = node.rule && node.rule.length ? node.rule : null;
  const operands = rule ?? node.in;
  const layers = around(i).filter((group) => group.layer).map((group) => group.name);
  const facts = [page.dtype + (node.v ? shape(node.v) : ""), node.at, layers.length ? `in ${layers.join(" › ")}` : "", node.grad ? "" : "no gradient flows through it"].filter(Boolean);
  return [
    heading(`%${i}`, [node.op, node.name].filter(Boolean).join("  ")),
    element("p", { class: "facts" }, facts.join(" · "), " · ", element("button", { type: "button", class: "link", onclick: () => showLine(node.line) }, place(node))),
    ...rules(i, operands, rule),
    numbers("Value", "value", hasValue(i) ? node.v : null, "It has no value yet at this step."),
    numbers("Gradient", "gradient", hasGradient(i) ? node.a : null, node.a ? "No gradient has arrived yet at this step." : node.grad ? "No gradient arrives: the number that was differentiated does not depend on it." : "It is a constant for the walk backward."),
    ...readers(i),
  ];
}

const heading = (small, text) => element("h2", {}, element("span", { class: "kind" }, small), " ", text);

const spaced = (parts) => parts.flatMap((part) => [part, " "]);

// A node to go to.
const chip = (i, text) => element("button", { type: "button", class: "chip", onclick: () => goTo(i) }, text ?? title(i));

// Markup of the page itself: formulas, written by the crate.
function formula(markup, before) {
  const made = element("div", { class: "formula" });
  made.innerHTML = `<math display="block">${before}${markup.replace(/^<math>|<\/math>$/g, "")}</math>`;
  return made;
}

const letter = (name, index) => (index === undefined ? `<mi>${name}</mi>` : `<msub><mi>${name}</mi><mn>${index}</mn></msub>`);
const bar = (inside) => `<mover accent="true">${inside}<mo stretchy="false">¯</mo></mover>`;

// What the inputs are called in a formula.
function letters(count, elementwise) {
  if (count === 1) return [letter("x")];
  if (count === 2 && elementwise) return [letter("a"), letter("b")];
  return Array.from({ length: count }, (_, k) => letter("x", k + 1));
}

function rules(i, operands, rule) {
  const node = nodes[i];
  if (node.f === undefined) return [element("p", { class: "note" }, node.op === "leaf" ? "A value from outside whose gradient is wanted." : "A value from outside.")];
  const written = page.formulas[node.f];
  const filled = node.n;
  const names = letters(operands.length, written.e);
  const head = element("p", { class: "operands" });
  operands.forEach((input, k) => {
    const math = element("span");
    math.innerHTML = `<math>${names[k]}<mo>=</mo></math>`;
    head.append(math, chip(input), " ");
  });
  const parts = [element("h3", {}, "Formula"), head, formula((hasValue(i) && filled?.z) || written.z, "<mi>z</mi><mo>=</mo>")];
  const shown = operands.map((input, k) => ({ input, k, by: written.d[k] })).filter(({ input, by }) => by && nodes[input].grad);
  if (!shown.length) return parts;
  parts.push(element("h3", {}, rule ? "Rule by hand" : "Rule", element("small", {}, " what is added to the gradient of each input")));
  for (const { input, k, by } of shown) {
    parts.push(formula((hasGradient(i) && filled?.d[k]) || by, `${bar(names[k])}<mo>+=</mo>`));
    if (node.v && nodes[input].v && !rule && node.d?.[k] && shape(node.v) !== shape(nodes[input].v)) {
      parts.push(element("p", { class: "note" }, `summed over the axes that were broadcast, to ${shape(nodes[input].v)}`));
    }
    const list = element("dl");
    const add = (name, summary) => summary && list.append(element("dt", {}, name), element("dd", {}, inWords(summary)));
    if (hasValue(i)) add("local derivative", node.d?.[k]);
    if (hasGradient(i)) add("hands on", node.h?.[k]);
    if (list.childNodes.length) parts.push(list);
  }
  return parts;
}

function readers(i) {
  const all = readersOf[i];
  if (!all.length) return [];
  const rest = all.length > 40 ? ` and ${all.length - 40} more` : "";
  return [element("h3", {}, "Read by"), element("p", {}, ...spaced(all.slice(0, 40).map((reader) => chip(reader))), rest)];
}

// A tensor in a line.
function inWords(summary) {
  const { s, e, r } = summary;
  if (!r) return s.length ? `[${e.map(short).join(", ")}]` : short(e[0]);
  const bad = r.bad ? `; ${r.bad} not finite` : "";
  return `${short(r.min)} to ${short(r.max)}, mean ${short(r.mean)}${bad}`;
}

// A tensor with its histogram.
function numbers(name, className, summary, missing) {
  const section = element("div", { class: `numbers ${className}` }, element("h3", {}, name, summary ? element("small", {}, ` ${shape(summary)}`) : ""));
  if (!summary) {
    section.append(element("p", { class: "note" }, missing));
    return section;
  }
  const { s, e, r } = summary;
  if (!r) {
    section.append(element("p", { class: "figures" }, inWords(summary)));
    return section;
  }
  const rows = [["min", r.min], ["mean", r.mean], ["max", r.max], ["deviation", r.std]];
  section.append(element("p", { class: "figures" }, ...spaced(rows.map(([key, x]) => element("span", {}, element("small", {}, key), ` ${short(x)}`)))));
  if (r.h.length) section.append(histogram(r, name));
  const count = s.reduce((product, n) => product * n, 1);
  const notes = [`${count} numbers, the first: ${e.map(short).join(", ")} …`];
  if (r.zero) notes.push(`${r.zero} are 0`);
  if (r.bad) notes.push(`${r.bad} are not finite`);
  section.append(element("p", { class: r.bad ? "note bad" : "note" }, notes.join("; "), "."));
  return section;
}

function histogram({ h, min, max, zero }, name) {
  const [w, height] = [20 * h.length, 70];
  const most = Math.max(...h);
  const svg = element("svg", { viewBox: `0 0 ${w} ${height + 16}`, class: "histogram", role: "img", "aria-label": `Histogram of the ${name.toLowerCase()}: from ${short(min)} to ${short(max)}` });
  h.forEach((count, k) => {
    const tall = count ? Math.max(1.5, (height * count) / most) : 0;
    const from = min + ((max - min) * k) / h.length;
    svg.append(element("rect", { x: 20 * k + 1, y: height - tall, width: 18, height: tall, rx: 1.5 }, element("title", {}, `${count} from ${short(from)}`)));
  });
  svg.append(element("line", { x1: 0, x2: w, y1: height + 0.5, y2: height + 0.5 }));
  if (min < 0 && max > 0) {
    const x = (-min / (max - min)) * w;
    svg.append(element("line", { x1: x, x2: x, y1: 0, y2: height + 5, class: "zero" }), element("text", { x, y: height + 15, "text-anchor": "middle" }, "0"));
  }
  svg.append(element("text", { x: 0, y: height + 15 }, short(min)), element("text", { x: w, y: height + 15, "text-anchor": "end" }, short(max)));
  return svg;
}
