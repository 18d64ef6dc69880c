// A small drawing beside each guideline.
"use strict";

const SKIN = "#cdb59b", MARK = "#ff8f3a", CLOTH = "#5a6f96", LINE = "#e8eaee", BAD = "#ff6b5e";
/** Head, trunk, arms and legs of a person who faces the viewer. */
const HEAD = "M36 6a7 7 0 1 0 .1 0z", TRUNK = "M28 22h16l-2 24h-12z", LEFT_ARM = "M44 22l5 2 6 20-4 1-8-15z";
const RIGHT_ARM = "M28 22l-5 2-6 20 4 1 8-15z", LEFT_LEG = "M36 46h6l2 36h-5z", RIGHT_LEG = "M36 46h-6l-2 36h5z";
const BODY = [HEAD, TRUNK, LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG];

/** Each drawing: [path, fill, stroke] one over the other. @type {Record<string, [string, string, string][]>} */
const DRAWINGS = {
  left: [...plain(BODY), [LEFT_ARM, MARK, LINE], ["M64 20q8 8 0 20m0 0l6-3m-6 3l-1-7", "none", MARK]],
  clothes: [...plain(BODY), [RIGHT_LEG, MARK, LINE], [LEFT_LEG, MARK, LINE], ["M29 42h14l12 32h-38z", CLOTH + "99", LINE]],
  visible: [...plain(BODY), [LEFT_LEG, MARK, LINE], [RIGHT_LEG, MARK, LINE], ["M14 58h46v12h-46z", "#3a3f49", LINE]],
  behind: [["M4 20q34 8 64 0v50q-32 8-64 0z", SKIN, LINE], ["M4 12q34 8 64 0v6q-32 8-64 0z", CLOTH, LINE],
    ["M36 15a3 3 0 1 0 .1 0z", LINE, MARK], ["M36 19v10m0 0l-4-5m4 5l4-5", "none", MARK]],
  hidden: [...plain(BODY), ["M40 30h28v26h-28z", "#3a3f49", LINE], ["M50 38q4-6 8 0 0 3-4 5v3m0 3v2", "none", MARK]],
  statue: [...plain(BODY), ["M20 82h32v5h-32z", "#8a8f98", LINE], ["M12 12l48 62M60 12l-48 62", "none", BAD]],
  group: [["M4 12h28v66h-28z", "none", MARK], ["M18 18a6 6 0 1 0 .1 0zM11 32h14l-2 40h-10z", SKIN, LINE],
    ["M48 18a6 6 0 1 0 .1 0zM41 32h14l-2 40h-10z", SKIN, LINE], ["M36 12h26v66h-26z", "none", MARK]],
  outline: [...plain(BODY), ["M29 42h14l12 32h-38z", CLOTH, LINE],
    ["M36 3q11 1 9 16l6 4 8 24-7 3-3-4 10 30-12 1v9h-20v-9l-13-1 10-30-3 4-7-3 8-24 6-4q-2-15 8-16z", "none", MARK]],
  grid: [["M10 8h52v70h-52z", SKIN, LINE], ["M10 30q26 6 52 0M10 54q26 6 52 0M28 8q4 35 0 70M46 8q4 35 0 70", "none", LINE],
    ["M29 31a4 4 0 1 0 .1 0z", MARK, LINE]],
  guess: [["M10 8h52v70h-52z", SKIN, LINE], ["M36 30a11 11 0 1 0 .1 0z", "#b12ad166", "none"], ["M48 22l10-12M58 22l-10-12", "none", BAD]],
  joint: [...plain(BODY), ["M52 30a4 4 0 1 0 .1 0z", MARK, LINE], ["M36 60a4 4 0 1 0 .1 0z", "none", MARK]],
};

/** @param {string[]} paths @returns {[string, string, string][]} */
function plain(paths) { return paths.map(path => [path, SKIN, "#6d5f4f"]); }

/** @param {string} name @returns {Element} a drawing of 72 × 88 */
export function drawing(name) {
  const empty = /** @type {HTMLTemplateElement} */ (document.getElementById("drawing")).content.children[0];
  const made = /** @type {Element} */ (empty.cloneNode());
  for (const [path, fill, stroke] of DRAWINGS[name]) {
    const line = document.createElementNS(made.namespaceURI, "path");
    for (const [key, value] of Object.entries({ d: path, fill, stroke, "stroke-width": "1.5" })) line.setAttribute(key, value);
    made.append(line);
  }
  return made;
}
