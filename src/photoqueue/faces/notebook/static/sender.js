// Sends photos in pieces, each one after the kernel has accepted the previous one. It belongs to
// the widget's model, so that moving or hiding the widget does not end an upload.

const senders = new Map();

class Sender {
  constructor(model) {
    this.model = model;
    this.listeners = new Set();
    this.stop();
    model.on("msg:custom", (message) => this.hear(message));
  }

  stop() {
    this.upload = null;
    this.photos = [];
    this.number = 0;
    this.offset = 0;
    this.sent = 0; // bytes that the kernel has accepted
    this.total = 0;
    this.piece = 0; // bytes being sent
    this.waitingSince = null;
  }

  start(photos, left) {
    this.stop();
    this.upload = crypto.getRandomValues(new Uint32Array(2)).join("-");
    this.photos = photos;
    this.total = photos.reduce((sum, { file }) => sum + file.size, 0);
    this.waitingSince = Date.now();
    this.model.send({ kind: "begin", upload: this.upload, count: photos.length, left: left.slice(0, 20000).map(({ path, why, values }) => [path, phrase("en", why, values)]) });
    this.tell();
  }

  cancel() {
    this.model.send({ kind: "cancel", upload: this.upload });
    this.stop();
    this.tell();
  }

  hear(message) {
    if (!this.upload || message.upload !== this.upload) return;
    if (message.kind === "refused") this.stop();
    else {
      this.sent += this.piece;
      this.offset += this.piece;
      this.piece = 0;
      if (this.photos[this.number] && this.offset >= this.photos[this.number].file.size) {
        this.number += 1;
        this.offset = 0;
      }
      if (this.number === this.photos.length) this.stop();
      else this.next();
    }
    this.tell();
  }

  async next() {
    const upload = this.upload;
    const { file, path } = this.photos[this.number];
    let bytes;
    try {
      bytes = await file.slice(this.offset, this.offset + this.model.get("chunk_bytes")).arrayBuffer();
    } catch {
      this.cancel();
      this.model.set("notice", phrase(this.model.get("lang"), "{path} can no longer be read: it was changed or moved. Choose the photos again.", { path }));
      return;
    }
    if (upload !== this.upload) return; // cancelled meanwhile
    this.piece = bytes.byteLength;
    this.waitingSince = Date.now();
    this.model.send({ kind: "piece", upload, number: this.number, path, size: file.size, offset: this.offset }, undefined, [bytes]);
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}
