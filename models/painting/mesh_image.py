"""Charts, U and V of a mesh in the picture.

Faces are found on a coarser grid than the picture's where people are large; U and V follow from each face's own affine
map at the place of each pixel, so that they are as fine as the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.arrays import F32, F64, I32, U8, Bool, Index
from models.painting.painting_mesh import PaintingMesh
from models.surface.raster import Camera, Facing, facing, nearest_faces

AROUND = np.ones((3, 3), np.uint8)
JUMP = 0.2
"""Change of U or V within two cells from which they do not belong to one sheet of skin."""
EDGE_MARGIN = 0.02
"""How far a place may lie outside of a face that counts as covering it, as a weight of its corners."""
BEYOND = 0.05
"""How far U and V may leave those of their face's corners, as a share of their range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshImage:
    """The visible faces of a mesh on a grid of cells.

    Attributes:
        step: pixels along a cell; its middle is looked at.
        face_hw: visible face of each cell, as an index into `chart_T` and `map_T`; −1: none.
        shift_2hw: offset in pixels from a cell to the place where its face is read: 0 but in filled cells.
        chart_T: charts of the T visible faces.
        seen_T: their numbers among the mesh's faces.
        map_52T: of each: U, V at x = y = 0, their change with x and with y, their lower and upper bounds.
        corner_33T: of each: weights of two corners and inverse depth at x = y = 0, their change with x and with y.
    """

    step: int
    face_hw: I32
    shift_2hw: F32
    chart_T: U8
    seen_T: Index
    map_52T: F32
    corner_33T: F32

    def cells(self, wanted_hw: Bool) -> tuple[U8, F32]:
        """Labels and U, V (2, h, w) of the wanted cells; 0 in others and where the mesh is not seen."""
        shown = np.flatnonzero((self.face_hw >= 0) & wanted_hw)
        labels_hw, uv_2hw = np.zeros(self.face_hw.shape, np.uint8), np.zeros((2, *self.face_hw.shape), np.float32)
        face_P = self.face_hw.reshape(-1)[shown]
        labels_hw.reshape(-1)[shown] = self.chart_T[face_P]
        middle_2P = self._middles(shown) + self.shift_2hw.reshape(2, -1)[:, shown]
        uv_2hw.reshape(2, -1)[:, shown] = self._read(face_P, middle_2P[:, None, None])[:, 0, 0]
        return labels_hw, uv_2hw

    def pixels(self, labels_hw: U8, uv_2hw: F32, height: int, width: int) -> tuple[U8, F32]:
        """Labels (height, width) and U, V (2, height, width) of every pixel of a grid of this size.

        Inside of a chart U and V are interpolated between cells; at borders each pixel is read from the nearest face.

        Args:
            labels_hw, uv_2hw: of the cells, from `cells`.
        """
        if self.step == 1:
            return labels_hw[:height, :width], uv_2hw[:, :height, :width]
        step, (rows, columns) = self.step, self.face_hw.shape
        whole = (columns * step, rows * step)
        fine_hw = np.asarray(cv2.resize(labels_hw, whole, interpolation=cv2.INTER_NEAREST), np.uint8)
        # Cells without a label become the highest one for the minimum: they make no border.
        lowest_hw = cv2.erode(cv2.bitwise_or(labels_hw, (labels_hw == 0) * np.uint8(255)), AROUND)
        border_hw = cv2.dilate(labels_hw, AROUND) != lowest_hw
        fine_2hw = np.empty((2, rows * step, columns * step), np.float32)
        for axis_hw, fine_axis_hw in zip(uv_2hw, fine_2hw, strict=True):
            cv2.resize(axis_hw, whole, dst=fine_axis_hw, interpolation=cv2.INTER_LINEAR)
            border_hw |= cv2.subtract(cv2.dilate(axis_hw, AROUND), cv2.erode(axis_hw, AROUND)) > JUMP
        cell_K = np.flatnonzero(border_hw & (labels_hw > 0))
        shift_2K = self.shift_2hw.reshape(2, -1)[:, cell_K]
        # A filled cell is one colour: its neighbours may be filled from quite another place.
        offset_S = np.arange(step, dtype=np.float32) + np.float32(0.5 - step / 2)
        is_filled_K = (shift_2K != 0).any(axis=0)
        offset_KS = np.where(is_filled_K[:, None], np.float32(0), offset_S)
        x_K, y_K = self._middles(cell_K) + shift_2K
        place_2SSK = np.stack(np.broadcast_arrays(x_K + offset_KS.T[None], y_K + offset_KS.T[:, None]))
        row_K, column_K = np.divmod(cell_K, columns)
        face_SSK = self._nearest_faces(cell_K, is_filled_K, place_2SSK)
        read_2SSK, label_SSK = self._read(face_SSK, place_2SSK), self.chart_T[face_SSK]
        blocks_2rScS = fine_2hw.reshape(2, rows, step, columns, step)
        blocks_rScS = fine_hw.reshape(rows, step, columns, step)
        for down in range(step):
            for right in range(step):
                blocks_2rScS[:, row_K, down, column_K, right] = read_2SSK[:, down, right]
                blocks_rScS[row_K, down, column_K, right] = label_SSK[down, right]
        return fine_hw[:height, :width], fine_2hw[:, :height, :width]

    def _nearest_faces(self, cell_K: Index, is_filled_K: Bool, place_2SSK: F32) -> I32:
        """The face at each of S × S places of K cells, (S, S, K).

        Of the faces seen in a cell and beside it, the nearest that covers the place; the cell's own where none does.
        """
        rows, columns = self.face_hw.shape
        seen_hw = np.where((self.shift_2hw != 0).any(axis=0), np.int32(-1), self.face_hw)
        row_K, column_K = np.divmod(cell_K, columns)
        best_SSK = np.broadcast_to(self.face_hw.reshape(-1)[cell_K], place_2SSK.shape[1:]).copy()
        depth_SSK = np.zeros(best_SSK.shape, np.float32)
        x_SSK, y_SSK = place_2SSK
        for down, right in ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)):
            row, column = np.clip(row_K + down, 0, rows - 1), np.clip(column_K + right, 0, columns - 1)
            face_K = np.where(is_filled_K, np.int32(-1), seen_hw[row, column])
            start, along_x, along_y = self.corner_33T.take(np.maximum(face_K, 0), axis=2)[:, :, None, None]
            one, other, near = start + along_x * x_SSK + along_y * y_SSK
            covered = np.minimum(np.minimum(one, other), 1 - one - other) >= -EDGE_MARGIN
            nearer = covered & (near > depth_SSK) & (face_K >= 0)
            best_SSK = np.where(nearer, face_K, best_SSK)
            depth_SSK = np.where(nearer, near, depth_SSK)
        return best_SSK

    def _middles(self, cell_K: Index) -> F32:
        """x and y of the middles of cells (2, K), pixels."""
        row_K, column_K = np.divmod(cell_K, self.face_hw.shape[1])
        return np.stack([column_K, row_K]).astype(np.float32) * self.step + np.float32(self.step / 2)

    def _read(self, face_K: I32, place_2SSK: F32) -> F32:
        """U, V (2, S, S, K) at S × S places (x, y) of the picture for faces (K,) or (S, S, K)."""
        start, along_x, along_y, low, high = self.map_52T.take(face_K, axis=2).reshape(
            5, 2, *((1, 1) if face_K.ndim == 1 else face_K.shape[:2]), face_K.shape[-1]
        )
        x_SSK, y_SSK = place_2SSK
        return np.asarray(np.minimum(np.maximum(start + along_x * x_SSK + along_y * y_SSK, low), high), np.float32)


