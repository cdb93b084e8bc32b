// Where the boxes stand: layer by layer of the graph (Sugiyama, Tagawa and Toda, 1981), and boxes inside of boxes by
// recursion.
//
// Each item of a group gets a rank below all of its inputs. An arrow over several ranks is led past the boxes between by
// points of its own, one for each source and rank, and so is one that enters or leaves the group. The order in a rank follows the mean position of the neighbours, and so
// do the places, with the least sum of squares that keeps them apart (isotonic regression).

const NODE = { width: 168, height: 60 };
const GAP = { x: 26, y: 38, point: 12, inside: 14, title: 24 };
// More points than this are not worth their time: arrows then go straight.
const MOST_POINTS = 20000;

// The sizes and places of everything in `group`, relative to the group.
function arrange(group) {
  const boxes = group.items.map((item) => {
    const inside = isGroup(item) && item.open ? arrange(item) : null;
    const size = inside ?? { w: NODE.width, h: NODE.height };
    return { item, inside, w: size.w, h: size.h, x: 0, y: 0, rank: 0, point: false, ups: [], downs: [] };
  });
  const at = new Int32Array(group.to - group.from);
  group.items.forEach((item, k) => at.fill(k, first(item) - group.from, (isGroup(item) ? item.to : item + 1) - group.from));
  const inputs = boxes.map(() => new Set());
  // Who reads what comes from outside, by its key, and who is read outside.
  const entries = new Map();
  const leaving = new Set();
  for (let i = group.from; i < group.to; i++) {
    const own = at[i - group.from];
    for (const input of [...inputsOf[i], ...ruleInputsOf[i]]) {
      if (input < group.from) {
        const key = keyOf(shownAs(input));
        entries.set(key, (entries.get(key) ?? new Set()).add(own));
      } else if (at[input - group.from] !== own) {
        inputs[own].add(at[input - group.from]);
      }
    }
    if (readersOf[i].some((reader) => reader >= group.to)) leaving.add(own);
  }
  rankBoxes(boxes, inputs);
  const ranks = withPoints(boxes, inputs, entries, leaving);
  order(ranks);
  const across = spread(ranks);
  let y = group === whole ? GAP.inside : GAP.title + GAP.inside;
  for (const rank of ranks) {
    const height = Math.max(0, ...rank.map((box) => box.h));
    for (const box of rank) box.y = y + (box.point ? 0 : (height - box.h) / 2);
    for (const box of rank) if (box.point) box.h = height;
    y += height + GAP.y;
  }
  const named = group.name.length * 7.5 + 60;
  const w = Math.max(across + 2 * GAP.inside, group === whole ? 0 : named);
  const shift = (w - across) / 2;
  for (const rank of ranks) for (const box of rank) box.x += shift;
  return { w, h: y - GAP.y + GAP.inside, boxes, entries };
}

// Below all inputs; what has none stands right above its first reader.
function rankBoxes(boxes, inputs) {
  boxes.forEach((box, k) => (box.rank = Math.max(0, ...[...inputs[k]].map((input) => boxes[input].rank + 1))));
  const above = new Map();
  inputs.forEach((set, k) => set.forEach((i) => above.set(i, Math.min(above.get(i) ?? Infinity, boxes[k].rank - 1))));
  boxes.forEach((box, k) => {
    if (inputs[k].size === 0 && above.has(k)) box.rank = above.get(k);
  });
}

