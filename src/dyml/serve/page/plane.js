// A plane to pan and zoom: the transform, and the pointer, wheel and key handling that changes it.

const MOST = 400;

export class Plane {
  /** `canvas` is what is dragged; `onchange()` asks for a redraw, `onclick(x, y)` and `onpoint(x, y)` are in pixels. */
  constructor(canvas, { onchange, onclick, onpoint }) {
    Object.assign(this, { canvas, onchange, onclick, onpoint, zoom: 1, x: 0, y: 0, width: 1, height: 1 });
    this.pointers = new Map();
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => this.pointers.size === 0 && onpoint(null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      this.scale(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.keyed(event));
  }

  /** Set the bounds of what is shown: [left, top, right, bottom] in its own units. */
  fit(bounds) {
    this.bounds = bounds;
    this.reset();
  }

  reset() {
    Object.assign(this, { zoom: 1, x: 0, y: 0 });
    this.onchange();
  }

  get base() {
    const [left, top, right, bottom] = this.bounds;
    return 0.92 * Math.min(this.width / (right - left || 1), this.height / (bottom - top || 1));
  }

  /** Functions from the units to pixels. */
  get transform() {
    const [left, top, right, bottom] = this.bounds;
    const size = this.base * this.zoom;
    const dx = this.width / 2 + this.x - size * (left + right) / 2;
    const dy = this.height / 2 + this.y - size * (top + bottom) / 2;
    return { size, dx, dy };
  }

  scale(factor, px = this.width / 2, py = this.height / 2) {
    const next = Math.min(Math.max(this.zoom * factor, 0.7), MOST);
    const by = next / this.zoom;
    const [cx, cy] = [this.width / 2, this.height / 2];
    this.x = (px - cx) - (px - cx - this.x) * by;
    this.y = (py - cy) - (py - cy - this.y) * by;
    this.zoom = next;
    this.onchange();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.onchange();
  }

  down(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.travel = this.pointers.size > 1 ? Infinity : 0;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.onpoint(event.offsetX, event.offsetY);
      return;
    }
    const now = { x: event.offsetX, y: event.offsetY };
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.travel += Math.hypot(now.x - before.x, now.y - before.y);
    this.pointers.set(event.pointerId, now);
    if (!other) {
      if (this.travel > 4) this.pan(now.x - before.x, now.y - before.y);
      return;
    }
    const spread = (point) => Math.hypot(point.x - other.x, point.y - other.y);
    this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.scale(spread(now) / Math.max(spread(before), 1), (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  up(event) {
    const held = this.pointers.delete(event.pointerId);
    if (held && event.type === "pointerup" && this.travel <= 4) this.onclick(event.offsetX, event.offsetY);
  }

  keyed(event) {
    const moves = {
      ArrowLeft: () => this.pan(40, 0), ArrowRight: () => this.pan(-40, 0),
      ArrowUp: () => this.pan(0, 40), ArrowDown: () => this.pan(0, -40),
      "+": () => this.scale(1.4), "=": () => this.scale(1.4), "-": () => this.scale(1 / 1.4),
      0: () => this.reset(), Home: () => this.reset(),
      Enter: () => this.onclick(this.width / 2, this.height / 2, Infinity),
    };
    if (!moves[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    moves[event.key]();
  }
}
