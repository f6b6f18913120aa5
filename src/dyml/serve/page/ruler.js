// The ruler: a similarity axis with a mark for every scale, the results stacked on it, and the dial's needle.

import { classColour, levelColour, onTheme } from "./colours.js";
import { nextDetent, snapped, stacked } from "./cut.js";
import { calm, el } from "./dom.js";
import { decimal } from "./gauge.js";

const COLUMN = 4; // px; results of one column are stacked
const REACH = 9; // px; within it a detent pulls
const STEP = 0.01;
const SWEEP = 260; // ms

export class Ruler {
  /**
   * `host` gets the ruler. With `fixed` it only shows. `onmove(value)` runs at most once a frame,
   * `onhover(place | null)` when the pointer is over a result, `words(value)` says a value aloud.
   */
  constructor(host, { label, fixed = false, onmove, onhover, words } = {}) {
    Object.assign(this, { fixed, onmove, onhover, words, low: -1, value: 0, width: 0, height: 0 });
    Object.assign(this, { gauge: null, results: [], columns: new Map(), scale: 0, frame: 0, sweep: 0 });
    this.canvas = el("canvas", { class: "bricks", "aria-hidden": "true" });
    this.shade = el("div", { class: "shade" });
    this.unknown = el("div", { class: "unknown", hidden: true }, el("span", {}, "not among the nearest"));
    this.marks = el("div", { class: "marks" });
    this.lit = el("div", { class: "lit", hidden: true });
    this.band = el("div", { class: "band" });
    this.axis = el("div", { class: "axis" });
    this.grip = el("span", { class: "grip" });
    this.needle = el("div", { class: "needle" }, this.grip);
    const drawn = [this.canvas, this.shade, this.unknown, this.marks, this.lit, this.band, this.axis, this.needle];
    this.stage = el("div", { class: fixed ? "stage fixed" : "stage" });
    if (!fixed) {
      this.slider = el("input", { type: "range", class: "slider", min: -1, max: 1, step: "any", "aria-label": label });
      this.stage.append(this.slider);
      this.listen();
    }
    const picture = el("div", { class: "drawn", "aria-hidden": "true" }, drawn);
    this.stage.append(picture);
    host.append(this.stage);
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    onTheme(() => this.draw());
  }

  setGauge(gauge) {
    this.gauge = gauge;
    this.setResults([], false);
  }

  /** Show results; `more` says that the gallery holds further, less similar ones. */
  setResults(results, more) {
    this.results = results;
    const lowest = results.length ? results[results.length - 1].similarity : 1;
    this.low = this.gauge.lowEnd(lowest);
    this.unknown.hidden = !more;
    this.unknown.style.setProperty("--to", `${100 * this.share(lowest)}%`);
    this.layOut();
    this.draw();
    this.show(Math.max(this.value, this.low));
  }

  /** Move the needle; the reader is told by `onmove` only if `tell`. */
  set(value, tell = false) {
    cancelAnimationFrame(this.sweep);
    this.show(value);
    if (tell) this.onmove?.(this.value);
  }

  /** Move the needle to a value in a short sweep. */
  sweepTo(target) {
    if (calm()) {
      this.set(target, true);
      return;
    }
    cancelAnimationFrame(this.sweep);
    const [from, start] = [this.value, performance.now()];
    const step = (now) => {
      const share = Math.min(Math.max((now - start) / SWEEP, 0), 1);
      this.show(share === 1 ? target : from + (target - from) * (1 - (1 - share) ** 3));
      this.onmove?.(this.value);
      if (share < 1) this.sweep = requestAnimationFrame(step);
    };
    this.sweep = requestAnimationFrame(step);
  }

  /** Colour the stacked results by class at a scale and stress that scale's curve. */
  setScale(scale) {
    if (scale === this.scale && this.painted) return;
    this.scale = scale;
    this.draw();
  }

  /** Stress one result, or none. */
  light(place) {
    const spot = place === null ? null : this.spots?.[place];
    this.lit.hidden = !spot;
    if (!spot) return;
    const y = this.height - (spot.y + 1) * this.unit;
    this.lit.style.transform = `translate(${spot.x * COLUMN}px, ${y}px)`;
    this.lit.style.height = `${Math.max(this.unit, 3)}px`;
  }

  share(value) {
    return (Math.min(Math.max(value, this.low), 1) - this.low) / (1 - this.low);
  }

  show(value) {
    this.value = Math.min(Math.max(value, this.low), 1);
    const share = this.share(this.value);
    this.needle.style.transform = `translateX(${(share * this.width).toFixed(2)}px)`;
    this.shade.style.transform = `scaleX(${share.toFixed(5)})`;
    this.grip.textContent = decimal(this.value);
    const level = this.gauge ? this.gauge.reached(this.value) : -1;
    const colour = `var(--level${level < 0 ? 0 : this.gauge.level(level)})`;
    if (colour !== this.colour) this.needle.style.setProperty("--mine", (this.colour = colour));
    if (!this.slider) return;
    this.slider.value = this.value;
    this.slider.setAttribute("aria-valuetext", this.words?.(this.value) ?? decimal(this.value));
  }

