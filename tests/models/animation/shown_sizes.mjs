// node shown_sizes.mjs THREE FILE.glb CLIP SECOND…: plays a clip with three.js, and prints for each second the largest
// extent of each skin as it is shown, in metres.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [, , three, file, clip, ...seconds] = process.argv;
const part = name => import(pathToFileURL(`${three}/${name}`));
const THREE = await part("build/three.module.js");
const { GLTFLoader } = await part("examples/jsm/loaders/GLTFLoader.js");
globalThis.self = globalThis;
const data = fs.readFileSync(file), buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
const found = await new Promise((done, failed) => new GLTFLoader().parse(buffer, "", done, failed));
const skins = [];
found.scene.traverse(node => { if (node.isSkinnedMesh) skins.push(node); });
const mixer = new THREE.AnimationMixer(found.scene);
mixer.clipAction(found.animations.find(one => one.name === clip)).play();
const sizes = seconds.map(second => {
  mixer.setTime(Number(second));
  found.scene.updateMatrixWorld(true);
  return skins.map(skin => {
    skin.computeBoundingBox();
    return Math.max(...skin.boundingBox.getSize(new THREE.Vector3()).toArray());
  });
});
console.log(JSON.stringify(sizes));
