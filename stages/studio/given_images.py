"""The images of a task list: image files, and frames of videos, which are written as images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from models.files.jpeg_image import jpeg_of
from pipeline.stage import VIDEO_SUFFIXES, StageError
from stages.annotations.image_folders import IMAGE_SUFFIXES, read_rgb
from stages.studio.page_images import JPEG_QUALITY
from stages.studio.studio_files import GivenImage
from stages.studio.work.task_list import TaskImage
from stages.video.decoding.frame_selection import FrameSelection
from stages.video.decoding.video_frames import VideoFrames


def check_media(path: Path) -> None:
    """Check the suffix of a file. Raises: StageError for one that is neither image nor video."""
    if path.suffix.lower() not in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES):
        raise StageError("this is neither image nor video", str(path), "name images, videos, or folders of them")


def given_images(paths: Sequence[Path], frames: Path, every: int) -> list[GivenImage]:
    """The images of a task list, in the order of the files.

    The name of an image is its file name, or its path where two files have the same name. The name of a frame is its
    folder, named after the video, and its number in the video: `film.mp4.every25/000050.jpg`.

    Args:
        paths: of images and videos.
        frames: folder in which the frames of videos are written.
        every: every n-th frame of a video is used.

    Raises: StageError for an image or a video that cannot be read, and a folder that cannot be written.
    """
    count = Counter(path.name for path in paths)
    found = []
    for path in paths:
        name = path.name if count[path.name] == 1 else path.as_posix()
        if path.suffix.lower() in VIDEO_SUFFIXES:
            folder = f"{name.strip('/').replace('/', '_')}.every{every}"
            files = [(f"{folder}/{frame.name}", frame) for frame in written_frames(path, frames / folder, every)]
        else:
            files = [(name, path)]
        for image_name, file in files:
            height, width = read_rgb(file).shape[:2]
            found.append(GivenImage(path=file, task=TaskImage(name=image_name, height=height, width=width)))
    return found


def written_frames(video: Path, folder: Path, every: int) -> list[Path]:
    """Write every n-th frame of a video as JPEG to a folder; file names are numbers of frames. Returns the files.

    The folder is made whole or not at all; an existing folder is not changed. Raises: StageError.
    """
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder.parent) as temporary:
                draft = Path(temporary) / "frames"
                draft.mkdir()
                for number, jpeg in _jpegs(video, every):
                    (draft / f"{number:06d}.jpg").write_bytes(jpeg)
                draft.rename(folder)
        except OSError as error:
            what = f"the frames cannot be written ({error.strerror or error})"
            raise StageError(what, str(folder), "name another file with -o") from error
    return sorted(folder.glob("*.jpg"))


def _jpegs(video: Path, every: int) -> Iterator[tuple[int, bytes]]:
    frames = VideoFrames(str(video), FrameSelection(every=every))
    try:
        for _, rgb_HW3 in frames:
            yield frames.index, jpeg_of(rgb_HW3, JPEG_QUALITY)
    finally:
        frames.close()
