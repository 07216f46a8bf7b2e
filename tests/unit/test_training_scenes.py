"""The rooms that the built-in model learns from and the sample homes show."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from training import scenes
from training.files import in_one_piece
from training.scenes.camera import corner_cameras
from training.scenes.furnishing import furnish
from training.scenes.pieces import Taste
from training.scenes.rooms import ROOM_TYPES, Room
from training.scenes.shell import build_shell
from training.vocabulary import CLASSES

from photoqueue.inventory.catalogue import Catalogue
from photoqueue.inventory.wording import canonical_room_type

KINDS = pytest.mark.parametrize("kind", ROOM_TYPES)


def room(kind: str, seed: int, *, sample: bool = False) -> Room:
    return furnish(kind, Taste(np.random.default_rng([1, seed]), sample))


def test_classes_are_things_of_the_catalogue_and_rooms_known_kinds() -> None:
    catalogue = Catalogue.load()

    assert all(catalogue.by_key(key) for key in CLASSES)
    assert all(canonical_room_type(kind) == kind for kind in ROOM_TYPES)


@KINDS
def test_same_seed_furnishes_the_same_room(kind: str) -> None:
    first, second = room(kind, 5), room(kind, 5)

    assert [(t.piece.key, t.floor) for t in first.things] == [
        (t.piece.key, t.floor) for t in second.things
    ]


@KINDS
def test_things_stand_inside_the_room_and_are_known(kind: str) -> None:
    for seed in range(3):
        furnished = room(kind, seed, sample=seed % 2 == 1)
        for thing in furnished.things:
            assert thing.piece.key is None or thing.piece.key in CLASSES
            if thing.z == 0 and thing.piece.size[2] > 0.05:
                x0, y0, x1, y1 = thing.floor
                assert -0.01 <= x0 <= x1 <= furnished.width + 0.01
                assert -0.01 <= y0 <= y1 <= furnished.depth + 0.01


@KINDS
def test_big_things_do_not_stand_in_one_another(kind: str) -> None:
    big = {"wardrobe_2_door", "bookcase", "double_bed", "single_bed", "sideboard", "refrigerator"}
    for seed in range(3):
        floors = [t.floor for t in room(kind, seed).things if t.piece.key in big]
        for i, a in enumerate(floors):
            for b in floors[i + 1 :]:
                across = min(a[2], b[2]) - max(a[0], b[0])
                along = min(a[3], b[3]) - max(a[1], b[1])
                assert across <= 0.01 or along <= 0.01


def test_samples_have_styles_of_their_own() -> None:
    calls = [
        node
        for file in sorted(Path(scenes.__file__).parent.glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "style"
        and all(isinstance(argument, ast.List) for argument in node.args)
    ]
    styles = [[set(ast.literal_eval(argument)) for argument in call.args] for call in calls]

    shared = [set.union(training, *more) & sample for training, sample, *more in styles]
    assert len(styles) >= 15
    assert [both for both in shared if both] == [{"padded"}]  # one kind of chair, as made


@KINDS
def test_every_view_looks_into_the_room(kind: str) -> None:
    furnished = room(kind, 3)

    for camera in corner_cameras(furnished, np.random.default_rng(1), 4):
        x, y, z = camera.position
        assert 0 < x < furnished.width and 0 < y < furnished.depth and 1 < z < 2
        left, up, forward = camera.axes()
        assert np.allclose(np.cross(forward, left), up, atol=1e-6)


def test_shell_has_light_and_closed_walls() -> None:
    furnished = room("bedroom", 2)

    parts, lights = build_shell(furnished, Taste(np.random.default_rng(1)))

    low = np.min([mesh.vertices.min(0) for mesh, _ in parts], axis=0)
    high = np.max([mesh.vertices.max(0) for mesh, _ in parts], axis=0)
    assert lights
    assert np.all(low >= -0.2)
    assert np.all(high <= np.array([furnished.width, furnished.depth, furnished.height]) + 0.2)


def test_file_that_was_not_written_to_its_end_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "000001.json"
    file.write_text("earlier", encoding="utf-8")

    with pytest.raises(KeyboardInterrupt), in_one_piece(file) as part:
        part.write_text("hal", encoding="utf-8")
        raise KeyboardInterrupt
    assert file.read_text(encoding="utf-8") == "earlier"

    with in_one_piece(file) as part:
        part.write_text("whole", encoding="utf-8")
    assert [f.read_text(encoding="utf-8") for f in tmp_path.iterdir()] == ["whole"]
