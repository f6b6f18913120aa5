// The map of the gallery: every picture a point, coloured by its class at the dial's scale; close up, the pictures.

import { request } from "./api.js";
import { chip, crumbLine } from "./cards.js";
import { classColour, onTheme, pageColour } from "./colours.js";
import { within } from "./cut.js";
import { $, count, el } from "./dom.js";
import { address } from "./pictures.js";
import { Plane } from "./plane.js";

const NEAR = 14; // px from a point that still counts as on it
const PICTURES = 240; // as many at once
const LEGEND = 12;

export class GalleryMap {
  constructor(shell) {
    this.shell = shell;
    this.canvas = $("#map-canvas");
    this.images = new Map();
    this.stressed = null;
    this.plane = new Plane(this.canvas, {
      onchange: () => this.redraw(), onclick: (x, y, reach) => this.click(x, y, reach), onpoint: (x, y) => this.point(x, y),
    });
    $("#map-in").addEventListener("click", () => this.plane.scale(1.6));
    $("#map-out").addEventListener("click", () => this.plane.scale(1 / 1.6));
    $("#map-all").addEventListener("click", () => this.plane.reset());
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    onTheme(() => this.redraw());
  }

  async show() {
    if (this.data) {
      this.refresh();
      return;
    }
    this.shell.busy(true);
    try {
      this.data = await request("/v1/map", { onwait: (seconds) => this.shell.waiting(seconds) });
      this.prepare();
    } catch (error) {
      this.shell.notice(error, () => this.show());
    } finally {
      this.shell.busy(false);
    }
  }

  prepare() {
    const { ids, x, y } = this.data;
    this.places = new Map(ids.map((id, place) => [id, place]));
    $("#map-empty").hidden = ids.length > 0;
    $("#map-room").hidden = ids.length === 0;
    if (!ids.length) return;
    const [left, right] = extent(x);
    const [bottom, top] = extent(y);
    this.y = y.map((value) => -value); // up on the map is up on the screen
    this.resize();
    this.plane.fit([left, -top, right, -bottom]);
    this.refresh();
  }

  /** The scale, the query or the cut changed. */
  refresh() {
    if (!this.data?.ids.length) return;
    const { dial, search } = this.shell;
    const scale = dial.scale;
    if (this.scale !== scale) {
      this.scale = scale;
      this.stressed = null;
      this.legend();
    }
    const kept = search.query ? within(search.results, dial.value) : 0;
    this.hits = search.query ? new Set(search.results.slice(0, kept).map((hit) => this.places.get(hit.id)).filter((p) => p !== undefined)) : null;
    this.home = search.query?.id ? this.places.get(search.query.id) : undefined;
    $("#map-note").textContent = search.query ? `${count(kept)} results of the search stand out; turn the dial to widen them.`
      : "Search for a picture and its results will stand out here.";
    this.redraw();
  }

  legend() {
    const names = this.data.names[this.scale] ?? [];
    const sizes = new Array(names.length).fill(0);
    for (const which of this.data.labels[this.scale] ?? []) if (which >= 0) sizes[which] += 1;
    this.colours = null;
    const order = names.map((_, which) => which).sort((a, b) => sizes[b] - sizes[a]);
    const items = order.slice(0, LEGEND).map((which) => el("li", {}, el("button", { type: "button", "aria-pressed": "false", onclick: (event) => {
      this.stressed = this.stressed === which ? null : which;
      for (const other of document.querySelectorAll("#legend button")) other.setAttribute("aria-pressed", "false");
      event.currentTarget.setAttribute("aria-pressed", String(this.stressed === which));
      this.redraw();
    } }, chip(this.scale, names[which]), el("span", { class: "name" }, names[which]), el("span", { class: "number" }, count(sizes[which])))));
    if (order.length > LEGEND) items.push(el("li", { class: "soft" }, `and ${count(order.length - LEGEND)} more classes`));
    $("#legend").replaceChildren(...items);
    $("#legend-title").textContent = `Colour: ${this.scale}`;
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    if (!box.width) return;
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    [this.canvas.width, this.canvas.height] = [Math.round(box.width * this.ratio), Math.round(box.height * this.ratio)];
    Object.assign(this.plane, { width: box.width, height: box.height });
    this.redraw();
  }

