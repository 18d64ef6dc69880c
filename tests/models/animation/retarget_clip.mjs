// node retarget_clip.mjs THREE SOURCE.glb TARGET.glb OUT.json: carries the animation of one file to the rig of another
// by three.js's SkeletonUtils.retargetClip, plays both, and writes places of all bones in every frame.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [, , three, sourceFile, targetFile, out] = process.argv;
const part = name => import(pathToFileURL(`${three}/${name}`));
const THREE = await part("build/three.module.js");
const { GLTFLoader } = await part("examples/jsm/loaders/GLTFLoader.js");
const { retargetClip } = await part("examples/jsm/utils/SkeletonUtils.js");
const FPS = 30;

// Node.js decodes no images: textures stay empty.
globalThis.self = globalThis;
THREE.TextureLoader.prototype.load = (_, done) => { const empty = new THREE.Texture(); setTimeout(() => done(empty), 0); return empty; };
globalThis.document = { createElementNS: () => ({ addEventListener(name, call) { if (name === "load") setTimeout(call, 0); }, removeEventListener() {} }) };

function load(file) {
  const data = fs.readFileSync(file);
  return new Promise((done, failed) => new GLTFLoader().parse(data.buffer.slice(data.byteOffset, data.byteOffset + data.length), "", done, failed));
}

function skinned(file) {
  let found = null;
  file.scene.traverse(node => { if (node.isSkinnedMesh && !found) found = node; });
  file.scene.updateMatrixWorld(true);
  return found;
}

const source = await load(sourceFile), target = await load(targetFile);
const from = skinned(source), to = skinned(target);
const names = Object.fromEntries(to.skeleton.bones.map(bone => [bone.name, bone.name]));
const clip = retargetClip(to, from, source.animations[0], { hip: "mixamorigHips", names, fps: FPS, preserveBoneMatrix: true });
const players = [[source.scene, source.animations[0]], [to, clip]].map(([node, motion]) => {
  const mixer = new THREE.AnimationMixer(node);
  mixer.clipAction(motion).play();
  return mixer;
});
const places = mesh => Object.fromEntries(mesh.skeleton.bones.map(bone => [bone.name, bone.getWorldPosition(new THREE.Vector3()).toArray()]));
const frames = [];
for (let k = 0; k / FPS < clip.duration; k++) {
  for (const mixer of players) mixer.setTime(k / FPS + 1e-6);
  source.scene.updateMatrixWorld(true);
  target.scene.updateMatrixWorld(true);
  frames.push({ source: places(from), target: places(to) });
}
fs.writeFileSync(out, JSON.stringify(frames));
