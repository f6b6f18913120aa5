// The gauge as the page knows it: marks, probabilities, and what a place on the ruler means in words.

/** Scales run fine to coarse; level L - m is the colour of scale m, level 0 that of nothing shared. */
export class Gauge {
  constructor(said) {
    this.names = said.scales.map((scale) => scale.name);
    this.marks = said.scales.map((scale) => (Number.isFinite(scale.threshold) ? scale.threshold : null));
    this.eers = said.scales.map((scale) => scale.eer ?? null);
    this.curves = said.scales.map((scale) => (scale.curve?.similarity?.length ? scale.curve : null));
    this.decibels = said.dynamic_range_db ?? null;
    this.count = said.count ?? 0;
    this.known = this.marks.some((mark) => mark !== null);
  }

  get size() {
    return this.names.length;
  }

  level(m) {
    return this.size - m;
  }

  /** P(same class at scale m) of two pictures of this similarity, or null without a gauge. */
  probability(m, similarity) {
    const curve = this.curves[m];
    if (!curve) return null;
    const { similarity: at, probability: p } = curve;
    let low = 0;
    let high = at.length - 1;
    if (similarity <= at[low]) return p[low];
    if (similarity >= at[high]) return p[high];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (at[middle] <= similarity) low = middle;
      else high = middle;
    }
    const share = (similarity - at[low]) / (at[high] - at[low] || 1);
    return p[low] + share * (p[high] - p[low]);
  }

  /** The finest scale whose mark is reached, or -1 below the coarsest mark. */
  reached(similarity) {
    return this.marks.findIndex((mark) => mark !== null && similarity >= mark - 1e-9);
  }

  /** The scale that a place on the ruler speaks of; below all marks, still the coarsest. */
  scaleAt(similarity) {
    const found = this.reached(similarity);
    if (found >= 0) return found;
    return this.marks.reduce((best, mark, m) => (mark !== null ? m : best), this.size - 1);
  }

  /** Places where the dial rests, rising: {at, m}. */
  get detents() {
    return this.marks
      .map((at, m) => ({ at, m }))
      .filter((detent) => detent.at !== null)
      .sort((a, b) => a.at - b.at);
  }

  /** Stretches of the ruler from `low` to 1: {from, to, m}; m is -1 where nothing is the same. */
  zones(low) {
    const cuts = [...new Set([low, ...this.detents.map((d) => d.at).filter((at) => at > low && at < 1), 1])];
    return cuts.slice(0, -1).map((from, i) => ({ from, to: cuts[i + 1], m: this.reached(from) }));
  }

  /** The left end of the ruler: a round number below the lowest mark and the lowest result. */
  lowEnd(lowest = 1) {
    const marks = this.detents;
    const wanted = Math.min(marks.length ? marks[0].at - 0.15 : 1, lowest, 0.8);
    return Math.max(Math.floor(wanted * 10 + 1e-9) / 10, -1);
  }
}

/** A chance in words: "87 %", never 0 or 100 for what is not certain. */
export function percent(chance) {
  if (chance === null || chance === undefined) return "–";
  if (chance < 0.01) return "< 1 %";
  if (chance > 0.99) return "> 99 %";
  return `${Math.round(chance * 100)} %`;
}

/** A similarity with a true minus sign. */
export const decimal = (number, digits = 2) => number.toFixed(digits).replace("-", "−");
