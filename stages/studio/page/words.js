// The words of the page.
"use strict";

export const STAGES = ["people", "parts", "points", "keypoints"];
export const TASKS = {
  people: "Draw a box around each person, or accept the dashed ones: click one, or A for all. Drag sides and corners to correct.",
  parts: "Paint the parts of the body. Left is the person's left. Mean the body under the clothes, not the cloth's rim.",
  points: "A point blinks on the image. Click the same place of the body on one of the six views.",
  keypoints: "Click each keypoint, or accept the proposed ones and drag them right. V: visible, hidden, not in the image.",
};
export const JOINTS = ["nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
  "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
  "right ankle"];
export const KEYS = [
  ["Tab", "next stage"], ["N, Shift N", "next, previous person"], ["F", "image finished"], ["Z, Shift Z or Y", "undo, redo"],
  ["space and drag, wheel, + −", "pan, zoom"], ["A", "accept the proposal: boxes, this part, keypoints"],
  ["1 … 9, 0, Shift 1 … 4", "choose part 1 … 14"], ["Q, C, X, K", "people: person, crowd, not a person, skip"],
  ["B, G, E, [ ]", "parts: brush, polygon, erase, size of the brush"], ["Enter", "next; closes a polygon"],
  ["Backspace", "back: takes the last answer or corner back"], ["H, S", "points: hidden, skip"],
  ["V", "keypoints: visible, hidden, not in the image"], ["?", "this list"],
];
export const RULES = [
  "Left is the person's left, also when the person faces you.",
  "Parts are those of the body under the clothes: of a skirt, paint the thighs where they must be.",
  "Paint what you can see of each part. What something else hides is not painted.",
  "Of a point on cloth, click the place of the skin right behind it.",
  "If you cannot tell where a point is, say hidden; if you do not want to answer, say skip.",
];
