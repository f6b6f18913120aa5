// Browse: the tree of classes with their counts, and the pictures of the class that is chosen.

import { request } from "./api.js";
import { arrowKeys, chip, itemCard, oneStop } from "./cards.js";
import { $, count, debounced, el } from "./dom.js";

const PAGE = 60;
const BRANCHES = 120;

export class Browse {
  constructor(shell) {
    this.shell = shell;
    const { scales, classes } = shell.taxonomy;
    this.scales = scales;
    this.rows = new Map(); // scale -> name -> row
    this.twigs = new Map(); // scale \n name -> {pick, open} of what is drawn
    this.children = new Map(); // place of the parent's scale \n name -> rows below
    scales.forEach((scale, m) => {
      this.rows.set(scale, new Map((classes[scale] ?? []).map((row) => [row.name, row])));
      for (const row of classes[scale] ?? []) {
        const above = `${m + 1}\n${row.parent ?? ""}`;
        if (!this.children.has(above)) this.children.set(above, []);
        this.children.get(above).push(row);
      }
    });
    $("#tree").append(this.branch(scales.length, ""));
    $("#find").addEventListener("input", debounced(() => this.find($("#find").value), 120));
    $("#browse-more").addEventListener("click", () => this.load());
    arrowKeys($("#browse-items"));
  }

  /** A list of the classes under one, or of the coarsest. */
  branch(m, name, all = false) {
    const rows = [...(this.children.get(`${m}\n${name}`) ?? [])].sort((a, b) => b.count - a.count || a.name.localeCompare(b.name));
    const most = rows[0]?.count ?? 1;
    const shown = all ? rows : rows.slice(0, BRANCHES);
    const list = el("ul", { role: "list" }, shown.map((row) => this.twig(row, m - 1, most, name)));
    if (shown.length < rows.length) {
      const more = el("button", { type: "button", class: "quiet", onclick: () => list.replaceWith(this.branch(m, name, true)) },
        `Show all ${count(rows.length)}`);
      list.append(el("li", {}, more));
    }
    return list;
  }

  twig(row, m, most, above) {
    const below = m > 0 && this.children.has(`${m}\n${row.name}`);
    const short = above && row.name.startsWith(`${above} `) ? row.name.slice(above.length + 1) : row.name;
    const twist = below && el("button", { type: "button", class: "twist", "aria-expanded": "false", "aria-label": `Classes within ${row.name}` }, "›");
    const pick = el("button", { type: "button", class: "pick", "data-scale": this.scales[m], "data-class": row.name, vars: { "--part": row.count / most } },
      chip(this.scales[m], row.name), el("span", { class: "name" }, short), tally(row.count));
    const item = el("li", {}, el("div", { class: "twig" }, twist || el("span", { class: "twist" }), pick));
    const open = (expanded) => {
      if (!twist) return;
      if (item.childElementCount === 1) item.append(this.branch(m, row.name));
      twist.setAttribute("aria-expanded", String(expanded));
      item.lastElementChild.hidden = !expanded;
    };
    if (twist) twist.addEventListener("click", () => open(twist.getAttribute("aria-expanded") !== "true"));
    pick.addEventListener("click", () => this.pick(this.scales[m], row.name));
    this.twigs.set(`${this.scales[m]}\n${row.name}`, { pick, open });
    return item;
  }

  pick(scale, name) {
    this.shell.go({ ...this.shell.route, view: "browse", scale, class: name });
  }

  find(words) {
    const wanted = words.trim().toLowerCase();
    $("#tree").hidden = Boolean(wanted);
    $("#matches").hidden = !wanted;
    if (!wanted) return;
    const found = [...this.scales].reverse().flatMap((scale) =>
      [...this.rows.get(scale).values()].filter((row) => row.name.toLowerCase().includes(wanted)).map((row) => ({ scale, row })));
    $("#matches").replaceChildren(...found.slice(0, 60).map(({ scale, row }) => el("li", {},
      el("button", { type: "button", class: "pick", onclick: () => this.pick(scale, row.name) },
        chip(scale, row.name), el("span", { class: "name" }, row.name), el("span", { class: "soft" }, scale), tally(row.count)))));
    if (!found.length) $("#matches").append(el("li", { class: "soft" }, "No class has that in its name."));
    this.shell.announce(`${found.length} classes found`);
  }

  async show(route) {
    const name = route.class && this.rows.get(route.scale)?.has(route.class) ? route.class : null;
    const asked = name === null ? null : `${route.scale}\n${name}`;
    $("#browse-hint").hidden = asked !== null;
    $("#browse-found").hidden = asked === null;
    if (asked === this.asked || asked === null) {
      this.asked = asked;
      return;
    }
    Object.assign(this, { asked, scale: route.scale, name, next: null });
    this.reveal(route.scale, name);
    const row = this.rows.get(route.scale).get(name);
    $("#browse-title").replaceChildren(...this.trail(route.scale, name));
    $("#browse-count").textContent = `${count(row.count)} ${row.count === 1 ? "picture" : "pictures"}`;
    $("#browse-items").replaceChildren();
    await this.load();
  }

  /** Open the tree down to a class and mark it. */
  reveal(scale, name) {
    for (const { pick } of this.twigs.values()) pick.removeAttribute("aria-current");
    const path = [];
    for (let m = this.scales.indexOf(scale), at = name; m < this.scales.length && at; m += 1) {
      path.unshift(`${this.scales[m]}\n${at}`);
      at = this.rows.get(this.scales[m]).get(at)?.parent;
    }
    for (const step of path) this.twigs.get(step)?.open(true);
    const twig = this.twigs.get(path.at(-1));
    twig?.pick.setAttribute("aria-current", "true");
    const [box, frame] = [twig?.pick.getBoundingClientRect(), $(".tree").getBoundingClientRect()];
    if (box && (box.top < frame.top || box.bottom > frame.bottom)) $(".tree").scrollTop += box.top - frame.top - 120;
  }

  /** The class and those above it, as buttons. */
  trail(scale, name) {
    const parts = [];
    for (let m = this.scales.indexOf(scale), at = name; m < this.scales.length && at !== null && at !== undefined; m += 1) {
      const [here, said] = [this.scales[m], at];
      parts.unshift(parts.length === 0 ? el("span", {}, said) : el("button", { type: "button", class: "link", onclick: () => this.pick(here, said) }, said));
      if (m + 1 < this.scales.length) parts.unshift(el("span", { class: "then", "aria-hidden": "true" }, " › "));
      at = this.rows.get(here).get(said)?.parent;
    }
    if (parts[0]?.classList.contains("then")) parts.shift();
    return parts;
  }

  async load() {
    const { asked, scale, name } = this;
    const query = new URLSearchParams({ scale, class: name, limit: PAGE });
    if (this.next) query.set("after", this.next);
    try {
      const page = await request(`/v1/items?${query}`, { onwait: (seconds) => this.shell.waiting(seconds) });
      if (asked !== this.asked) return;
      this.next = page.next;
      $("#browse-items").append(...page.items.map((item) => itemCard(item, this.shell.gauge.names, () => this.shell.detail.open(item))));
      $("#browse-more").hidden = !page.next;
      oneStop($("#browse-items"));
      this.shell.announce(`${$("#browse-items").childElementCount} pictures of ${name}`);
    } catch (error) {
      this.shell.notice(error, () => this.load());
    }
  }
}

/** A count that is read aloud as one. */
const tally = (number) => el("span", { class: "number" }, el("span", { class: "sr" }, ": "), count(number), el("span", { class: "sr" }, " pictures"));
