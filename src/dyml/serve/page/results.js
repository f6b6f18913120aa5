// The results under the dial: cut, grouped, and redrawn by moving only what changed.

import { Card, arrowKeys, chip, crumbs, oneStop } from "./cards.js";
import { groups, within } from "./cut.js";
import { el, count, reconcile } from "./dom.js";

const ROWS = 2; // of a group among several
const ALONE = 120; // results of the only group
const MORE = 240;
const BEYOND = 8; // results beyond the cut, at least

export class Results {
  /** `host` gets the sections; `onopen(place)` and `onhover(place | null)` speak of results. */
  constructor(host, { onopen, onhover }) {
    Object.assign(this, { host, onopen, onhover, results: [], cards: [], sections: new Map(), chosen: null });
    this.beyond = el("ul", { class: "grid", role: "list", "aria-label": "Just beyond the cut" });
    this.beyondPart = el("section", { class: "group beyond" },
      el("header", {}, el("h3", {}, "Just beyond the cut"), el("span", { class: "soft" }, "turn the dial to the left to take them in")), this.beyond);
    const place = (event) => event.target.closest?.("[data-place]")?.dataset.place;
    host.addEventListener("click", (event) => place(event) !== undefined && this.onopen(Number(place(event))));
    for (const [on, off] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
      host.addEventListener(on, (event) => place(event) !== undefined && this.onhover(Number(place(event))));
      host.addEventListener(off, (event) => place(event) !== undefined && this.onhover(null));
    }
    arrowKeys(host);
    this.columns = 8;
    new ResizeObserver(() => this.measure()).observe(host);
  }

  /** Count the columns of the grid, so that groups end with full rows. */
  measure() {
    const style = getComputedStyle(this.host);
    const [size, gap] = ["--card-size", "--gap"].map((name) => Number.parseFloat(style.getPropertyValue(name)));
    const columns = Math.max(Math.floor((this.host.clientWidth + gap) / (size + gap)), 1);
    if (!this.host.clientWidth || columns === this.columns) return;
    this.columns = columns;
    this.onmore();
  }

  set(results, gauge, own) {
    Object.assign(this, { results, gauge, own, cards: new Array(results.length), lit: null });
    this.sections.clear();
    cancelIdleCallback?.(this.idle);
    this.prepare(0);
  }

  /** Build cards while nothing else is to do, so that no turn of the dial has to. */
  prepare(from) {
    if (from >= this.results.length || !globalThis.requestIdleCallback) return;
    this.idle = requestIdleCallback((deadline) => {
      let place = from;
      while (place < this.results.length && deadline.timeRemaining() > 2) this.card(place++);
      this.prepare(place);
    });
  }

  card(place) {
    return (this.cards[place] ??= this.made(place));
  }

  made(place) {
    const card = new Card(this.results[place], place, this.gauge);
    card.button.dataset.id = this.results[place].id;
    return card;
  }

  /** Cut at a threshold and group at scale `by` (its name, or null); chances are those of scale m. */
  update(threshold, m, by) {
    const kept = within(this.results, threshold);
    const found = kept ? groups(this.results, kept, by) : [];
    const parts = found.map((group) => this.section(group, by, m, found.length === 1));
    const next = [];
    const ahead = Math.ceil(BEYOND / this.columns) * this.columns;
    for (let place = kept; place < Math.min(kept + ahead, this.results.length); place += 1) {
      next.push(this.cardFor(place, m).node);
    }
    reconcile(this.beyond, next);
    if (next.length) parts.push(this.beyondPart);
    reconcile(this.host, parts);
    oneStop(this.host);
    return { kept, classes: by === null ? null : found.length };
  }

  cardFor(place, m) {
    const card = this.card(place);
    card.show(m);
    return card;
  }

  section({ name, members }, by, m, alone) {
    const id = `${by}\n${name}`;
    if (!this.sections.has(id)) this.sections.set(id, this.newSection(name, by, members[0]));
    const part = this.sections.get(id);
    const limit = Math.max(part.limit, alone ? ALONE : Math.max(ROWS * this.columns, BEYOND));
    const shown = members.length <= limit + 2 ? members : members.slice(0, limit);
    reconcile(part.list, shown.map((place) => this.cardFor(place, m).node));
    if (part.size !== members.length) {
      part.size = members.length;
      part.number.textContent = count(members.length);
    }
    const left = members.length - shown.length;
    part.more.hidden = left === 0;
    if (left) part.more.textContent = `Show ${count(Math.min(left, MORE))} more of ${count(members.length)}`;
    return part.node;
  }

  newSection(name, by, first) {
    const part = { limit: 0, size: -1, number: el("span", { class: "number" }) };
    part.list = el("ul", { class: "grid", role: "list" });
    part.more = el("button", { type: "button", class: "quiet more", hidden: true, onclick: () => {
      part.limit = part.list.childElementCount + MORE;
      this.onmore();
    } });
    const heading = by === null ? null : el("header", {}, chip(by, name), el("h3", {}, this.title(name, by, first)), part.number,
      this.own?.[by] === name && name !== "" && el("span", { class: "tag" }, "the query's own class"));
    part.node = el("section", { class: "group" }, heading, part.list, part.more);
    if (by === null) part.list.setAttribute("aria-label", "Results");
    return part;
  }

  title(name, by, first) {
    if (name === "") return `no class at ${by}`;
    const names = this.gauge.names;
    const parts = crumbs(this.results[first].labels, names).filter((part) => part.m >= names.indexOf(by));
    const last = parts.pop();
    return [parts.length > 0 && el("span", { class: "soft" }, `${parts.map((part) => part.short).join(" › ")} › `), last?.short ?? name];
  }

  /** Stress one result, or none. */
  light(place) {
    this.lit?.classList.remove("lit");
    this.lit = place === null ? null : this.cards[place]?.button ?? null;
    this.lit?.classList.add("lit");
  }
}
