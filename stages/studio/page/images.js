// The list of images, and the end of work on one.
"use strict";
import { act } from "./messages.js";
import { leftToDecide } from "./review.js";
import { post, REVIEW, withToken } from "./server.js";
import { at, button, element, trouble, work } from "./state.js";
import { leftOpen, take } from "./steps.js";

const STATES = { open: "", begun: "begun", finished: "finished", skipped: "left out", taken: "others have it",
  returned: "sent back to you", reviewed: "reviewed" };
const REVIEW_STATES = { open: "to review", begun: "begun", finished: "reviewed", taken: "another reviewer has it",
  returned: "sent back", waiting: "nobody has finished it" };

/** Show all images with their state; a click opens one. */
export async function showImages() {
  let found;
  try { found = await post("/images", { who: work.who }); } catch (error) { return trouble(/** @type {Error} */ (error).message); }
  at("imagelist").replaceChildren(...found.images.map(({ name, state }, number) => {
    const made = button("", () => { at("images").close(); void take(name); }, name === work.image?.name, state);
    const small = document.createElement("img");
    Object.assign(small, { src: withToken(`/thumbnail/${number}`), loading: "lazy", alt: "" });
    made.disabled = ["taken", "reviewed", "waiting"].includes(state);
    made.append(small, element("span", name), element("small", (REVIEW ? REVIEW_STATES : STATES)[state]));
    return made;
  }));
  at("images").showModal();
}

/** The image is finished; what is left open is told first. */
export function finish() {
  const open = REVIEW ? leftToDecide() : leftOpen();
  if (!open.length) return void end("finished");
  at("leftopen").replaceChildren(...open.map(text => element("li", text)));
  at("finish").showModal();
}

/** @param {"finished"|"skipped"} status */
export async function end(status) {
  if (await act({ do: "status", status })) await take();
}

/** Another annotator sits down; the images of the one before are free. */
export async function leave() {
  await post("/release", { who: work.who });
  sessionStorage.removeItem("who");
  location.reload();
}
