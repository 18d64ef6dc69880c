"""Every stage the product knows, by the name a configuration calls it.

The table holds `module:Class`, so that naming a stage imports nothing until it is used.
"""

import os

# OpenCV reads it when it is imported: what it finds wrong with a picture is told in a sentence by whoever reads that.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

STAGES: dict[str, str] = {
    "decode": "stages.decode:Decode",
    "decode_pair": "stages.decode_pair:DecodePair",
    "detect": "stages.detect:Detect",
    "densepose": "stages.densepose:DensePose",
    "export_raw": "stages.export:ExportRaw",
    "track": "stages.track:Track",
    "bridge": "stages.bridge:Bridge",
    "smooth": "stages.smooth:Smooth",
    "replay_pair": "stages.replay_pair:ReplayPair",
    "replay": "stages.replay:Replay",
    "render": "stages.render:Render",
    "export": "stages.export:Export",
    "unwrap": "stages.unwrap:Unwrap",
    "encode": "stages.encode:Encode",
    "live_decode": "stages.live_decode:LiveDecode",
    "preview": "stages.preview:Preview",
    "live_output": "stages.live_output:LiveOutput",
    "compare": "stages.compare:Compare",
    "shelve": "stages.shelve:Shelve",
    "recall": "stages.recall:Recall",
    "frames": "stages.frames:Frames",
    "doctor": "stages.doctor:Doctor",
    "synthesize": "stages.synthesize:Synthesize",
    "sparse_set": "stages.sparse_set:SparseSet",
    "show_errors": "stages.show_errors:ShowErrors",
    "export_truth": "stages.export_truth:ExportTruth",
    "rounds": "stages.train:Rounds",
    "label_photos": "stages.label_photos:LabelPhotos",
    "relabel_photos": "stages.relabel_photos:RelabelPhotos",
    "draw_scenes": "stages.draw_scenes:DrawScenes",
    "train_detector": "stages.train:TrainDetector",
    "train_surface": "stages.train:TrainSurface",
    "annotated_sets": "stages.annotated_sets:AnnotatedSetsStage",
    "densify": "stages.densify:Densify",
    "annotated_photos": "stages.annotated_photos:AnnotatedPhotos",
    "augment": "stages.augment:Augment",
    "train_network": "stages.train_network:TrainNetwork",
    "score_training": "stages.score_training:ScoreTraining",
    "before_after": "stages.before_after:BeforeAfter",
    "export_network": "stages.train_network:ExportNetwork",
    "export_light": "stages.train:ExportLight",
    "average_light": "stages.average_light:AverageLight",
    "export_onnx": "stages.export_onnx:ExportOnnx",
    "quantize_light": "stages.quantize_light:QuantizeLight",
    "truths": "stages.truths:Truths",
    "evaluate": "stages.evaluate:Evaluate",
    "write_scores": "stages.write_scores:WriteScores",
}