def mesh_image(
    painting: PaintingMesh, place_V2: F32, depth_V: F32, height: int, width: int, step: int
) -> MeshImage | None:
    """The nearest faces of the mesh on a grid that spans at least `height` × `width` pixels; None where none is seen.

    Args:
        painting: the mesh.
        place_V2: vertices in pixels from the grid's corner.
        depth_V: their distances, metres.
        step: pixels along a cell.
    """
    rows, columns = -(-height // step), -(-width // step)
    flat = Camera(
        rotation_33=np.eye(3, dtype=np.float32), shift_3=np.zeros(3, np.float32), focal=1.0, center_2=(0.0, 0.0),
        height=rows, width=columns,
    )  # fmt: skip
    camera_V3 = np.concatenate([place_V2 / np.float32(step), np.ones((len(place_V2), 1), np.float32)], axis=1)
    camera_V3 *= depth_V[:, None]
    seen = facing(flat, camera_V3, painting.mesh.face_F3)
    hits = nearest_faces(seen)
    if not len(hits.pixel_P):
        return None
    face_hw = np.full(rows * columns, -1, np.int32)
    index_F = np.full(len(painting.mesh.face_F3), -1, np.int32)
    index_F[seen.face_T] = np.arange(len(seen.face_T), dtype=np.int32)
    face_hw[hits.pixel_P] = index_F[hits.face_P]
    return MeshImage(
        step=step, face_hw=face_hw.reshape(rows, columns), shift_2hw=np.zeros((2, rows, columns), np.float32),
        chart_T=painting.mesh.chart_F[seen.face_T], seen_T=seen.face_T,
        map_52T=_affine_maps(seen, painting.mesh.corner_uv_F32[seen.face_T], step),
        corner_33T=_corner_maps(seen, step),
    )  # fmt: skip


def _affine_maps(seen: Facing, corner_uv_T32: F32, step: int) -> F32:
    """U and V of each face: values at 0, changes with x and with y in pixels, least and greatest values."""
    (ax, bx, cx), (ay, by, cy) = (at.astype(np.float64) * step for at in (seen.x_3T, seen.y_3T))
    double = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    maps: list[list[F64]] = []
    for axis in (0, 1):
        a, b, c = corner_uv_T32[..., axis].T.astype(np.float64)
        along_x = ((b - a) * (cy - ay) - (c - a) * (by - ay)) / double
        along_y = ((c - a) * (bx - ax) - (b - a) * (cx - ax)) / double
        low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        slack = BEYOND * (high - low)
        maps.append([a - along_x * ax - along_y * ay, along_x, along_y, low - slack, high + slack])
    return np.array(maps, np.float32).transpose(1, 0, 2).copy()


def _corner_maps(seen: Facing, step: int) -> F32:
    """Weights of two corners and inverse depth of each face (3, 3, T): values at 0, changes with x and with y."""
    (ax, bx, cx), (ay, by, cy) = (at.astype(np.float64) * step for at in (seen.x_3T, seen.y_3T))
    near_a, near_b, near_c = seen.inverse_3T.astype(np.float64)
    double = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    along_x = np.stack([cy - ay, -(by - ay), (near_b - near_a) * (cy - ay) - (near_c - near_a) * (by - ay)]) / double
    along_y = np.stack([-(cx - ax), bx - ax, (near_c - near_a) * (bx - ax) - (near_b - near_a) * (cx - ax)]) / double
    start = np.stack([np.zeros_like(ax), np.zeros_like(ax), near_a]) - along_x * ax - along_y * ay
    return np.stack([start, along_x, along_y]).astype(np.float32)


def filled(image: MeshImage, inside_hw: Bool) -> MeshImage:
    """The image whose empty cells inside of a mask read the nearest cell that shows the mesh."""
    empty_hw = image.face_hw < 0
    gap_hw = empty_hw & inside_hw
    if not gap_hw.any():
        return image
    _, number_hw = cv2.distanceTransformWithLabels(
        empty_hw.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # The transform numbers the cells without distance in an order of its own.
    shown = np.flatnonzero(~empty_hw)
    cell_K = np.zeros(int(number_hw.max()) + 1, np.int64)
    cell_K[number_hw.reshape(-1)[shown]] = shown
    gap = np.flatnonzero(gap_hw)
    source = cell_K[number_hw.reshape(-1)[gap]]
    face_hw, shift_2hw = image.face_hw.copy(), image.shift_2hw.copy()
    face_hw.reshape(-1)[gap] = image.face_hw.reshape(-1)[source]
    width = image.face_hw.shape[1]
    shift_2hw[0].reshape(-1)[gap] = image.step * (source % width - gap % width)
    shift_2hw[1].reshape(-1)[gap] = image.step * (source // width - gap // width)
    return replace(image, face_hw=face_hw, shift_2hw=shift_2hw)
