// What the user chose or dropped, and which of it can be sent.

// The files of a drop, with their paths; folders are read recursively.
async function dropped(items) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  for (const entry of entries) await walk(entry, entry.name, found);
  return found;
}

async function walk(entry, path, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // The browser lists a folder a hundred entries at a time.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const inside of some) await walk(inside, `${path}/${inside.name}`, found);
  }
}

// The paths for the server. A single chosen folder is the home and its sub-folders are the rooms;
// several folders are rooms themselves.
function withinHome(found) {
  const tops = new Set(found.map(({ path }) => (path.includes("/") ? path.split("/")[0] : "")));
  if (tops.size !== 1 || tops.has("")) return found;
  return found.map(({ file, path }) => ({ file, path: path.slice(path.indexOf("/") + 1) }));
}

// How JPEG, PNG, WebP, HEIC and AVIF begin.
const PICTURE = /^(\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF[^]{4}WEBP|[^]{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1|avi[fs]))/;

async function isPicture(file, { extensions }) {
  if (extensions.some((extension) => file.name.toLowerCase().endsWith(extension))) return true;
  return PICTURE.test(String.fromCharCode(...new Uint8Array(await file.slice(0, 32).arrayBuffer())));
}

// Splits the choice into photos to send and files that are left out, with the reason.
async function sorted(found, traits) {
  const { maxBytes } = traits;
  const photos = [];
  const left = [];
  for (const { file, path } of found) {
    if (path.split("/").some((part) => part.startsWith("."))) left.push({ path, why: "is hidden" });
    else if (file.size === 0) left.push({ path, why: "is empty" });
    else if (!(await isPicture(file, traits))) left.push({ path, why: "is not a picture" });
    else if (file.size > maxBytes) left.push({ path, why: "is {size}; the limit is {limit} a photo", values: { size: format.size(file.size), limit: format.size(maxBytes) }, large: true });
    else photos.push({ file, path });
  }
  const order = new Intl.Collator("en", { numeric: true });
  photos.sort((one, other) => order.compare(one.path, other.path));
  return { photos, left };
}
