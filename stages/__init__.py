"""Every stage the product knows, by the name a configuration calls it.

The table holds `module:Class`, so that naming a stage imports nothing until it is used.
"""

STAGES: dict[str, str] = {
    "decode": "stages.decode:Decode",
    "decode_pair": "stages.decode_pair:DecodePair",
    "detect": "stages.detect:Detect",
    "densepose": "stages.densepose:DensePose",
    "export_raw": "stages.export:ExportRaw",
    "track": "stages.track:Track",
    "smooth": "stages.smooth:Smooth",
    "replay": "stages.replay:Replay",
    "render": "stages.render:Render",
    "export": "stages.export:Export",
    "encode": "stages.encode:Encode",
    "compare": "stages.compare:Compare",
    "shelve": "stages.shelve:Shelve",
    "recall": "stages.recall:Recall",
    "frames": "stages.frames:Frames",
    "doctor": "stages.doctor:Doctor",
    "synthesize": "stages.synthesize:Synthesize",
    "sparse_set": "stages.sparse_set:SparseSet",
    "export_truth": "stages.export_truth:ExportTruth",
    "rounds": "stages.train:Rounds",
    "label_photos": "stages.label_photos:LabelPhotos",
    "draw_scenes": "stages.draw_scenes:DrawScenes",
    "train_detector": "stages.train:TrainDetector",
    "train_surface": "stages.train:TrainSurface",
    "export_light": "stages.train:ExportLight",
    "truths": "stages.truths:Truths",
    "evaluate": "stages.evaluate:Evaluate",
    "write_scores": "stages.write_scores:WriteScores",
}
