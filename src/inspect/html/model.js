// The data of the page, and what follows from it: who reads a node, which boxes it is in, and texts for numbers.

const page = JSON.parse(document.getElementById("data").textContent);
const nodes = page.nodes;
const byId = (id) => document.getElementById(id);

// The inputs of a node as the graph draws them, each once; those of a rule by hand are drawn dotted.
const inputsOf = nodes.map((node) => [...new Set(node.in)]);
const ruleInputsOf = nodes.map((node) => (node.rule || []).filter((input) => !node.in.includes(input)));
// Where the gradient of a node goes.
const gradientTo = nodes.map((node, i) => (node.rule && node.rule.length ? [...new Set(node.rule)] : inputsOf[i]));

const readersOf = nodes.map(() => []);
nodes.forEach((node, i) => new Set([...node.in, ...(node.rule || [])]).forEach((input) => readersOf[input].push(i)));

// Boxes as a tree: a group knows the group around it, a node the innermost group it is in.
const whole = { name: "", layer: false, from: 0, to: nodes.length, items: page.items, parent: null, open: true, id: "g" };
const groupOf = new Array(nodes.length).fill(whole);
const groups = [];
(function number(group) {
  for (const item of group.items) {
    if (typeof item === "number") {
      groupOf[item] = group;
    } else {
      Object.assign(item, { parent: group, open: false, id: `g${groups.length}` });
      groups.push(item);
      number(item);
    }
  }
})(whole);

const isGroup = (item) => typeof item === "object";
const first = (item) => (isGroup(item) ? item.from : item);
const keyOf = (item) => (isGroup(item) ? item.id : `n${item}`);

// The groups around a node or a group, from the outermost in.
function around(item) {
  const path = [];
  for (let group = isGroup(item) ? item.parent : groupOf[item]; group && group !== whole; group = group.parent) path.unshift(group);
  return path;
}

// What stands for a node in the graph: itself, or the outermost folded box that it is in.
const shownAs = (node) => around(node).find((group) => !group.open) ?? node;

// The order of the walk backward: the nodes that a gradient arrives at.
const backward = [];
for (let i = page.root; i >= 0; i--) if (nodes[i] && nodes[i].a) backward.push(i);
const backwardStep = new Map(backward.map((node, k) => [node, k]));
const steps = nodes.length + backward.length;

// A number in at most six characters or so.
function short(x) {
  if (typeof x === "string") return x;
  const size = Math.abs(x);
  if (x === 0) return "0";
  let text = size >= 1e-3 && size < 1e6 ? String(Number(x.toPrecision(size >= 1e4 ? 6 : 4))) : x.toExponential(2);
  return text.replaceAll("-", "−");
}

// A tensor in a few words, for a box of the graph.
function brief(summary) {
  if (!summary) return "";
  const { s, e, r } = summary;
  if (s.length === 0) return short(e[0]);
  if (!r && e.length <= 3) return `[${e.map(short).join(", ")}]`;
  const bad = r ? r.bad : e.filter((x) => typeof x === "string").length;
  if (bad) return `${bad} not finite`;
  const [min, max] = r ? [r.min, r.max] : [Math.min(...e), Math.max(...e)];
  return e.length ? `${short(min)} … ${short(max)}` : "no numbers";
}

const shape = (summary) => (summary ? `[${summary.s.join(", ")}]` : "");
const fullName = (node) => (node.name ? (node.layer ? `${node.layer}.${node.name}` : node.name) : "");
const fileName = (file) => page.files[file].name.split(/[/\\]/).slice(-2).join("/");
const place = (node) => `${fileName(node.line[0])}:${node.line[1]}`;
const title = (i) => [`%${i}`, nodes[i].op, nodes[i].name].filter(Boolean).join(" ");

// An element with attributes and children; texts are texts, never markup.
function element(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "rect", "path", "text", "title", "line", "defs", "marker", "tspan"].includes(tag);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return made;
}
