// The list of images, and the end of work on one.
"use strict";
import { act } from "./messages.js";
import { leftToDecide } from "./review.js";
import { post, REVIEW, withToken } from "./server.js";
import { at, button, element, gate, row, trouble, work } from "./state.js";
import { leftOpen, take } from "./steps.js";

const STATES = { open: "", begun: "begun", finished: "finished", skipped: "left out", taken: "others have it",
  returned: "sent back to you", reviewed: "reviewed" };
const REVIEW_STATES = { open: "to review", begun: "begun", finished: "reviewed", taken: "another reviewer has it",
  returned: "sent back", waiting: "nobody has finished it" };

/** The small images that are on the screen are asked for two at a time: more would keep a browser's connections busy. */
const MOST_LOADING = 2;
/** @type {Set<HTMLImageElement>} */
const wanted = new Set();
let loading = 0;
const seen = new IntersectionObserver(changes => {
  for (const one of changes) wanted[one.isIntersecting ? "add" : "delete"](/** @type {HTMLImageElement} */ (one.target));
  loadNext();
}, { root: at("images") });

function loadNext() {
  while (loading < MOST_LOADING && wanted.size) {
    const [small] = wanted, path = withToken(`/thumbnail/${small.dataset.number}`);
    wanted.delete(small);
    seen.unobserve(small);
    loading++;
    small.onload = small.onerror = () => { loading--; loadNext(); };
    small.src = path;
  }
}

const DAY_S = 86400;

/** How long work rests, in words. @param {number} seconds */
function span(seconds) {
  const [size, unit] = seconds >= 2 * DAY_S ? [DAY_S, "days"] : seconds >= 7200 ? [3600, "h"] : [60, "min"];
  return `${Math.round(seconds / size)} ${unit}`;
}

/** Give an image to others that somebody began; who began it can go on until another one does. @param {Record<string, any>} fields */
async function handOn(fields) {
  try { await post("/hand_on", { who: work.who, ...fields }); } catch (error) { return trouble(/** @type {Error} */ (error).message); }
  if (!REVIEW && fields.image === work.image?.name) await take();
  await showImages();
}

/** What the lead sees of the work on an image. @param {string} image @param {any} one */
function sheetRow(image, one) {
  const state = one.held ? `begun, rests ${span(one.rest_s)}` : one.state === "open" ? "handed on" : one.state;
  const about = `${one.who}${one.reviewer ? " (review)" : ""}: ${state} · ${one.work}${one.filed ? "" : " · not in the file"}`;
  const made = element("small", about, one.filed ? "" : "unfiled");
  if (!one.held) return made;
  const give = button("hand on", () => handOn({ image, of: one.who, reviewer: one.reviewer }),
    one.rest_s >= DAY_S, "hand_on");
  return row([made, give]);
}

/** The sentence above the list: what rests for a day or more. @param {any[]} images */
function restingWords(images) {
  const held = images.flatMap(one => one.sheets || []).filter(one => one.held && one.rest_s >= DAY_S).length;
  return held ? `${held} begun ${held > 1 ? "sheets rest" : "sheet rests"} for a day or more: hand them on, or ask their annotators.` : "";
}

/** Show all images with their state; a click opens one. */
export async function showImages() {
  let found;
  try { found = await post("/images", { who: work.who }); } catch (error) { return trouble(/** @type {Error} */ (error).message); }
  at("resting").textContent = restingWords(found.images);
  at("imagelist").replaceChildren(...found.images.map(({ name, state, held, sheets }, number) => {
    const made = button("", () => { at("images").close(); void take(name); }, name === work.image?.name, state);
    const small = document.createElement("img");
    small.alt = "";
    small.dataset.number = String(number);
    seen.observe(small);
    made.disabled = ["taken", "reviewed", "waiting"].includes(state);
    made.append(small, element("span", name), element("small", (REVIEW ? REVIEW_STATES : STATES)[state]));
    const give = held ? [button("give to others", () => handOn({ image: name }), false, "hand_on")] : [];
    const about = (sheets || []).map(one => sheetRow(name, one));
    const whole = row([made, ...give, ...about]);
    whole.className = "listed";
    return whole;
  }));
  if (!at("images").open) at("images").showModal();
}

/** Show the link that gives an annotator's name to the browser in which it is opened. */
export async function makeLink() {
  const of = at("linkof").value.trim();
  try { at("link").value = location.origin + (await post("/link", { who: work.who, of })).link; } catch (error) {
    at("link").value = /** @type {Error} */ (error).message;
  }
  at("link").select();
}

/** The image is finished; first it says what is left open. */
export function finish() {
  const open = REVIEW ? leftToDecide() : leftOpen();
  if (!open.length) return void end("finished");
  at("leftopen").replaceChildren(...open.map(text => element("li", text)));
  at("finish").showModal();
}

const ended = gate();
/** @param {"finished"|"skipped"} status */
export const end = status => ended.run(async () => {
  if (await act({ do: "status", status })) await take();
});

/** Another annotator sits down; what the one before began stays theirs. */
export async function leave() {
  await post("/release", { who: work.who });
  sessionStorage.removeItem("who");
  location.reload();
}
