// The words of the page.
"use strict";

/** @type {import("./state.js").Stage[]} */
export const STAGES = ["people", "parts", "points", "keypoints"];
export const TASKS = {
  review: "Where annotators disagree, the worst first. Take an answer, give a new one, or send the person back.",
  people: "Draw a box around each person, or accept the dashed ones: click one, or accept all (A). Drag sides and corners to correct.",
  parts: "Choose a part and paint it, or accept the faint proposal (A) and correct it. The outline comes last.",
  points: "A point blinks on the image. Click its place of the body on a view.",
  keypoints: "Click the place of the chosen keypoint, or accept the faint ones (A) and drag them right. Set what is hidden (V).",
};
/** What buttons say on small and touch screens, where that is shorter. @type {Record<string, string>} */
export const SHORT = {
  "accept this one": "accept", "outline = all parts": "= all parts", "left ↔ right": "L ↔ R", "all sides": "all ↔",
  "show proposals": "proposals", "accept the proposed keypoints": "accept", "visible / hidden": "hidden", "not in the image": "absent",
  "network's points": "network", "ask the network again": "ask again", "finish image": "finish", "finish review": "finish",
  "keys, rules": "rules", "not a person": "no person",
};
export const JOINTS = ["nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
  "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
  "right ankle"];
export const KEYS = [
  ["Tab", "next stage"], ["N, Shift N", "next, previous person"], ["F", "image finished"], ["I", "list of images"],
  ["Z, Shift Z or Y", "undo (of a polygon its last corner), redo"],
  ["Del, Esc", "people: remove; parts: delete the chosen corner, leave the polygon"],
  ["space and drag, wheel, + −", "pan, zoom; a wheel and a drag move the views, too"],
  ["W, D", "fit: the person, then the whole image; hide what is drawn over it"],
  ["A, Shift A", "accept the proposal: boxes, this part, keypoints; all parts"],
  ["1 … 9, 0, Shift 1 … 4, O", "choose part 1 … 14, the outline"], ["Q, C, X, K", "people: person, crowd, not a person, skip"],
  ["B, G, E, [ ]", "parts: brush, polygon, erase, size of the brush"], ["U", "the outline is all that is painted"],
  ["R", "people, parts, keypoints: ask the network again, for a box that was corrected"],
  ["L, Shift L", "exchange left and right: of the part or keypoint, of all"],
  ["Enter", "next; closes a polygon, whose corners can then be dragged; a drag of a side makes a new one"],
  ["Backspace", "back: takes the last answer or corner back"],
  ["H, S, P, J", "points: hidden, skip, lines of the answers on the image, take the network's points"],
  ["1 … 9, Enter, R", "review: take the answer of an annotator; next; send the person back"],
  ["G", "review: progress of the whole task, and how far annotators agree"],
  ["V, H", "keypoints: visible or hidden, not in the image"], ["?", "this list"],
];
/** Guidelines of each stage: the name of a drawing, and the rule. */
export const RULES = {
  review: [
    ["behind", "Judge by the image and by the guidelines, not by who answered."],
    ["guess", "Send back what an annotator misunderstood; correct yourself what is only a slip."],
  ],
  people: [
    ["group", "One box for each person, also for those who are cut off or partly hidden. Crowd: a group that you cannot separate."],
    ["statue", "Not a person: statues, pictures of people, toys. Skip: a person of whom you can tell nothing."],
  ],
  parts: [
    ["left", "Left is the person's left, also when the person faces you."],
    ["clothes", "Paint the body under the clothes, not the cloth's rim: of a skirt, the thighs where they must be."],
    ["visible", "Paint what you can see of a part. What another thing hides is not painted."],
    ["outline", "The outline is all that is seen of the person, with clothes and hair, without what is held."],
  ],
  points: [
    ["grid", "After four answers their lines appear on the image: where they fold, an answer is wrong."],
    ["behind", "Of a point on cloth, click the place of the skin right behind it."],
    ["hidden", "Hidden: something lies over the point. Skip: you do not want to answer."],
    ["guess", "The network's guess may be wrong. Judge by the image."],
  ],
  keypoints: [
    ["joint", "Set the middle of the joint, not the skin before it. Hidden: you know where it is, but something covers it."],
    ["left", "Left is the person's left, also when the person faces you."],
  ],
};
