// Pictures: thumbnails of the gallery, uploads kept in memory, and the ways a picture comes in.

import { bytes, key } from "./api.js";
import { $, el } from "./dom.js";

const uploads = new Map(); // token -> {file, url}
const fetched = new Map(); // path -> promise of an address
const KEPT = 3000;

/** Where the service keeps a picture of an item. */
export const path = (id, kind) => `/v1/${kind}?id=${encodeURIComponent(id)}`;

/** Make an <img> of a gallery item. Its name stands beside it, so it has no words of its own. */
export function thumbnail(id, kind = "thumbnails", eager = false) {
  const image = el("img", { alt: "", decoding: "async", draggable: "false", width: 96, height: 96 });
  if (!eager) image.loading = "lazy";
  image.addEventListener("error", () => image.classList.add("missing"));
  const load = () => address(id, kind, (url) => { image.src = url; });
  if (eager || !key()) load();
  else whenSeen(image, load);
  return image;
}

const waiting = new WeakMap();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    waiting.get(target)();
  }
}, { rootMargin: "400px" });

/** With a key the page fetches pictures itself, so it must be as lazy as the browser would be. */
function whenSeen(image, load) {
  waiting.set(image, load);
  watcher.observe(image);
}

/** Call `use` with an address of the picture that <img> can load. */
export function address(id, kind, use) {
  if (!key()) {
    use(path(id, kind));
    return;
  }
  const wanted = path(id, kind);
  if (!fetched.has(wanted)) {
    if (fetched.size >= KEPT) forgetOldest();
    fetched.set(wanted, bytes(wanted).then((blob) => URL.createObjectURL(blob))); // <img> cannot send a key
  }
  fetched.get(wanted).then(use, () => use(""));
}

function forgetOldest() {
  const [oldest, promise] = fetched.entries().next().value;
  fetched.delete(oldest);
  promise.then((url) => URL.revokeObjectURL(url), () => {});
}

/** Keep a picture file in memory; returns the token that stands for it in addresses. */
export function keep(file) {
  const token = String(uploads.size + 1);
  uploads.set(token, { file, url: URL.createObjectURL(file) });
  return token;
}

export const upload = (token) => uploads.get(token);

/** The first picture file of a drop or paste, or the id of a dragged item: {file} | {id} | null. */
export function incoming(transfer) {
  const id = transfer.getData?.("text/x-dyml-id");
  if (id) return { id };
  const files = [...(transfer.files ?? [])];
  const file = files.find((one) => one.type.startsWith("image/")) ?? files[0];
  return file ? { file } : null;
}

/** Let the reader choose a file. */
export function choose(camera = false) {
  return new Promise((done) => {
    const input = el("input", { type: "file", accept: "image/*", capture: camera && "environment" });
    input.addEventListener("change", () => done(input.files[0] ?? null));
    input.click();
  });
}

/** Take a picture with the camera: live where the browser can, else by the phone's own camera. */
export async function photograph() {
  if (!navigator.mediaDevices?.getUserMedia || matchMedia("(pointer: coarse)").matches) return choose(true);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return choose(true);
  }
  const dialog = $("#camera");
  const video = $("video", dialog);
  video.srcObject = stream;
  dialog.returnValue = "";
  dialog.showModal();
  await video.play().catch(() => {});
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  const shot = dialog.returnValue === "take" ? await frame(video) : null;
  stream.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  return shot;
}

function frame(video) {
  const side = Math.min(video.videoWidth, video.videoHeight);
  const canvas = el("canvas", { width: side, height: side });
  const [x, y] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
  canvas.getContext("2d").drawImage(video, x, y, side, side, 0, 0, side, side);
  return new Promise((done) => {
    canvas.toBlob((blob) => done(blob && new File([blob], "photograph.jpg", { type: blob.type })), "image/jpeg", 0.92);
  });
}
