// What the annotator does becomes a message; what the server answers becomes the state of the page.
"use strict";
import { unpacked } from "./masks.js";
import { get, picture as loadPicture, post, send, settled } from "./server.js";
import { gate, numbers, OUTLINE, person, picture, show, trouble, work } from "./state.js";

/**
 * Send what the annotator did to the image. True when the server took it.
 * @param {string} path
 * @param {Record<string, any>|(() => Promise<Record<string, any>>)} fields or what makes them when their turn comes
 */
export async function message(path, fields) {
  trouble("");
  work.polygonDone = null;
  const name = work.image?.name;
  try {
    const made = async () => ({ who: work.who, image: name, ...(typeof fields === "function" ? await fields() : fields) });
    await send(path, made, async found => {
      if (work.image?.name === name) await showSheet(found.sheet);
      work.progress = found.progress;
      work.notes = found.notes;
      if (found.warning) trouble(found.warning);
    });
    return true;
  } catch (error) {
    trouble(/** @type {Error} */ (error).message);
    return false;
  } finally {
    show();
  }
}

/** @param {object|string} action */
export const act = action => message("/act", { action });

/** Several changes that are undone in one step. @param {object[]} actions */
export async function actTogether(actions) {
  return actions.length > 0 && act(actions.length === 1 ? actions[0] : { do: "together", actions });
}

/** Read the sheet again, where the page shows what the server refused. The annotator stays where they are. */
export async function readSheet() {
  const name = work.image?.name;
  try {
    await send("/take", async () => ({ who: work.who, image: name }), async found => {
      if (work.image?.name === name && found.sheet) await showSheet(found.sheet);
    });
  } catch (error) { trouble(/** @type {Error} */ (error).message); }
  show();
}

let redrawn = 0;
/** How often maps of the server have replaced those of the page: strokes that were drawn before are not on them. */
export const timesRedrawn = () => redrawn;

async function showSheet(sheet) {
  const maps = {}, outlines = {};
  for (const [number, one] of Object.entries(sheet.people)) {
    if (one.parts !== "same" || one.outline !== "same") redrawn++;
    maps[number] = one.parts === "same" ? work.maps[number] : await unpacked(one.parts);
    outlines[number] = one.outline === "same" ? work.outlines[number] : await unpacked(one.outline, OUTLINE);
  }
  Object.assign(work, { maps, outlines, sheet });
  if (!person()) work.person = numbers()[0] || 0;
}

/** Open an image: the named one, or the next. True when the page has one. @param {string} [name] */
export async function takeImage(name) {
  try {
    const found = await send("/take", async () => ({ who: work.who, ...(name ? { image: name } : {}) }));
    work.progress = found.progress;
    // Nothing can be answered before the image is there: what is on the screen is the last one.
    Object.assign(work, { image: null, sheet: null, maps: {}, outlines: {}, proposals: [], proposed: false, again: {} });
    Object.assign(work, { placed: 0, polygonDone: null });
    Object.assign(work, { person: 0, part: 1, number: 0, joint: 0, found: found.review || null, notes: found.notes || [] });
    await picture.setImage(null);
    if (!found.image) return false;
    const loaded = await loadPicture(`/image/${found.image.number}`);
    work.image = found.image;
    await showSheet(found.sheet);
    picture.show([0, 0, found.image.width, found.image.height]);
    void picture.setImage(loaded);
    void propose(found.image);
    return true;
  } catch (error) { trouble(/** @type {Error} */ (error).message); return Boolean(work.image); }
}

/** A proposal with its map unpacked. */
const withMap = async one => ({ ...one, map: await unpacked(one.parts) });

const again = gate();
/** Ask the network for the box of the chosen person, which somebody drew or corrected. */
export const proposeAgain = () => again.run(async () => {
  await settled();  // the program sees the box as the page does
  const { image, person: number } = work, one = person();
  if (!image || !one) return trouble("choose a person first");
  trouble("the network looks at this box …");
  try {
    const found = await post("/propose", { who: work.who, image: image.name, person: number });
    if (work.image !== image) return;
    work.again[number] = found.person && await withMap(found.person);
    trouble(found.person ? "" : "the network sees nobody in this box");
  } catch (error) { trouble(/** @type {Error} */ (error).message); }
  show();
});

async function propose(image) {
  try {
    const found = await get(`/proposals/${image.number}`);
    if (work.image !== image) return;
    work.proposals = await Promise.all(found.people.map(withMap));
    work.proposed = true;
  } catch (error) { trouble(/** @type {Error} */ (error).message); }
  show();
}