  layOut() {
    const place = (value) => `${(100 * this.share(value)).toFixed(3)}%`;
    const names = this.gauge.names;
    const zones = this.gauge.known ? this.gauge.zones(this.low) : [];
    this.band.replaceChildren(...zones.map(({ from, to, m }) => {
      const level = m < 0 ? 0 : this.gauge.level(m);
      const vars = { "--from": place(from), "--size": `${100 * (this.share(to) - this.share(from))}%` };
      const said = m < 0 ? [el("b", {}, "different")]
        : [el("b", {}, el("span", { class: "same" }, "same "), names[m]), el("span", { class: "from" }, ` from ${decimal(from)}`)];
      return el("div", { class: "zone", vars: { ...vars, "--mine": `var(--level${level})` } }, el("span", { class: "words" }, said));
    }));
    this.marks.replaceChildren(...this.gauge.detents.map(({ at, m }) =>
      el("i", { vars: { "--at": place(at), "--mine": `var(--level${this.gauge.level(m)})` } })));
    const lines = [];
    for (let tenth = Math.ceil(this.low * 20); tenth <= 20; tenth += 1) {
      const major = tenth % 2 === 0;
      lines.push(el("i", { class: major ? "major" : "minor", vars: { "--at": place(tenth / 20) } },
        major ? el("span", {}, decimal(tenth / 20, 1)) : null));
    }
    this.axis.replaceChildren(...lines);
    this.axis.classList.toggle("dense", this.low < -0.05);
    if (this.slider) this.slider.min = this.low;
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width || (box.width === this.width && box.height === this.height)) return;
    [this.width, this.height] = [box.width, box.height];
    const ratio = Math.min(devicePixelRatio || 1, 2);
    [this.canvas.width, this.canvas.height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    this.ratio = ratio;
    if (!this.gauge) return;
    this.draw();
    this.show(this.value);
  }

  draw() {
    if (!this.width || !this.gauge) return;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    this.drawCurves(pen);
    const last = Math.floor(this.width / COLUMN) - 1;
    const { spots, tallest } = stacked(this.results, (value) => Math.min(Math.floor((this.share(value) * this.width) / COLUMN), last));
    this.unit = Math.min(5, (this.height - 6) / Math.max(tallest, 1));
    const name = this.gauge.names[this.scale];
    this.columns = new Map();
    const tall = Math.max(this.unit - (this.unit > 2.5 ? 1 : 0), 0.75);
    for (const { x, y, place } of spots) {
      pen.fillStyle = classColour(name, this.results[place].labels?.[name]);
      pen.fillRect(x * COLUMN, this.height - (y + 1) * this.unit, COLUMN - 1, tall);
      if (!this.columns.has(x)) this.columns.set(x, []);
      this.columns.get(x).push(place);
    }
    this.spots = spots;
    this.painted = true;
  }

  drawCurves(pen) {
    const top = 5;
    this.gauge.names.forEach((_, m) => {
      if (!this.gauge.curves[m]) return;
      pen.beginPath();
      for (let x = 0; x <= this.width; x += 2) {
        const chance = this.gauge.probability(m, this.low + (x / this.width) * (1 - this.low));
        pen.lineTo(x, this.height - chance * (this.height - top));
      }
      pen.strokeStyle = levelColour(this.gauge.level(m), this.gauge.size);
      const chosen = m === this.scale;
      pen.lineWidth = chosen ? 2 : 1;
      pen.globalAlpha = chosen ? 0.95 : 0.4;
      pen.stroke();
      if (chosen) {
        pen.lineTo(this.width, this.height);
        pen.lineTo(0, this.height);
        pen.globalAlpha = 0.08;
        pen.fillStyle = pen.strokeStyle;
        pen.fill();
      }
      pen.globalAlpha = 1;
    });
  }

  listen() {
    const valueAt = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return this.low + ((event.clientX - box.left) / box.width) * (1 - this.low);
    };
    const follow = (event) => {
      const reach = event.shiftKey ? 0 : (REACH / this.width) * (1 - this.low);
      this.wanted = snapped(valueAt(event), this.gauge.detents, reach);
      this.frame ||= requestAnimationFrame(() => {
        this.frame = 0;
        this.set(this.wanted, true);
      });
    };
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      this.stage.setPointerCapture(event.pointerId);
      this.stage.classList.add("held");
      this.slider.focus({ preventScroll: true });
      follow(event);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (this.stage.hasPointerCapture(event.pointerId)) follow(event);
      else this.hover(event);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      this.stage.addEventListener(end, () => this.stage.classList.remove("held"));
    }
    this.stage.addEventListener("pointerleave", () => this.onhover?.(null));
    this.slider.addEventListener("input", () => this.set(Number(this.slider.value), true));
    this.slider.addEventListener("keydown", (event) => this.keyed(event));
  }

  hover(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, up] = [Math.floor((event.clientX - box.left) / COLUMN), box.bottom - event.clientY];
    let found = null;
    for (const away of up < -4 ? [] : [0, -1, 1, -2, 2]) {
      const column = this.columns.get(x + away);
      if (!column) continue;
      found = column[Math.min(Math.max(Math.floor(up / this.unit), 0), column.length - 1)];
      break;
    }
    this.onhover?.(found);
  }

  keyed(event) {
    const step = event.shiftKey ? STEP / 10 : STEP;
    const detents = this.gauge.detents;
    const moves = {
      ArrowRight: () => this.set(this.value + step, true),
      ArrowUp: () => this.set(this.value + step, true),
      ArrowLeft: () => this.set(this.value - step, true),
      ArrowDown: () => this.set(this.value - step, true),
      PageUp: () => this.sweepTo(nextDetent(this.value, detents, true, this.low, 1)),
      PageDown: () => this.sweepTo(nextDetent(this.value, detents, false, this.low, 1)),
      Home: () => this.sweepTo(this.low),
      End: () => this.sweepTo(1),
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moves[event.key]();
  }
}
