"""The studio's server: access, hostile requests, clicks, several annotators, and what survives its end."""

from __future__ import annotations

import base64
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.body.charts import COARSE_OF_CHART
from stages.annotations.densepose_coco import read_dense_set
from stages.live.page_server import MAX_REQUESTS
from stages.studio.desk import is_finished
from stages.studio.studio_page import FILES, FOLDER
from stages.studio.views.view_clicks import ChartPoint, views_of_point
from stages.studio.work.part_map import PixelMask
from stages.studio.work.task_list import TaskList
from stages.world.scene import Scene
from tests.stages.studio.workplaces import Studio, scene_of_a_person

Opened = Callable[..., Studio]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of_a_person()


@pytest.fixture
def opened(scene: Scene, tmp_path: Path) -> Iterator[Opened]:
    running: list[Studio] = []

    def start(**settings: Any) -> Studio:
        running.append(Studio(tmp_path, scene, **settings))
        return running[-1]

    yield start
    for one in running:
        one.close()


def answer(studio: Studio, path: str, message: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON (or bytes) of a request; a message is posted as JSON."""
    body = None if message is None else message if isinstance(message, bytes) else json.dumps(message).encode()
    kind = {} if message is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(studio.address + path, data=body, headers={**kind, **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as found:
            status, content = found.status, found.read()
    except urllib.error.HTTPError as error:
        status, content = error.code, error.read()
    try:
        return status, json.loads(content)
    except ValueError:
        return status, content


def did(studio: Studio, action: Any, who: str = "ann", image: str = "image0.png") -> Any:
    status, found = answer(studio, "/act", {"who": who, "image": image, "action": action})
    assert status == 200, found
    return found


def test_from_boxes_to_a_file(opened: Opened, scene: Scene) -> None:
    """All by messages: box, parts, asked points, clicks; then the file, also after a restart."""
    studio = opened()
    taken = answer(studio, "/take", {"who": "ann"})[1]
    height, width = scene.label_HW.shape
    assert taken["image"] == {"name": "image0.png", "number": 0, "width": width, "height": height}
    (one,) = answer(studio, "/proposals/0")[1]["people"]
    did(studio, {"do": "box", "person": 1, "box_4": one["box"], "origin": "proposed"})
    mask = one["outline"]
    torso = {"do": "paint", "person": 1, "part": 1, "mask": mask}
    did(studio, torso)
    sheet = answer(studio, "/ask", {"who": "ann", "image": "image0.png", "person": 1, "part": 1})[1]["sheet"]
    points = sheet["people"]["1"]["asked"]["1"]
    assert 1 < len(points) <= 14 and all(scene.label_HW[one["y"], one["x"]] > 0 for one in points)
    click = {"who": "ann", "image": "image0.png", "person": 1, "part": 1, "number": 0, "view": 0, "hint": False}
    status, found = answer(studio, "/click", {**click, "click": [180, 180]})
    assert status == 200
    places = found["sheet"]["people"]["1"]["asked"]["1"][0]["places"]
    assert [abs(places[0][1] - 180.5) < 2, abs(places[0][2] - 180.5) < 2, places[0][0]] == [True, True, 0]
    status, refused = answer(studio, "/click", {**click, "click": [1, 1]})
    assert status == 400 and "beside the part" in refused["error"]
    studio.close()
    studio.open()
    taken = answer(studio, "/take", {"who": "ann"})[1]
    assert taken["sheet"]["people"]["1"]["asked"]["1"][0]["verdict"] == "surface"
    assert did(studio, {"do": "status", "status": "finished"})["progress"] == {"images": 2, "finished": 1}
    assert studio.workplace.settled()
    (person,) = read_dense_set(studio.output).people
    assert person.points is not None and list(person.points.chart_M) == [2]
    assert person.part_masks is not None and person.part_masks[0] is not None
    assert answer(studio, "/take", {"who": "ann"})[1]["image"]["name"] == "image1.png"


def test_the_guess_is_where_the_network_sees_the_point(opened: Opened, scene: Scene) -> None:
    studio = opened()
    (one,) = answer(studio, "/proposals/0")[1]["people"]
    did(studio, {"do": "box", "person": 1, "box_4": one["box"]})
    asked = {"who": "ann", "image": "image0.png", "person": 1, "part": 1}
    assert answer(studio, "/guess", asked)[1] == {"guesses": []}
    rows, columns = np.nonzero(COARSE_OF_CHART[scene.label_HW] == 1)
    pixel = [int(columns[0]), int(rows[0])]
    did(studio, {"do": "ask", "person": 1, "part": 1, "pixels": [pixel, [0, 0]]})
    seen, beside = answer(studio, "/guess", asked)[1]["guesses"]
    u, v = (float(one) for one in scene.uv_2HW[:, pixel[1], pixel[0]])
    place = ChartPoint(chart=int(scene.label_HW[pixel[1], pixel[0]]), u=u, v=v)
    assert np.allclose(seen, views_of_point(1, place)) and beside == []


def test_parts_as_the_page_gets_them(opened: Opened, scene: Scene) -> None:
    record = answer(opened(), "/proposals/0")[1]["people"][0]["parts"]
    labels = np.frombuffer(zlib.decompress(base64.b64decode(record["packed"])), np.uint8)
    labels_hw = labels.reshape(record["height"], record["width"])
    x, y = record["x"], record["y"]
    truth_hw = COARSE_OF_CHART[scene.label_HW][y : y + record["height"], x : x + record["width"]]
    assert (labels_hw == truth_hw).all()


def test_two_annotators_do_not_meet(opened: Opened) -> None:
    studio = opened()
    names = [answer(studio, "/take", {"who": who})[1]["image"]["name"] for who in ("ann", "bob")]
    assert names == ["image0.png", "image1.png"]
    assert answer(studio, "/take", {"who": "cyd"})[1]["image"] is None
    box = {"do": "box", "person": 1, "box_4": [1, 1, 50, 50]}
    status, refused = answer(studio, "/act", {"who": "bob", "image": "image0.png", "action": box})
    assert status == 400 and "another annotator has this image" in refused["error"]
    did(studio, box)
    answer(studio, "/release", {"who": "ann"})
    assert answer(studio, "/take", {"who": "cyd"})[1]["image"] is None  # what ann began stays hers
    given = {"who": "cyd", "image": "image0.png", "of": "ann"}
    assert answer(studio, "/hand_on", given)[0] == 400  # nobody gives away what is another's
    assert answer(studio, "/hand_on", {"who": "ann", "image": "image0.png"})[0] == 200
    assert answer(studio, "/take", {"who": "cyd"})[1]["sheet"]["people"] == {}


def test_who_leads_sees_all_work_and_hands_it_on(opened: Opened) -> None:
    studio = opened(images=1)
    did(studio, {"do": "box", "person": 1, "box_4": [1, 1, 50, 50]})
    lead = {"who": "lea", "review": True, "image": "image0.png"}
    (one,) = answer(studio, "/images", lead)[1]["images"][0]["sheets"]
    assert one["who"] == "ann" and one["held"] and one["filed"] and one["rest_s"] < 60 and "1 people" in one["work"]
    assert answer(studio, "/take", {"who": "bob"})[1]["image"] is None
    assert answer(studio, "/hand_on", {**lead, "of": "ann"})[0] == 200
    assert answer(studio, "/take", {"who": "bob"})[1]["image"]["name"] == "image0.png"
    did(studio, {"do": "status", "status": "finished"}, who="bob")
    ann, bob = answer(studio, "/images", lead)[1]["images"][0]["sheets"]
    assert (ann["filed"], ann["held"], bob["filed"]) == (True, False, False)  # bob has less than she
    assert studio.workplace.left_out() == ["not in the file: image0.png, bob: 0 people, 0 parts, 0 points, 0 keypoints"]
    assert answer(studio, "/hand_on", {**lead, "of": "ann"})[0] == 400


def test_an_image_that_is_not_given_again_is_not_handed_out(opened: Opened) -> None:
    """What was done to it stays in the file."""
    studio = opened()
    did(studio, {"do": "box", "person": 1, "box_4": [1, 1, 50, 50]})
    studio.close()
    (studio.folder / "image0.png").unlink()
    studio.open()
    taken = answer(studio, "/take", {"who": "ann"})[1]
    assert taken["image"]["name"] == "image1.png" and taken["progress"] == {"images": 1, "finished": 0}
    answer(studio, "/act", {"who": "ann", "image": "image1.png", "action": {"do": "status", "status": "finished"}})
    left = answer(studio, "/take", {"who": "ann"})[1]
    assert left["image"] is None and left["progress"] == {"images": 1, "finished": 1}
    assert studio.workplace.settled()
    assert len(read_dense_set(studio.output).people) == 1


def test_an_undo_that_is_sent_twice_is_done_once(opened: Opened) -> None:
    studio = opened()
    for number in (1, 2):
        did(studio, {"do": "box", "person": number, "box_4": [1, 1, 50, 50]})
    undo = {"who": "ann", "image": "image0.png", "action": "undo", "key": "page.7"}
    for _ in range(2):
        assert list(answer(studio, "/act", undo)[1]["sheet"]["people"]) == ["1"]
        studio.close()
        studio.open()  # the journal knows it, too
    box = {"who": "ann", "image": "image0.png", "action": {"do": "box", "person": 3, "box_4": [1, 1, 9, 9]}}
    for _ in range(2):
        assert answer(studio, "/act", {**box, "key": "page.8"})[1]["sheet"]["undo"] == 2
    assert answer(studio, "/act", {**box, "key": ["page.9"]})[0] == 400


def test_a_click_for_a_point_that_is_asked_no_more_is_refused(opened: Opened, scene: Scene) -> None:
    studio = opened()
    (one,) = answer(studio, "/proposals/0")[1]["people"]
    did(studio, {"do": "box", "person": 1, "box_4": one["box"]})
    did(studio, {"do": "paint", "person": 1, "part": 1, "mask": one["outline"]})
    did(studio, {"do": "ask", "person": 1, "part": 1, "pixels": [[3, 4], [5, 6]]})
    click = {"who": "ann", "image": "image0.png", "person": 1, "part": 1, "number": 1, "view": 0, "hint": False}
    for pixel, status in (([3, 4], 400), ("x", 400), ([5, 6], 200)):
        assert answer(studio, "/click", {**click, "click": [180, 180], "pixel": pixel})[0] == status


def test_who_scrolls_through_small_images_refuses_nobodys_work(opened: Opened) -> None:
    """More small images are asked for than there may be requests; one large image is slow to read."""
    studio = opened(images=3)
    go, pictures = threading.Event(), studio.workplace.pictures
    slow = {name: getattr(pictures, name) for name in ("thumbnail", "rgb")}

    def waits(name: str) -> Callable[[str], Any]:
        def wait(image: str) -> Any:
            if name == "thumbnail" or image == "image0.png":
                go.wait(60)
            return slow[name](image)

        return wait

    for name in slow:
        setattr(pictures, name, waits(name))
    paths = ["/image/0", "/proposals/0", *(f"/thumbnail/{number % 3}" for number in range(3 * MAX_REQUESTS))]
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda path=path: found.append(answer(studio, path)[0])) for path in paths  # type: ignore[misc]
    ]
    for one in threads:
        one.start()
    try:
        for number in range(20):
            did(studio, {"do": "box", "person": number + 1, "box_4": [1, 1, 50, 50]})
        assert answer(studio, "/image/1")[0] == 200 and answer(studio, "/parts")[0] == 200
    finally:
        go.set()
        for one in threads:
            one.join()
    assert found == [200] * len(paths)


def test_what_is_confirmed_is_not_refused_where_the_file_cannot_be_written(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal has the action: the page hears that it is done, and then of the trouble, until it is over."""
    monkeypatch.setattr("stages.studio.result_writer.MIN_PAUSE_S", 0.0)
    studio = opened()
    studio.output.mkdir()
    assert did(studio, {"do": "status", "status": "finished"})["sheet"]["status"] == "finished"
    assert studio.workplace.settled()
    studio.output.rmdir()
    assert "cannot be written" in did(studio, {"do": "box", "person": 1, "box_4": [1, 1, 9, 9]})["warning"]
    assert studio.workplace.settled() and studio.output.is_file()
    assert "warning" not in did(studio, {"do": "status", "status": "open"})


def test_a_token_and_the_origin_are_asked(opened: Opened) -> None:
    studio = opened(token="open-sesame")
    assert answer(studio, "/")[0] == answer(studio, "/review")[0] == answer(studio, "/name", {"who": "ann"})[0] == 403
    assert answer(studio, "/?token=open-sesame")[0] == 200
    assert answer(studio, "/name?token=open-sesame", {"who": "ann"}, Origin="http://evil.example")[0] == 403
    assert answer(studio, "/parts?token=open-sesame", Host="evil.example")[0] == 403
    assert answer(studio, "/name", {"who": "ann"}, Cookie="token=open-sesame")[0] == 200


class Visitor:
    """A browser that keeps its cookies, and gives a token in each address."""

    def __init__(self, studio: Studio, token: str) -> None:
        self._studio, self._token = studio, token
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open

    def post(self, path: str, **message: Any) -> tuple[int, Any]:
        """Status and JSON of a message."""
        headers = {"Content-Type": "application/json"}
        address = f"{self._studio.address}{path}?token={self._token}"
        request = urllib.request.Request(address, json.dumps(message).encode(), headers)
        try:
            with self._open(request, timeout=60) as found:
                return found.status, json.loads(found.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def test_a_name_belongs_to_the_browser_that_took_it(opened: Opened) -> None:
    studio = opened(token="t", review_token="r")
    ann, other, lead = Visitor(studio, "t"), Visitor(studio, "t"), Visitor(studio, "r")
    box = {"who": "ann", "image": "image0.png", "action": {"do": "box", "person": 1, "box_4": [1, 1, 50, 50]}}
    assert ann.post("/take", who="ann")[0] == 403  # the name first
    assert ann.post("/name", who="ann")[0] == 200 and ann.post("/act", **box)[0] == 200
    assert other.post("/name", who="ann")[0] == 403
    for path in ("/act", "/take", "/click", "/ask", "/release", "/hand_on", "/images", "/guess", "/preview"):
        status, refused = other.post(path, **box)
        assert status == 403 and "belongs to another browser" in refused["error"]
    studio.close()
    studio.open()  # the cookie holds, and the name stays taken
    assert ann.post("/act", **box)[0] == 200 and other.post("/name", who="ann")[0] == 403
    link = lead.post("/link", of="ann")[1]["link"]
    given = dict(urllib.parse.parse_qsl(link.partition("?")[2]))
    assert given["token"] == "t" and other.post("/name", who="bob", key=given["key"])[0] == 200  # bob was free
    assert ann.post("/name", who="bob", key=given["key"])[0] == 403
    assert other.post("/name", who="ann", key=given["key"])[0] == 200 and other.post("/act", **box)[0] == 200


def test_reviews_have_a_token_of_their_own(opened: Opened) -> None:
    studio = opened(token="t", review_token="r")
    ann, lead = Visitor(studio, "t"), Visitor(studio, "r")
    assert ann.post("/name", who="ann")[0] == 200
    assert answer(studio, "/review?token=t")[0] == 403 and answer(studio, "/review?token=r")[0] == 200
    assert answer(studio, "/?token=r")[0] == 200
    about = {"who": "ann", "image": "image0.png", "person": 1, "item": "box", "choice": "ann", "note": "n", "of": "ann"}
    for path in ("/decide", "/send_back", "/link"):
        assert ann.post(path, **about)[0] == ann.post(path, **about, review=True)[0] == 403
    for path in ("/take", "/act", "/images", "/hand_on", "/ask", "/click", "/release", "/guess", "/preview"):
        status, refused = ann.post(path, **about, review=True)
        assert status == 403 and "reviews have a token of their own" in refused["error"]
    assert lead.post("/images", who="lea", review=True)[0] == 200


@pytest.mark.parametrize(
    ("path", "message", "status"),
    [
        ("/take", b"{", 400), ("/take", b"[]", 400), ("/take", b"[" * 100_000, 400), ("/take", {}, 400),
        ("/take", {"who": ""}, 400), ("/take", {"who": "a\n"}, 400), ("/take", {"who": "a" * 65}, 400),
        ("/take", {"who": "ann", "image": "../image0.png"}, 400), ("/take", {"who": "ann", "image": 0}, 400),
        ("/guess", {"who": "ann", "image": "image0.png", "person": -1, "part": 1}, 400),
        ("/act", {"who": "ann", "image": "image0.png"}, 400),
        ("/act", {"who": "ann", "image": "image0.png", "action": ["undo"]}, 400),
        ("/act", {"who": "ann", "image": "image9.png", "action": "undo"}, 400),
        ("/ask", {"who": "ann", "image": "image0.png", "person": 1, "part": 1}, 400),
        ("/ask", {"who": "ann", "image": "image0.png", "person": {}, "part": 1}, 400),
        ("/click", {"who": "ann", "image": "image0.png", "person": 1, "part": 1, "number": 0, "view": 0}, 400),
        ("/take", {"who": "ann", "review": True, "image": "image0.png"}, 400),
        ("/take", {"who": "ann", "review": True, "image": {}}, 400),
        ("/decide", {"who": "ann", "review": 1, "image": "image0.png", "person": 1, "item": "box", "choice": ""}, 400),
        ("/decide", {"who": "ann", "review": True, "image": "image0.png", "person": [], "item": {}, "choice": 0}, 400),
        ("/send_back", {"who": "ann", "image": "image0.png", "person": 1, "annotator": "ann", "note": "n"}, 400),
        ("/act", {"who": "ann", "image": "image0.png", "action": {
            "do": "decide", "person": 1, "item": "box", "choice": ""}}, 400),
        ("/act", {"who": "ann", "image": "image0.png", "review": True, "action": {"do": "together", "actions": [
            {"do": "sources", "person": 1, "people": [["bob", 1]]}]}}, 400),
        ("/take", b'{"who": "' + b"a" * 9_000_000 + b'"}', 413),
        ("/page/../studio_page.py", None, 404), ("/page/studio_page.py", None, 404), ("/views/0", None, 404),
        ("/views/15", None, 404), ("/views/%C2%B2", None, 404), ("/image/7", None, 400), ("/image/-1", None, 404),
        ("/proposals/99999999999", None, 404),
    ],
)  # fmt: skip
def test_hostile_requests(opened: Opened, path: str, message: Any, status: int) -> None:
    studio = opened()
    assert answer(studio, path, message)[0] == status
    assert answer(studio, "/take", {"who": "ann"})[0] == 200  # and it goes on


def test_other_than_json_is_refused(opened: Opened) -> None:
    """Forms of other sites can send plain text without asking the browser's leave."""
    request = urllib.request.Request(opened().address + "/take", data=b"{}", headers={"Content-Type": "text/plain"})
    with pytest.raises(urllib.error.HTTPError, match="415"):
        urllib.request.urlopen(request, timeout=20)


def test_the_page_loads_nothing_from_elsewhere(opened: Opened) -> None:
    studio = opened()
    texts = [(FOLDER / name).read_text() for name in (*FILES, "studio.html")]
    assert not [text for text in texts if "http://" in text or "https://" in text or "//cdn" in text]
    with urllib.request.urlopen(studio.address + "/", timeout=20) as found:
        assert "default-src 'none'" in found.headers["Content-Security-Policy"]
    assert {path.name for path in FOLDER.iterdir()} == {*FILES, "studio.html"}


def test_two_annotators_of_an_image_are_asked_about_the_same_points(opened: Opened, scene: Scene) -> None:
    studio = opened(copies=2)
    (one,) = answer(studio, "/proposals/0")[1]["people"]
    rows, columns = np.nonzero(COARSE_OF_CHART[scene.label_HW] == 1)
    left_HW = COARSE_OF_CHART[scene.label_HW] == 1
    left_HW[:, int(np.quantile(columns, 0.8)) :] = False
    half_HW = np.zeros_like(left_HW)
    half_HW[rows.max() - 2 :] = COARSE_OF_CHART[scene.label_HW][rows.max() - 2 :] == 1
    points = {}
    for who, torso_HW in (("ann", COARSE_OF_CHART[scene.label_HW] == 1), ("bob", left_HW), ("cyd", half_HW)):
        did(studio, {"do": "box", "person": 1, "box_4": one["box"]}, who=who)
        mask = PixelMask.of_array(torso_HW, 0, 0)
        did(studio, {"do": "paint", "person": 1, "part": 1, "mask": asdict(mask)}, who=who)
        asked = answer(studio, "/ask", {"who": who, "image": "image0.png", "person": 1, "part": 1})[1]["sheet"]
        points[who] = {(point["x"], point["y"]) for point in asked["people"]["1"]["asked"]["1"]}
        assert all(torso_HW[y, x] for x, y in points[who])
        if who != "ann":
            answer(studio, "/hand_on", {"who": who, "image": "image0.png"})
    assert points["bob"] == {(x, y) for x, y in points["ann"] if left_HW[y, x]} != set()
    assert not points["cyd"] & points["ann"]  # too little of the part is the same


def test_a_click_costs_the_same_in_a_long_task(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten images the one is looked at on which something was done."""
    studio = opened(images=10)
    did(studio, {"do": "box", "person": 1, "box_4": [1, 1, 50, 50]})
    looked: list[str] = []

    def counted(tasks: TaskList, name: str) -> bool:
        looked.append(name)
        return is_finished(tasks, name)

    monkeypatch.setattr("stages.studio.desk.is_finished", counted)
    for side in (51, 52):
        did(studio, {"do": "box", "person": 1, "box_4": [1, 1, side, 50]})
    assert looked == ["image0.png"] * 2
    found = did(studio, {"do": "status", "status": "finished"})
    assert found["progress"] == {"images": 10, "finished": 1}
