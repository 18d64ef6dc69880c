"""Inputs and where their results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.command.report import left_out_sentence, make_report
from pipeline.configuration.graph import Graph
from pipeline.jobs.inputs import Inputs, UsageError, find_inputs
from pipeline.observe.metrics import Metrics

pytestmark = pytest.mark.quick


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    for name in ("a.mp4", "b.jpg", "notes.txt", "sub/a.mp4", "sub/c.png", "sub/c.mov", "empty/readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outputs(inputs: Inputs) -> list[str | None]:
    return [job.output for job in inputs.jobs]


def refusals(inputs: Inputs) -> list[str]:
    return [failure.what for failure in inputs.refused.values()]


def test_a_file_goes_beside_you_under_its_own_name(folder: Path) -> None:
    found = find_inputs(["a.mp4", "b.jpg"], None, overwrite=False)
    assert outputs(found) == ["a.densepose.mp4", "b.densepose.png"]
    assert [job.stem for job in found.jobs] == ["a", "b"]
    assert all(job.several for job in found.jobs) and not found.refused
    assert not find_inputs(["sub/a.mp4"], None, overwrite=False).jobs[0].several


def test_a_file_named_outright_is_taken_whatever_its_suffix(folder: Path) -> None:
    assert [job.input for job in find_inputs(["notes.txt"], None, overwrite=False).ready] == ["notes.txt"]


def test_folders_and_patterns_give_media_in_order(folder: Path) -> None:
    assert [job.input for job in find_inputs(["."], "o/", overwrite=False).jobs] == ["a.mp4", "b.jpg"]
    assert [job.input for job in find_inputs(["**/*.mp4"], "o/", overwrite=False).jobs] == ["a.mp4", "sub/a.mp4"]


def test_a_folder_gives_its_media_and_names_the_files_it_leaves_out(folder: Path) -> None:
    photo = b"\xff\xd8\xff\xe0" + bytes(20)
    for name, content in {
        "sub/IMG_1.JFIF": photo,
        "sub/photo": photo,
        "sub/film.jpg": b"\x1a\x45\xdf\xa3" + bytes(20),
        "sub/png.mp4": b"\x89PNG\r\n\x1a\n" + bytes(20),
        "sub/notes.txt": b"words",
        "sub/.hidden": b"x",
        "sub/lower/x.mp4": b"x",
        "sub/out/x.mp4": b"x",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    found = find_inputs(["sub"], "sub/out/", overwrite=False)
    assert {job.input: Path(job.output or "").name for job in found.jobs} == {
        "sub/IMG_1.JFIF": "IMG_1.densepose.png",
        "sub/a.mp4": "a.densepose.mp4",
        "sub/c.mov": "c.mov.densepose.mp4",
        "sub/c.png": "c.png.densepose.png",
        "sub/film.jpg": "film.densepose.mp4",
        "sub/photo": "photo.densepose.png",
        "sub/png.mp4": "png.densepose.png",
    }
    assert found.left_out == ("sub/.hidden", "sub/lower/", "sub/notes.txt")


def test_what_is_left_out_is_counted_and_named_as_far_as_fits() -> None:
    assert left_out_sentence(["a.txt"]) == "1 in the folder was left out (not video or image): a.txt"
    many = [f"{number}.txt" for number in range(300)]
    assert left_out_sentence(many).startswith("300 in the folder were left out")
    assert left_out_sentence(many).endswith("7.txt, and 292 more")
    assert left_out_sentence(["a\x1b[31m\n.txt"]).endswith(r"a\x1b[31m\n.txt")
    found = make_report(Metrics(Graph(lanes=()), []), many)["left_out"]
    assert found == {"count": 300, "names": many[:100]}


def test_a_folder_without_media_names_its_files(folder: Path) -> None:
    found = find_inputs(["empty"], None, overwrite=False)
    assert refusals(found) == ["no video or image in this folder"] and found.left_out == ("empty/readme.md",)


@pytest.mark.parametrize("name", ["one", "one/", "one/*.jpg"])
def test_a_folder_or_pattern_of_one_input_may_have_a_folder_of_results(folder: Path, name: str) -> None:
    (folder / "one").mkdir()
    (folder / "one" / "p.jpg").write_bytes(b"x")
    assert outputs(find_inputs([name], "out", overwrite=False)) == ["out/p.densepose.png"]
    assert outputs(find_inputs([name], "out.png", overwrite=False)) == ["out.png"]
    assert outputs(find_inputs(["one/p.jpg"], "out", overwrite=False)) == ["out"]


def test_names_that_clash_get_suffix_or_folder(folder: Path) -> None:
    assert outputs(find_inputs(["sub"], "o", overwrite=False)) == [
        "o/a.densepose.mp4",
        "o/c.mov.densepose.mp4",
        "o/c.png.densepose.png",
    ]
    twice = find_inputs(["a.mp4", "sub/a.mp4"], "o/", overwrite=False)
    assert outputs(twice) == [f"o/{folder.name}_a.mp4.densepose.mp4", "o/sub_a.mp4.densepose.mp4"]
    assert not twice.refused


def test_the_same_input_twice_is_refused_once(folder: Path) -> None:
    assert refusals(find_inputs(["a.mp4", "./a.mp4"], None, overwrite=False)) == ["two inputs would give this result"]


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["none.mp4"], "this file does not exist"),
        (["empty"], "no video or image in this folder"),
        (["*.mkv"], "nothing fits this pattern"),
    ],
)
def test_absent_inputs_are_refused_and_the_others_run(folder: Path, names: list[str], what: str) -> None:
    found = find_inputs([*names, "a.mp4"], None, overwrite=False)
    assert refusals(found) == [what]
    assert [job.input for job in found.ready] == ["a.mp4"]
    assert found.refused[0].where == names[0] and found.refused[0].remedy


def test_existing_results_are_replaced_only_with_overwrite(folder: Path) -> None:
    (folder / "out.mp4").write_bytes(b"x")
    assert refusals(find_inputs(["a.mp4"], "out.mp4", overwrite=False)) == ["this file exists already"]
    allowed = find_inputs(["a.mp4"], "out.mp4", overwrite=True)
    assert not allowed.refused and allowed.jobs[0].overwrite


def test_links_to_nothing_and_blocked_working_folders_are_refused(folder: Path) -> None:
    (folder / "gone.mp4").symlink_to("absent.mp4")
    assert refusals(find_inputs(["a.mp4"], "gone.mp4", overwrite=False)) == ["is a link to a file that does not exist"]
    assert not find_inputs(["a.mp4"], "gone.mp4", overwrite=True).refused
    (folder / "elsewhere").mkdir()
    (folder / "1.mp4.partial").symlink_to("elsewhere")
    (folder / "2.mp4.partial").symlink_to("absent")
    (folder / "3.mp4.partial").write_bytes(b"x")
    for name, kind in (("1.mp4", "link"), ("2.mp4", "link"), ("3.mp4", "file")):
        found = find_inputs(["a.mp4"], name, overwrite=True)
        assert refusals(found) == [f"is a {kind}, where the result is made"]
        assert found.refused[0].where == f"{name}.partial" and "-o" in found.refused[0].remedy
    (folder / "4.mp4.partial").mkdir()
    assert not find_inputs(["a.mp4"], "4.mp4", overwrite=False).refused


def test_an_input_is_never_replaced(folder: Path) -> None:
    (folder / "link.mp4").symlink_to("a.mp4")
    for output in ("a.mp4", "./a.mp4", "link.mp4"):
        assert refusals(find_inputs(["a.mp4"], output, overwrite=True)) == ["the result would replace an input"]


def test_several_inputs_do_not_go_to_one_file(folder: Path) -> None:
    with pytest.raises(UsageError, match="several inputs cannot go to one file"):
        find_inputs(["a.mp4", "b.jpg"], "out.mp4", overwrite=False)


def test_an_output_folder_is_a_folder(folder: Path) -> None:
    assert outputs(find_inputs(["a.mp4"], "sub", overwrite=False)) == ["sub/a.densepose.mp4"]
    assert outputs(find_inputs(["a.mp4"], "new/", overwrite=False)) == ["new/a.densepose.mp4"]
    assert outputs(find_inputs(["a.mp4"], "new.mkv", overwrite=False)) == ["new.mkv"]


def test_urls_are_taken_as_they_are(folder: Path) -> None:
    job = find_inputs(["http://host/path/clip.mp4?token=1"], None, overwrite=False).jobs[0]
    assert (job.input, job.output) == ("http://host/path/clip.mp4?token=1", "clip.densepose.mp4")


@pytest.mark.parametrize(
    ("address", "stem"),
    [
        ("http://127.0.0.1:8000/", "127.0.0.1_8000"),
        ("http://127.0.0.1:8000", "127.0.0.1_8000"),
        ("http://127.0.0.1:8000/?token=1", "127.0.0.1_8000"),
        ("rtsp://me:pass@10.0.0.7", "10.0.0.7"),
        ("http://host/day.one/clip.v2.mp4", "clip.v2"),
        ("http://host/day.one/", "day"),
    ],
)
def test_a_result_is_named_after_its_address(folder: Path, address: str, stem: str) -> None:
    assert find_inputs([address], None, overwrite=False).jobs[0].stem == stem


def test_a_link_to_itself_does_not_stop_the_other_files_of_a_folder(folder: Path) -> None:
    (folder / "sub" / "round").symlink_to("round")
    found = find_inputs(["sub"], "o/", overwrite=False)
    assert [job.input for job in found.ready] == ["sub/a.mp4", "sub/c.mov", "sub/c.png"]
    assert found.left_out == ("sub/round",)


def test_companions_of_macos_are_no_inputs_of_a_folder(folder: Path) -> None:
    for name in ("._c.png", "._c.mov", "._.DS_Store"):
        (folder / "sub" / name).write_bytes(b"x")
    for place in ("sub", f"file://{folder}/sub/"):
        found = find_inputs([place], "o/", overwrite=False)
        assert [job.input.rpartition("/")[2] for job in found.jobs] == ["a.mp4", "c.mov", "c.png"]
        assert len(found.left_out) == 3
