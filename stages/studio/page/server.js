// What the server knows: messages in, the sheet out. Actions are sent one after the other, in their order.
"use strict";

/**
 * An asked pixel. `places`: view, x, y of the answer on each view that sees it; `second`: it is on the part's second chart.
 * @typedef {{x: number, y: number, verdict: string, second: boolean, places: [number, number, number][]}} AskedPoint
 */
/**
 * One person of the sheet. `hint`: whether the network's guess is shown; null: the annotator chooses.
 * A reviewed person has `sources`: whose work it is; `decided`: whose answer stands, by the item; `notes`: what went back.
 * @typedef {{box: number[], kind: string, seconds: number, proposed: string[], parts: any, outline: any,
 *   hint: boolean|null, asked: Record<string, AskedPoint[]>, keypoints: Record<string, [number, number, number]>,
 *   sources: [string, number][], decided: Record<string, string>, notes: {annotator: string, note: string}[]}} Person
 */
/** @typedef {{people: Record<string, Person>, status: string, undo: number, redo: number}} Sheet */

/** Whether this is the page of reviewers. */
export const REVIEW = location.pathname === "/review";
/** The token of the address is kept for all requests; the cookie has it as well. */
const query = location.search;
/** @type {Promise<any>} */
let queue = Promise.resolve();

/**
 * Send a message when those before have been answered and shown. Rejects with the server's sentence.
 * @param {string} path
 * @param {() => object} message made when it is sent
 * @param {(found: any) => Promise<void>|void} [showed] shows the answer
 * @returns {Promise<any>}
 */
export function send(path, message, showed) {
  const answer = queue.then(async () => {
    const found = await post(path, message());
    await showed?.(found);
    return found;
  });
  queue = answer.catch(() => undefined);
  return answer;
}

/**
 * Send a message at once. Until the program answers it is sent again.
 * @param {string} path
 * @param {object} message
 */
export async function post(path, message) {
  for (let wait = 250; ; wait = Math.min(2 * wait, 4000)) {
    let response;
    try {
      const headers = { "Content-Type": "application/json" }, body = JSON.stringify(REVIEW ? { ...message, review: true } : message);
      response = await fetch(path + query, { method: "POST", headers, body });
    } catch {
      // The program is being restarted: what was answered is in its journal, and this message is sent again.
      document.dispatchEvent(new CustomEvent("offline"));
      await new Promise(done => setTimeout(done, wait));
      continue;
    }
    document.dispatchEvent(new CustomEvent("online-again"));
    const found = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
    if (!response.ok) throw new Error(found.error);
    return found;
  }
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function get(path) {
  const response = await fetch(path + query);
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}

/** The address of something on the server. @param {string} path */
export const withToken = path => path + query;

/**
 * A picture of the server.
 * @param {string} path
 * @returns {Promise<ImageBitmap>}
 */
export async function picture(path) {
  const response = await fetch(path + query);
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error || `${path}: ${response.status}`);
  return createImageBitmap(await response.blob());
}
