// What the dial does to the results: pure functions over a list sorted by falling similarity.

/** How many of the results are at least this similar. */
export function within(results, threshold) {
  let low = 0;
  let high = results.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (results[middle].similarity >= threshold - 1e-9) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Group the first `kept` results by class at a scale: [{name, members: [place, …]}], nearest first. */
export function groups(results, kept, scale) {
  const found = new Map();
  for (let place = 0; place < kept; place += 1) {
    const name = scale === null ? null : results[place].labels?.[scale] ?? "";
    const group = found.get(name);
    if (group) group.members.push(place);
    else found.set(name, { name, members: [place] });
  }
  return [...found.values()];
}

/** Pull a place on the ruler to a detent that is within reach, gently: halfway in, it sticks. */
export function snapped(value, detents, reach) {
  let best = null;
  for (const { at } of detents) if (best === null || Math.abs(at - value) < Math.abs(best - value)) best = at;
  if (best === null) return value;
  const away = Math.abs(best - value);
  if (away <= reach / 2) return best;
  if (away >= reach) return value;
  return best + Math.sign(value - best) * (away - reach / 2) * 2;
}

/** The next detent above or below a value, else the end. */
export function nextDetent(value, detents, up, low, high) {
  const places = detents.map((detent) => detent.at).filter((at) => at > low && at < high);
  if (up) return places.find((at) => at > value + 1e-6) ?? high;
  return places.findLast((at) => at < value - 1e-6) ?? low;
}

/** Stack results in columns of a ruler: the height of each in its column, and the tallest column. */
export function stacked(results, column) {
  const heights = new Map();
  let tallest = 0;
  const spots = results.map((result, place) => {
    const x = column(result.similarity);
    const y = heights.get(x) ?? 0;
    heights.set(x, y + 1);
    tallest = Math.max(tallest, y + 1);
    return { x, y, place };
  });
  return { spots, tallest };
}
