"""The main job on real photos, from a folder to a DataFrame, where they lie beside the checkout."""

from __future__ import annotations

import pytest

import photoqueue
from tests.conftest import SHARED_DATA

MODEL = SHARED_DATA / "models" / "deimv2_hgnetv2_femto_coco.onnx"
PHOTOS = SHARED_DATA / "photos"

pytestmark = pytest.mark.skipif(
    not (MODEL.exists() and PHOTOS.exists()), reason=f"no photos and model in {SHARED_DATA}"
)


def test_real_photos_become_results_boxes_and_room_types(settings, start_worker) -> None:
    real = settings.model_copy(update={"engine": "detector", "model": str(MODEL)})
    photoqueue.use(real)
    start_worker(settings=real)
    batch = photoqueue.submit_photos(PHOTOS, project_id="m1")
    frame = photoqueue.collect(batch, timeout=120)
    assert list(frame["state"]) == ["completed"] * 22
    assert {"bathroom", "bedroom", "kitchen"} <= set(frame["room_type"])
    items = batch.items()
    assert len(items) == frame["item_count"].sum() > 10
    assert items[["x0", "y0", "x1", "y1"]].min().min() >= 0
    assert items[["x0", "y0", "x1", "y1"]].max().max() <= 1
    assert (items["x0"] < items["x1"]).all()
    inventory = photoqueue.submit_inventory("m1").result(120)
    assert inventory.photo_count == 22
    assert 0 < inventory.total_volume_min <= inventory.total_volume <= inventory.total_volume_max