// The ranks, with points where arrows pass, and who is joined to whom in neighbouring ranks. Each entry becomes the list of
// its points.
function withPoints(boxes, inputs, entries, leaving) {
  const ranks = [];
  const put = (box) => (ranks[box.rank] ??= []).push(box);
  boxes.forEach(put);
  for (let k = 0; k < ranks.length; k++) ranks[k] ??= [];
  const lowest = (readers) => Math.max(...[...readers].map((k) => boxes[k].rank));
  const farthest = boxes.map((box, k) => (leaving.has(k) ? ranks.length : box.rank));
  inputs.forEach((set, k) => set.forEach((i) => (farthest[i] = Math.max(farthest[i], boxes[k].rank))));
  let count = boxes.reduce((sum, box, k) => sum + Math.max(0, farthest[k] - box.rank - 1), 0);
  for (const readers of entries.values()) count += lowest(readers);
  const lead = (from, start, end) => {
    const points = [];
    for (let rank = start, last = from; count <= MOST_POINTS && rank < end; rank++) {
      const point = { point: true, rank, w: 0, h: 0, x: 0, y: 0, ups: last ? [last] : [], downs: [] };
      last?.downs.push(point);
      points.push(point);
      put(point);
      last = point;
    }
    return points;
  };
  const join = (from, to) => {
    to.ups.push(from);
    from.downs.push(to);
  };
  boxes.forEach((box, k) => (box.points = lead(box, box.rank + 1, farthest[k])));
  inputs.forEach((set, k) => set.forEach((i) => join(boxes[i].points[boxes[k].rank - boxes[i].rank - 2] ?? boxes[i], boxes[k])));
  for (const [key, readers] of entries) {
    const points = lead(null, 0, lowest(readers));
    readers.forEach((k) => points[boxes[k].rank - 1] && join(points[boxes[k].rank - 1], boxes[k]));
    entries.set(key, points);
  }
  return ranks;
}

// Fewer crossings: each rank in the order of the mean place of its neighbours, downward and upward in turn.
function order(ranks) {
  const number = (rank) => rank.forEach((box, k) => (box.place = k));
  ranks.forEach(number);
  const sweep = (rank, side) => {
    for (const box of rank) {
      const near = box[side];
      box.mean = near.length ? near.reduce((sum, other) => sum + other.place, 0) / near.length : box.place;
    }
    rank.sort((a, b) => a.mean - b.mean);
    number(rank);
  };
  for (let round = 0; round < 4; round++) {
    for (const rank of ranks) sweep(rank, "ups");
    for (let k = ranks.length - 1; k >= 0; k--) sweep(ranks[k], "downs");
  }
}

// The places across, and how wide all of it is.
function spread(ranks) {
  const center = (box) => box.x + box.w / 2;
  for (const rank of ranks) pack(rank, rank.map(() => 0));
  for (let round = 0; round < 6; round++) {
    const down = round % 2 === 0;
    for (const rank of down ? ranks : [...ranks].reverse()) {
      const wish = rank.map((box) => {
        const near = down ? box.ups : box.downs;
        return near.length ? near.reduce((sum, other) => sum + center(other), 0) / near.length : center(box);
      });
      pack(rank, wish);
    }
  }
  let [left, right] = [Infinity, -Infinity];
  for (const rank of ranks) {
    for (const box of rank) {
      left = Math.min(left, box.x);
      right = Math.max(right, box.x + box.w);
    }
  }
  for (const rank of ranks) for (const box of rank) box.x -= left;
  return Math.max(0, right - left);
}

// Centers as near to the wishes as their order and the gaps allow.
function pack(rank, wish) {
  const offset = [];
  rank.forEach((box, k) => {
    const before = rank[k - 1];
    const gap = before && (before.point || box.point) ? GAP.point : GAP.x;
    offset.push(k === 0 ? 0 : offset[k - 1] + before.w / 2 + gap + box.w / 2);
  });
  const blocks = [];
  wish.forEach((x, k) => {
    let block = { sum: x - offset[k], count: 1 };
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).count > block.sum / block.count) {
      const before = blocks.pop();
      block = { sum: before.sum + block.sum, count: before.count + block.count };
    }
    blocks.push(block);
  });
  let k = 0;
  for (const block of blocks) {
    for (let n = 0; n < block.count; n++, k++) rank[k].x = block.sum / block.count + offset[k] - rank[k].w / 2;
  }
}
