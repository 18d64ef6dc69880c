// What the server knows: messages in, the sheet out. Actions are sent one after the other, in their order.
"use strict";

/**
 * An asked pixel. `places`: view, x, y of the answer on each view that sees it; `second`: it is on the part's second chart;
 * `proposed`: the network gave the answer.
 * @typedef {{x: number, y: number, verdict: string, second: boolean, proposed: boolean, places: [number, number, number][]}} AskedPoint
 */
/**
 * One person of the sheet. `hint`: whether the network's guess is shown; null: the annotator chooses.
 * A reviewed person has `sources`: whose work it is; `decided`: whose answer stands, by the item; `notes`: what went back.
 * @typedef {{box: number[], kind: string, seconds: number, proposed: string[], parts: any, outline: any,
 *   hint: boolean|null, asked: Record<string, AskedPoint[]>, keypoints: Record<string, [number, number, number]>,
 *   sources: [string, number][], decided: Record<string, string>, notes: {annotator: string, note: string}[]}} Person
 */
/** `next`: the number of the next new person. */
/** @typedef {{people: Record<string, Person>, next: number, status: string, undo: number, redo: number}} Sheet */

/** Whether this is the page of reviewers. */
export const REVIEW = location.pathname === "/review";
/** The token of the address is kept for all requests; the cookie has it as well. */
const token = new URLSearchParams(location.search).get("token");
const query = token === null ? "" : `?token=${encodeURIComponent(token)}`;
/** Answers of a server that is busy, or of a proxy whose server is being restarted: the request is sent again. */
const LATER = [408, 502, 503, 504];
/** @type {Promise<any>} */
let queue = Promise.resolve();
let unsent = 0, count = 0;
/** Names the messages of this page, so that one that is sent again is carried out once. */
const page = Math.random().toString(36).slice(2);

/** Number of messages that the program has not answered. */
export const waiting = () => unsent;

/** All messages until now are answered, and their answers shown. */
export const settled = () => queue;

/**
 * Send a message when those before have been answered and shown. Rejects with the server's sentence.
 * @param {string} path
 * @param {() => Promise<object>} message made when it is sent
 * @param {(found: any) => Promise<void>|void} [showed] shows the answer
 * @returns {Promise<any>}
 */
export function send(path, message, showed) {
  const key = `${page}.${++count}`;
  unsent++;
  const answer = queue.then(async () => {
    const found = await post(path, { ...await message(), key });
    await showed?.(found);
    return found;
  }).finally(() => { unsent--; });
  queue = answer.catch(() => undefined);
  return answer;
}

/**
 * Send a message at once.
 * @param {string} path
 * @param {object} message
 */
export async function post(path, message) {
  const headers = { "Content-Type": "application/json" }, body = JSON.stringify(REVIEW ? { ...message, review: true } : message);
  const response = await answered(path, { method: "POST", headers, body });
  return content(response);
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export const get = async path => content(await answered(path));

/** The address of something on the server. @param {string} path */
export const withToken = path => path + query;

/**
 * A picture of the server.
 * @param {string} path
 * @returns {Promise<ImageBitmap>}
 */
export async function picture(path) {
  const response = await answered(path);
  if (!response.ok) await content(response);
  return createImageBitmap(await response.blob());
}

/** The JSON of a response. Throws the server's sentence. @param {Response} response */
async function content(response) {
  const found = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) throw new Error(found.error);
  return found;
}

/**
 * The response to a request, which is sent again until the program answers it: what was done before is in its journal.
 * @param {string} path
 * @param {RequestInit} [options]
 */
async function answered(path, options) {
  for (let wait = 250; ; wait = Math.min(2 * wait, 4000)) {
    const response = await fetch(path + query, options).catch(() => null);
    if (response && !LATER.includes(response.status)) {
      document.dispatchEvent(new CustomEvent("online-again"));
      return response;
    }
    document.dispatchEvent(new CustomEvent("offline", { detail: response ? "the program is busy" : "no connection to the program" }));
    await new Promise(done => setTimeout(done, wait));
  }
}
