// The picture in its frame: how much it is enlarged, which part is seen, and where things are in it. Boxes are in
// 0…1 of the picture, points and places in pixels of the frame.

function frameView(frame, plane) {
  const view = {
    zoom: 1,
    x: 0.5, // the middle of the part that is seen
    y: 0.5,
    at: null, // {wide, high} of the frame, {left, top, across, down} of the picture; null before it is laid out
    reset() { [view.zoom, view.x, view.y] = [1, 0.5, 0.5]; },
    // Puts a picture of this ratio in its place; whether there is room for it.
    place(ratio) {
      if (!frame.clientWidth) return false;
      frame.style.setProperty("--pq-ratio", ratio);
      const [wide, high] = [frame.clientWidth, frame.clientHeight];
      const fit = Math.min(wide, high * ratio);
      const [across, down] = [fit * view.zoom, (fit / ratio) * view.zoom];
      const start = (room, size, middle) => (size <= room ? (room - size) / 2 : within(room / 2 - middle * size, room - size, 0));
      const [left, top] = [start(wide, across, view.x), start(high, down, view.y)];
      [view.x, view.y] = [(wide / 2 - left) / across, (high / 2 - top) / down];
      view.at = { wide, high, left, top, across, down };
      Object.assign(plane.style, { width: `${across}px`, height: `${down}px`, left: `${left}px`, top: `${top}px` });
      frame.dataset.zoomed = String(view.zoom > 1);
      return true;
    },
    pixels: ([x0, y0, x1, y1]) => ({
      left: view.at.left + x0 * view.at.across, top: view.at.top + y0 * view.at.down,
      right: view.at.left + x1 * view.at.across, bottom: view.at.top + y1 * view.at.down }),
    pointOf(event) {
      const { left, top } = frame.getBoundingClientRect();
      return { x: event.clientX - left, y: event.clientY - top };
    },
    // Where a point is in the picture; one beside it is at its edge.
    inPicture: ({ x, y }) => [within((x - view.at.left) / view.at.across, 0, 1), within((y - view.at.top) / view.at.down, 0, 1)],
    centre([x0, y0, x1, y1]) { [view.x, view.y] = [(x0 + x1) / 2, (y0 + y1) / 2]; },
    shows(box) {
      const { left, right, top, bottom } = view.pixels(box);
      return left >= 0 && top >= 0 && right <= view.at.wide && bottom <= view.at.high;
    },
    // Enlarges by a factor; 0 is the whole picture. What was under the point `from` comes to `point`.
    enlarge(factor, point = null, from = point) {
      const before = view.zoom;
      const zoom = factor ? within(before * factor, 1, STAGE.most) : 1;
      view.zoom = zoom < 1.02 ? 1 : zoom;
      if (!point) return;
      const { left, top, across, down, wide, high } = view.at;
      const scale = view.zoom / before;
      view.x = (from.x - left) / across + (wide / 2 - point.x) / (across * scale);
      view.y = (from.y - top) / down + (high / 2 - point.y) / (down * scale);
    },
  };
  return view;
}
