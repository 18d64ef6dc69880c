"""All stages, by their name in configurations.

The table holds `module:Class`, so that a stage is only imported when it is used.
"""

import os

# OpenCV reads this when it is imported. Errors of images are reported by the code that reads them, not by OpenCV.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

STAGES: dict[str, str] = {
    "decode": "stages.video.decode:Decode",
    "decode_pair": "stages.video.decode_pair:DecodePair",
    "detect": "stages.people.detect:Detect",
    "densepose": "stages.people.densepose:DensePose",
    "export_raw": "stages.results.export:ExportRaw",
    "track": "stages.people.track:Track",
    "verify": "stages.people.verify:Verify",
    "bridge": "stages.people.bridge:Bridge",
    "smooth": "stages.people.smooth:Smooth",
    "fit": "stages.bodies.fit:FitBodies",
    "paint_bodies": "stages.bodies.paint_bodies:PaintBodies",
    "animate": "stages.bodies.animate:Animate",
    "replay_pair": "stages.results.replay_pair:ReplayPair",
    "replay": "stages.results.replay:Replay",
    "render": "stages.drawing.render:Render",
    "export": "stages.results.export:Export",
    "unwrap": "stages.drawing.unwrap:Unwrap",
    "encode": "stages.video.encode:Encode",
    "annotate": "stages.studio.annotate:Annotate",
    "read_journal": "stages.studio.read_journal:ReadJournal",
    "merge_annotations": "stages.studio.merge_annotations:MergeAnnotations",
    "live_decode": "stages.live.live_decode:LiveDecode",
    "send_vmc": "stages.live.send_vmc:SendVmc",
    "preview": "stages.live.preview:Preview",
    "live_output": "stages.live.live_output:LiveOutput",
    "compare": "stages.results.compare:Compare",
    "write_shards": "stages.results.write_shards:WriteShards",
    "read_shards": "stages.results.read_shards:ReadShards",
    "frames": "stages.results.frames:Frames",
    "doctor": "stages.live.doctor:Doctor",
    "synthesize": "stages.synthetic.synthesize:Synthesize",
    "sparse_set": "stages.synthetic.sparse_set:SparseSet",
    "show_errors": "stages.evaluation.show_errors:ShowErrors",
    "export_truth": "stages.synthetic.export_truth:ExportTruth",
    "rounds": "stages.training.rounds:Rounds",
    "label_photos": "stages.training.data.label_photos:LabelPhotos",
    "draw_scenes": "stages.training.data.draw_scenes:DrawScenes",
    "pair_frames": "stages.training.data.pair_frames:PairFrames",
    "use_photos": "stages.training.data.use_shards:UsePhotos",
    "use_scenes": "stages.training.data.use_shards:UseScenes",
    "train_detector": "stages.training.light.train_detector:TrainDetector",
    "train_surface": "stages.training.light.train_surface:TrainSurface",
    "annotated_sets": "stages.training.data.annotated_sets:AnnotatedSetsStage",
    "densify": "stages.training.data.densify:Densify",
    "annotated_photos": "stages.training.data.annotated_photos:AnnotatedPhotos",
    "augment": "stages.training.data.augment:Augment",
    "train_network": "stages.training.rcnn.train_network:TrainNetwork",
    "score_training": "stages.training.rcnn.score_training:ScoreTraining",
    "before_after": "stages.training.rcnn.before_after:BeforeAfter",
    "export_network": "stages.training.rcnn.train_network:ExportNetwork",
    "export_light": "stages.training.light.export_light:ExportLight",
    "train_lift": "stages.training.lift.train_lift:TrainLift",
    "export_lift": "stages.training.lift.export_lift:ExportLift",
    "average_light": "stages.training.light.average_light:AverageLight",
    "export_onnx": "stages.training.light.export_onnx:ExportOnnx",
    "quantize_light": "stages.training.light.quantize_light:QuantizeLight",
    "ground_truth": "stages.evaluation.ground_truth:GroundTruth",
    "evaluate": "stages.evaluation.evaluate:Evaluate",
    "score_annotators": "stages.evaluation.annotators.score_annotators:ScoreAnnotators",
    "write_scores": "stages.evaluation.write_scores:WriteScores",
}
if __name__ != "stages":  # installed: the rooms are inside a package
    STAGES = {name: __name__ + place.removeprefix("stages") for name, place in STAGES.items()}
