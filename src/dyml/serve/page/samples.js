// A few pictures to begin with, from classes all over the tree.

import { request } from "./api.js";

/** Ask for one picture each of up to `most` classes, taken in turn from every coarsest class. */
export async function sampleItems(taxonomy, most) {
  const scale = taxonomy.scales[Math.max(taxonomy.scales.length - 2, 0)];
  const families = new Map();
  for (const row of taxonomy.classes[scale] ?? []) {
    const family = row.parent ?? "";
    if (!families.has(family)) families.set(family, []);
    families.get(family).push(row.name);
  }
  const piles = shuffled([...families.values()].map(shuffled));
  const chosen = [];
  for (let turn = 0; chosen.length < most && piles.some((pile) => pile.length > turn); turn += 1) {
    for (const pile of piles) if (pile.length > turn && chosen.length < most) chosen.push(pile[turn]);
  }
  const pages = await Promise.all(chosen.map((name) =>
    request(`/v1/items?${new URLSearchParams({ scale, class: name, limit: 1 })}`)));
  return pages.flatMap((page) => page.items);
}

function shuffled(list) {
  const mixed = [...list];
  for (let i = mixed.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}