  redraw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    if (!this.plane.bounds || !this.y || !this.canvas.width) return;
    const pen = this.canvas.getContext("2d");
    const { width, height } = this.plane;
    const { size, dx, dy } = this.plane.transform;
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const { x } = this.data;
    const seen = [];
    for (let i = 0; i < x.length; i += 1) {
      const [px, py] = [x[i] * size + dx, this.y[i] * size + dy];
      if (px > -40 && py > -40 && px < width + 40 && py < height + 40) seen.push([i, px, py]);
    }
    this.seen = seen;
    if (seen.length <= PICTURES && this.plane.zoom > 2) this.drawPictures(pen, seen);
    else this.drawPoints(pen, seen);
    this.drawHome(pen, size, dx, dy);
  }

  drawPoints(pen, seen) {
    const which = this.data.labels[this.scale] ?? [];
    const radius = Math.min(2.2 + Math.log2(this.plane.zoom) * 0.9, 7) * (seen.length > 20000 ? 0.6 : 1);
    const dim = (i) => (this.hits ? !this.hits.has(i) : this.stressed !== null && which[i] !== this.stressed);
    const soft = pageColour("line"); // opaque: many faint points on one spot would add up
    for (const faint of [true, false]) {
      pen.globalAlpha = faint ? 1 : 0.88;
      for (const [i, px, py] of seen) {
        if (dim(i) !== faint) continue;
        pen.fillStyle = faint ? soft : this.colour(which[i]);
        const r = this.hits && !faint ? radius * 1.5 : radius;
        if (seen.length > 20000) {
          pen.fillRect(px - r, py - r, 2 * r, 2 * r);
        } else {
          pen.beginPath();
          pen.arc(px, py, r, 0, 2 * Math.PI);
          pen.fill();
        }
      }
    }
    pen.globalAlpha = 1;
  }

  drawPictures(pen, seen) {
    const which = this.data.labels[this.scale] ?? [];
    const side = Math.min(Math.max(Math.sqrt((this.plane.width * this.plane.height) / Math.max(seen.length, 1)) * 0.42, 22), 72);
    for (const [i, px, py] of seen) {
      pen.globalAlpha = this.hits && !this.hits.has(i) ? 0.3 : 1;
      pen.fillStyle = this.colour(which[i]);
      pen.beginPath();
      pen.roundRect(px - side / 2 - 2.5, py - side / 2 - 2.5, side + 5, side + 5, 6);
      pen.fill();
      const image = this.image(this.data.ids[i]);
      if (image.complete && image.naturalWidth) pen.drawImage(image, px - side / 2, py - side / 2, side, side);
    }
    pen.globalAlpha = 1;
  }

  drawHome(pen, size, dx, dy) {
    if (this.home === undefined) return;
    pen.beginPath();
    pen.arc(this.data.x[this.home] * size + dx, this.y[this.home] * size + dy, 11, 0, 2 * Math.PI);
    pen.lineWidth = 3;
    pen.strokeStyle = pageColour("ink");
    pen.stroke();
  }

  colour(which) {
    const mode = document.documentElement.dataset.theme ?? "";
    const named = `${this.scale} ${mode} ${matchMedia("(prefers-color-scheme: dark)").matches}`;
    if (this.colours?.named !== named) this.colours = { named, known: new Map() };
    if (!this.colours.known.has(which)) this.colours.known.set(which, classColour(this.scale, this.data.names[this.scale]?.[which]));
    return this.colours.known.get(which);
  }

  image(id) {
    if (!this.images.has(id)) {
      if (this.images.size > 800) this.images.clear();
      const image = new Image();
      image.onload = () => this.redraw();
      address(id, "thumbnails", (url) => { image.src = url; });
      this.images.set(id, image);
    }
    return this.images.get(id);
  }

  nearest(px, py, reach = NEAR) {
    let [best, least] = [null, reach];
    for (const [i, x, y] of this.seen ?? []) {
      const away = Math.hypot(x - px, y - py);
      if (away < least) [best, least] = [i, away];
    }
    return best;
  }

  labels(i) {
    const { labels, names } = this.data;
    return Object.fromEntries(Object.keys(names).filter((scale) => labels[scale][i] >= 0).map((scale) => [scale, names[scale][labels[scale][i]]]));
  }

  point(px, py) {
    const found = px === null ? null : this.nearest(px, py, this.seen?.length <= PICTURES ? 30 : NEAR);
    this.canvas.classList.toggle("onto", found !== null);
    const tip = $("#map-tip");
    tip.hidden = found === null;
    if (found === null || tip.dataset.id === this.data.ids[found]) {
      if (found !== null) this.placeTip(tip, px, py);
      return;
    }
    tip.dataset.id = this.data.ids[found];
    const image = el("img", { alt: "", width: 64, height: 64 });
    address(this.data.ids[found], "thumbnails", (url) => { image.src = url; });
    tip.replaceChildren(image, crumbLine(this.labels(found), this.shell.gauge.names));
    this.placeTip(tip, px, py);
  }

  placeTip(tip, px, py) {
    const { width, height } = this.plane;
    const [wide, tall] = [tip.offsetWidth, tip.offsetHeight];
    const x = px + 14 + wide > width ? Math.max(px - 14 - wide, 6) : px + 14;
    const y = py + 14 + tall > height ? Math.max(py - 14 - tall, 6) : py + 14;
    tip.style.transform = `translate(${x}px, ${y}px)`;
  }

  async click(px, py, reach = this.seen?.length <= PICTURES ? 36 : NEAR) {
    const found = this.nearest(px, py, reach);
    if (found === null) return;
    const id = this.data.ids[found];
    $("#map-tip").hidden = true;
    const hit = this.shell.search.results.find((result) => result.id === id);
    if (hit) this.shell.detail.open(hit);
    else {
      const item = await request(`/v1/items?id=${encodeURIComponent(id)}`).catch(() => ({ id, labels: this.labels(found), metadata: {} }));
      this.shell.detail.open(item);
    }
  }
}

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
