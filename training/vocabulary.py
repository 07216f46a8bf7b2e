"""What the built-in model tells apart, and how its pictures are numbered."""

from training.scenes.rooms import ROOM_TYPES

#: Catalogue keys, in the order of the model's outputs.
CLASSES = (
    "sofa_2_seat",
    "sofa_3_seat",
    "armchair",
    "coffee_table",
    "tv_unit",
    "television",
    "bookcase",
    "sideboard",
    "dining_table",
    "chair",
    "desk",
    "office_chair",
    "single_bed",
    "double_bed",
    "nightstand",
    "wardrobe_2_door",
    "chest_of_drawers",
    "refrigerator",
    "washing_machine",
    "cooker",
    "floor_lamp",
    "rug",
    "potted_plant",
    "box_standard",
)
ROOMS = ROOM_TYPES
#: Pictures of each room: picture ``n`` shows room ``n // VIEWS``.
VIEWS = 2
