"""What people stand together: a table and its chairs, a sofa and what faces it, a desk."""

from __future__ import annotations

import numpy as np

from training.scenes import chairs, household, media, sofas, tables
from training.scenes.furnisher import Furnisher
from training.scenes.materials import lacquer, upholstery, wood
from training.scenes.pieces import Piece
from training.scenes.rooms import Placed
from training.scenes.tabletop import table_things


def dining_group(f: Furnisher, seats_wanted: int) -> None:
    """A table with its chairs."""
    taste, rng = f.taste, f.rng
    table = tables.dining_table(taste, seats_wanted)
    table_things(table, taste, *table.size, many=4)
    w, d, _ = table.size
    turn = float(rng.choice([0, np.pi / 2]))
    host = None
    for _ in range(30):
        x = rng.uniform(0.9, max(f.room.width - 0.9, 0.95))
        y = rng.uniform(0.9, max(f.room.depth - 0.9, 0.95))
        trial = Placed(table, x, y, turn)
        x0, y0, x1, y1 = trial.floor
        if f.room.is_free((x0 - 0.35, y0 - 0.35, x1 + 0.35, y1 + 0.35)) and f.room.put(trial):
            host = trial
            break
    if host is None:
        return
    style, stuff = chairs.chair_style(taste), None
    if taste.chance(0.8):
        stuff = (
            wood(rng)
            if style not in {"padded", "parsons", "shell"}
            else (lacquer(rng) if style == "shell" else upholstery(rng))
        )
    model = chairs.chair(taste, stuff, style)
    spots = []
    per_side = {4: 2 if w > 1.26 else 1, 6: 2 if taste.chance(0.4) else 3, 8: 3}[seats_wanted]
    for i in range(per_side):
        along = w * ((i + 0.5) / per_side - 0.5)
        spots += [(along, -d / 2, 0.0), (along, d / 2, np.pi)]
    if per_side * 2 < seats_wanted:
        spots += [(-w / 2, 0.0, -np.pi / 2), (w / 2, 0.0, np.pi / 2)]
    for dx, dy, face in spots:
        if taste.chance(0.06):
            continue
        push = taste.between(0.02, 0.2) if taste.chance(0.9) else taste.between(0.25, 0.45)
        out = np.array([dx, dy]) + np.array([np.sin(face), -np.cos(face)]) * push
        jitter = float(rng.normal() * 0.08)
        # A chair looks at the table: its front (-y) towards the middle.
        _seat(f, model, host, float(out[0]), float(out[1]), face + np.pi + jitter)
    if taste.chance(0.4):
        f.relative(household.carpet(taste, w + 1.2, d + 1.2), host, 0, 0, host.turn)


def _seat(f: Furnisher, chair: Piece, host: Placed, dx: float, dy: float, face: float) -> None:
    """Stand a chair at a table, partly under it if it likes."""
    c, s = np.cos(host.turn), np.sin(host.turn)
    placed = Placed(chair, host.x + c * dx - s * dy, host.y + s * dx + c * dy, host.turn + face)
    f.room.things.remove(host)
    if f.room.is_free(placed.floor, 0.0):
        f.room.things.append(placed)
    f.room.things.append(host)


def seating_group(f: Furnisher) -> None:
    """Sofa, low table, armchairs, and a television opposite."""
    taste, rng = f.taste, f.rng
    wall = int(rng.integers(4))
    sofa = f.along_wall(
        sofas.sofa(taste, int(rng.choice([2, 3]))), [wall, (wall + 2) % 4], centred=True
    )
    if sofa is None:
        return
    if taste.chance(0.75):
        unit, screen = media.tv_unit(taste, taste.chance(0.85))
        facing = {0.0: 2, np.pi: 0, -np.pi / 2: 3, np.pi / 2: 1}[sofa.turn]
        stand = f.along_wall(unit, [facing], centred=True) or f.along_wall(unit)
        if stand and screen:
            f.on_top(screen, stand)
    table = tables.coffee_table(taste)
    table_things(table, taste, *table.size, many=3)
    if taste.chance(0.85):
        place = f.before(table, sofa, taste.between(0.32, 0.5))
        if taste.chance(0.65):
            w, d = taste.between(1.7, 2.6), taste.between(1.2, 1.8)
            f.relative(
                household.carpet(taste, w, d), place or sofa, 0, 0 if place else -1.1, sofa.turn
            )
    model = sofas.armchair(taste)
    twin = taste.chance(0.5)
    for side in (-1, 1):
        if taste.chance(0.55):
            chair = model if twin else sofas.armchair(taste)
            reach = sofa.piece.size[0] / 2 + chair.size[1] / 2 + taste.between(0.0, 0.3)
            f.relative(
                chair,
                sofa,
                side * reach,
                -taste.between(0.95, 1.35),
                sofa.turn + side * np.pi / 2 * -1,
            )
    if taste.chance(0.3):
        second = sofas.sofa(taste, 2)
        f.along_wall(second)


def desk_group(f: Furnisher) -> None:
    """A desk with its chair."""
    t = f.taste
    place = f.along_wall(tables.desk(t))
    if place:
        chair = chairs.office_chair(t) if t.chance(0.75) else chairs.chair(t)
        seat = f.before(chair, place, t.between(-0.05, 0.25), t.between(-0.2, 0.2), facing=True)
        if seat:
            seat.turn += float(t.rng.normal() * 0.4)
