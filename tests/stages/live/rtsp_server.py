"""An RTSP server by GStreamer, run by the system's Python: it serves `/video` and accepts streams at `/take`.

    python3 rtsp_server.py PORT [FILE]

`/video` is an endless test pattern. Frames accepted at `/take` are counted on stdout. `/file` plays an MP4 from its
beginning to its end for each client, and states its duration.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

VIDEO = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=192,framerate=25/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay name=pay0 config-interval=1 )"
)
RECORDING = "( filesrc location={} ! qtdemux ! h264parse ! rtph264pay name=pay0 config-interval=1 )"
TAKE = "( rtph264depay name=depay0 ! h264parse ! avdec_h264 ! fakesink name=end signal-handoffs=true sync=false )"


def main() -> None:
    """Serve until killed."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_service(sys.argv[1])
    video = GstRtspServer.RTSPMediaFactory()
    video.set_launch(VIDEO)
    video.set_shared(True)
    take = GstRtspServer.RTSPMediaFactory()
    take.set_launch(TAKE)
    take.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
    taken = 0

    def count(*_: object) -> None:
        nonlocal taken
        taken += 1
        print(f"taken {taken}", flush=True)

    take.connect("media-configure", lambda _, media: media.get_element().get_by_name("end").connect("handoff", count))
    recording = GstRtspServer.RTSPMediaFactory()
    recording.set_launch(RECORDING.format(*sys.argv[2:] or [""]))
    points = server.get_mount_points()
    points.add_factory("/video", video)
    points.add_factory("/take", take)
    points.add_factory("/file", recording)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


main()
