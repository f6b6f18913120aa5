// The dial: the ruler to turn, the buttons that jump to a scale's mark, and what it all means in numbers.

import { $, el, count } from "./dom.js";
import { decimal, percent } from "./gauge.js";
import { Ruler } from "./ruler.js";

export class Dial {
  /** `onchange(value, m)` runs at most once a frame while the dial turns; `onhover(place | null)`. */
  constructor(gauge, { onchange, onhover }) {
    this.gauge = gauge;
    this.onchange = onchange;
    this.m = Math.min(Math.floor(gauge.size / 2), gauge.size - 1);
    this.ruler = new Ruler($("#ruler"), {
      label: "The dial: least similarity", onmove: () => this.moved(), onhover, words: (value) => this.words(value),
    });
    this.ruler.setGauge(gauge);
    this.buttons = gauge.names.map((name, m) => el("button", {
      type: "button", "aria-pressed": "false", disabled: gauge.known && gauge.marks[m] === null,
      title: gauge.known && gauge.marks[m] === null && "Nowhere on the ruler is the same likelier than not", vars: { "--mine": `var(--level${gauge.level(m)})` }, onclick: () => this.jump(m),
    }, name));
    $("#scales").append(...[...this.buttons].reverse()); // like the ruler: wide to the left
    this.at(this.start(this.m), this.m);
  }

  get value() {
    return this.ruler.value;
  }

  get scale() {
    return this.gauge.names[this.m];
  }

  /** Where the dial rests for a scale. */
  start(m) {
    return this.gauge.marks[m] ?? (this.gauge.known ? this.value : this.ruler.low);
  }

  /** Put the dial somewhere without a sweep and without telling. */
  at(value, m) {
    this.ruler.set(value);
    this.choose(this.gauge.known ? this.gauge.scaleAt(this.ruler.value) : m);
  }

  jump(m) {
    if (this.gauge.marks[m] !== null) {
      this.ruler.sweepTo(this.gauge.marks[m]);
      return;
    }
    this.choose(m);
    this.onchange(this.value, m);
  }

  moved() {
    if (this.gauge.known) this.choose(this.gauge.scaleAt(this.value));
    this.onchange(this.value, this.m);
  }

  choose(m) {
    this.m = m;
    const below = this.gauge.known && this.gauge.reached(this.value) < 0;
    const pressed = below ? -1 : m;
    this.ruler.setScale(m);
    if (pressed === this.pressed) return;
    this.pressed = pressed;
    this.buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === pressed)));
    $("#results").style.setProperty("--mine", `var(--level${this.gauge.level(m)})`);
  }

  words(value) {
    const cut = `similarity ≥ ${decimal(value)}`;
    if (!this.gauge.known) return cut;
    const m = this.gauge.scaleAt(value);
    const chance = this.gauge.probability(m, value);
    const said = this.gauge.reached(value) < 0 ? `wider than the same ${this.gauge.names[m]}` : `same ${this.gauge.names[m]}`;
    return chance === null ? `${said}, ${cut}` : `${said}, ${cut}, ${percent(chance)} likely`;
  }

  /** Write the numbers: how many are kept, of how many, in how many classes. */
  say(kept, total, classes) {
    write($("#kept"), count(kept));
    write($("#total"), `of ${count(total)} nearest`);
    const chance = this.gauge.probability(this.m, this.value);
    write($("#chance"), chance === null ? decimal(this.value) : percent(chance));
    write($("#chance-of"), chance === null ? "least similarity" : `same ${this.scale} at the cut`);
    $("#classes").parentElement.hidden = classes === null;
    if (classes !== null) write($("#classes"), count(classes));
    write($("#classes-of"), classes === 1 ? "class" : "classes");
  }
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
