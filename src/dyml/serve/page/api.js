// Talks to the service: keys, problems in words, patience when it is busy.

const KEY = "dyml-key";
const TRIES = 6;
const BUSY = [429, 503];
let ask = null; // shows the key dialog; resolves to the key, or rejects
let asking = null;

/** An answer of the service that says no, in words. */
export class Problem extends Error {
  constructor(status, title, detail, request) {
    super(detail || title);
    Object.assign(this, { status, title, detail, request });
  }
}

export const onKeyNeeded = (show) => { ask = show; };
export const key = () => sessionStorage.getItem(KEY);

/**
 * Ask the service for JSON.
 * `json` or `form` make it a POST; `onwait(seconds)` is told before a pause when the service is busy.
 */
export async function request(path, { json, form, signal, onwait } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(path, { json, form, signal });
    if (answer.ok) return answer.json();
    const problem = await read(answer);
    if (answer.status === 401) await newKey(problem);
    else if (BUSY.includes(answer.status) && answer.headers.has("Retry-After") && attempt < TRIES) await pause(answer, attempt, onwait, signal);
    else throw problem;
  }
}

/** Fetch a picture's bytes. */
export async function bytes(path) {
  const answer = await send(path, {});
  if (!answer.ok) throw await read(answer);
  return answer.blob();
}

async function send(path, { json, form, signal }) {
  const headers = { Accept: "application/json" };
  if (key()) headers["X-API-Key"] = key();
  if (json) headers["Content-Type"] = "application/json";
  const body = json ? JSON.stringify(json) : form;
  try {
    return await fetch(path, { method: body ? "POST" : "GET", headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "No answer", "The service does not answer. Is it still running?");
  }
}

async function read(answer) {
  const said = await answer.json().catch(() => ({}));
  const title = said.title || answer.statusText || `Status ${answer.status}`;
  const request = said.request_id || answer.headers.get("X-Request-ID");
  return new Problem(answer.status, title, typeof said.detail === "string" ? said.detail : "", request);
}

async function newKey(problem) {
  const tried = key();
  sessionStorage.removeItem(KEY);
  if (!ask) throw problem;
  asking ??= ask(Boolean(tried)).finally(() => { asking = null; });
  sessionStorage.setItem(KEY, await asking);
}

async function pause(answer, attempt, onwait, signal) {
  const said = Number(answer.headers.get("Retry-After"));
  const seconds = said > 0 ? Math.min(said, 60) : Math.min(2 ** (attempt - 1), 16);
  for (let left = Math.ceil(seconds); left > 0; left -= 1) {
    onwait?.(left);
    await new Promise((done) => setTimeout(done, Math.min(seconds, 1) * 1000));
    signal?.throwIfAborted();
  }
  onwait?.(0);
}
