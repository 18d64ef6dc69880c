// The fourth stage: COCO's 17 keypoints with their visibility.
"use strict";
import { isNear } from "./masks.js";
import { act, actTogether, proposeAgain } from "./messages.js";
import { swapSides } from "./parts.js";
import { DOUBLE_MS, DOUBLE_PX, nearest } from "./pointers.js";
import { button, element, gate, person, picture, proposal, row, show, sidedName, trouble, work } from "./state.js";
import { JOINTS } from "./words.js";

/** Visible, hidden, and not in the image: in full and, for narrow screens, short. */
const MARKS = { 2: ["visible", "✓"], 1: ["hidden", "○"], 0: ["not in image", "–"] };

/** How far from a keypoint the surface is looked for, of the box's longer side. */
const NEAR = 0.02;

/** Whether the surface shows a joint: 2; where something covers it: 1. The painted parts say it, else the proposed ones. */
function visibilityAt(joint, x, y) {
  const map = work.maps[work.person] || proposal()?.map, [x0, y0, x1, y1] = person()?.box || [0, 0, 0, 0];
  const reach = Math.max(2, NEAR * Math.max(x1 - x0, y1 - y0));
  if (proposal()?.turned_away.includes(joint)) return 1;
  return !map || isNear(map, work.joints[joint], x, y, reach) ? 2 : 1;
}

/** Pixels of the screen: how far a mouse takes hold of a keypoint, and the movement that makes a drag of a press. */
const KEYPOINT_REACH = 10, DRAG = 3;

const accepted = gate();
const accept = () => accepted.run(async () => {
  const found = Object.entries(proposal()?.keypoints || {}).filter(([joint]) => !person()?.keypoints[joint]);
  if (!found.length) return trouble("the network proposes no other keypoint");
  await actTogether(found.map(([joint, [x, y]]) => (
    { do: "keypoint", person: work.person, joint: Number(joint), x, y,
      visibility: visibilityAt(Number(joint), x, y), origin: "proposed" })));
});

/** Where and when a keypoint was set last: a double click sets one. */
let before = { at: /** @type {[number, number]} */ ([0, 0]), time: 0 };

/** @type {import("./pointers.js").Tool} */
const tool = {
  /** Takes hold of the nearest keypoint, which follows the pointer at its distance; elsewhere the chosen one is set. */
  down(where) {
    const seen = Object.entries(person()?.keypoints || {}).filter(([, one]) => one[2]);
    const held = nearest(seen.map(([, one]) => one), where, KEYPOINT_REACH * picture.reach / picture.scale);
    work.drag = { from: where, held: held < 0 ? null : { joint: Number(seen[held][0]), at: seen[held][1] }, moved: false };
    if (held < 0) this.move(where);
  },
  move(where) {
    const { drag } = work;
    if (!drag) return;
    const [dx, dy] = [where[0] - drag.from[0], where[1] - drag.from[1]], { held } = drag;
    if (held && !drag.moved) {
      if (Math.hypot(dx, dy) * picture.scale < DRAG * picture.reach) return;
      drag.moved = true;
      work.joint = held.joint;
      show();
    }
    work.draft = held ? [held.at[0] + dx, held.at[1] + dy] : where;
    picture.redraw();
  },
  up(where) {
    const { drag, image, draft } = work, one = person(), held = drag?.held;
    this.cancel();
    const far = Math.hypot(where[0] - before.at[0], where[1] - before.at[1]) * picture.scale;
    const doubled = !drag?.moved && Date.now() - before.time < DOUBLE_MS && far < DOUBLE_PX;
    before = { at: where, time: Date.now() };
    if (doubled || !drag || !one || !image) return;
    const known = one.keypoints[work.joint]?.[2];
    // A press on another keypoint chooses it, unless the chosen one waits for its place.
    if (held && !drag.moved && known && held.joint !== work.joint) { work.joint = held.joint; return show(); }
    const [x, y] = drag.moved ? draft : where;
    if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
    void act({ do: "keypoint", person: work.person, joint: work.joint, x, y, visibility: known || 2 });
    if (!held || !known) next();
  },
  cancel() { work.drag = work.draft = null; picture.redraw(); },
};

/** The next keypoint that is not set; else the next one. */
function next() {
  const order = JOINTS.map((_, index) => (work.joint + 1 + index) % JOINTS.length);
  const set = person()?.keypoints || {};
  work.joint = order.find(joint => joint !== work.joint && !set[joint]) ?? order[0];
  show();
}

async function setVisibility() {
  const one = person()?.keypoints[work.joint];
  if (!one) return trouble("set the keypoint first");
  await act({ do: "keypoint", person: work.person, joint: work.joint, x: one[0], y: one[1], visibility: (one[2] + 2) % 3 });
}

/** Exchange the chosen keypoint and that of the other side. */
async function swapJoint() {
  const { joint } = work, other = joint ? joint + (joint % 2 ? 1 : -1) : 0, set = person()?.keypoints || {};
  if (!joint || !(set[joint] || set[other])) return trouble("this keypoint has no other side, or is not set");
  await actTogether([[joint, set[other]], [other, set[joint]]].map(([to, at]) => (
    { do: "keypoint", person: work.person, joint: to, x: at?.[0] || 0, y: at?.[1] || 0, visibility: at?.[2] || 0 })));
}

/** The keypoint is not in the image, or nobody can tell where it is. */
async function leaveOut() {
  await act({ do: "keypoint", person: work.person, joint: work.joint, x: 0, y: 0, visibility: 0 });
  next();
}

function draw() {
  const one = person();
  if (!one) return;
  const found = { ...one.keypoints };
  if (work.showProposals) {
    const rest = Object.entries(proposal()?.keypoints || {}).filter(([joint]) => !found[joint]);
    picture.skeleton(Object.fromEntries(rest.map(([joint, [x, y]]) => (
      [joint, [x, y, visibilityAt(Number(joint), x, y)]]))), -1, true);
  }
  if (work.draft) found[work.joint] = [work.draft[0], work.draft[1], found[work.joint]?.[2] || 2];
  picture.skeleton(found, work.joint, false);
  const chosen = found[work.joint];
  if (chosen?.[2]) picture.label(JOINTS[work.joint], chosen[0] + 9 / picture.scale, chosen[1], "#ffffff");
}

function panel() {
  const list = row(JOINTS.map((name, joint) => {
    const one = person()?.keypoints[joint];
    const made = button("", () => { work.joint = joint; show(); }, joint === work.joint);
    const [long, short] = one ? MARKS[one[2]] : ["", ""];
    made.append(...sidedName(name), element("span", long, "state long"), element("span", short, "state short"));
    made.dataset.side = name.split(" ")[0];
    return made;
  }), "joints");
  const set = Object.keys(person()?.keypoints || {}).length;
  return [list, row([`${set} of ${JOINTS.length} are set `, button("accept the proposed keypoints (A)", accept, false, "accept"),
    button("visible / hidden (V)", setVisibility), button("not in the image (H)", leaveOut),
    button("left ↔ right (L)", swapJoint, false, "swap"), button("all sides (Shift L)", () => swapSides(0), false, "swap_all"),
    button("ask again (R)", proposeAgain, false, "again")])];
}

export const keypoints = {
  tool: () => tool, draw, panel,
  keys: { a: accept, v: setVisibility, h: leaveOut, enter: next, l: swapJoint, L: () => swapSides(0), r: proposeAgain,
    backspace: () => { work.joint = (work.joint + JOINTS.length - 1) % JOINTS.length; } },
};
