/**
 * The kept part of a stream: its first bytes and, if requested, its last bytes. It needs at most twice the memory of the
 * kept bytes, even if they arrive in small pieces.
 */
export class CappedOutput {
  readonly #headBytes: number;
  readonly #tailBytes: number;
  #head = Buffer.alloc(0);
  #headUsed = 0;
  #tail: Buffer = Buffer.alloc(0);
  /** Number of bytes dropped between them. */
  #beyond = 0;

  constructor(headBytes: number, tailBytes: number) {
    this.#headBytes = headBytes;
    this.#tailBytes = tailBytes;
  }

  get droppedBytes(): number {
    return Math.max(0, this.#beyond - this.#tailBytes);
  }

  add(bytes: Buffer): void {
    const room = Math.min(bytes.length, this.#headBytes - this.#headUsed);
    if (room > 0) this.#addToHead(bytes.subarray(0, room));
    const rest = bytes.subarray(room);
    if (rest.length === 0) return;
    this.#beyond += rest.length;
    if (this.#tailBytes === 0) return;
    // The last bytes are a ring, in which the newest overwrite the oldest.
    if (this.#tail.length === 0) this.#tail = Buffer.alloc(this.#tailBytes);
    const last = rest.subarray(-this.#tailBytes);
    const at = (this.#beyond - last.length) % this.#tailBytes;
    const first = last.copy(this.#tail, at);
    last.copy(this.#tail, 0, first);
  }

  /** Returns the kept bytes, with a line in place of the dropped ones that tells their number. */
  bytes(): Buffer {
    const head = this.#head.subarray(0, this.#headUsed);
    if (this.#beyond === 0 || this.#tailBytes === 0) return Buffer.from(head);
    const at = this.#beyond % this.#tailBytes;
    const full = this.#beyond >= this.#tailBytes;
    const tail = full ? [this.#tail.subarray(at), this.#tail.subarray(0, at)] : [this.#tail.subarray(0, at)];
    const note = this.droppedBytes === 0 ? '' : `\n… ${sizeOf(this.droppedBytes)} more not kept …\n`;
    return Buffer.concat([head, Buffer.from(note), ...tail]);
  }

  #addToHead(bytes: Buffer): void {
    const needed = this.#headUsed + bytes.length;
    if (needed > this.#head.length) {
      const larger = Buffer.alloc(Math.min(this.#headBytes, Math.max(4096, needed * 2)));
      this.#head.copy(larger, 0, 0, this.#headUsed);
      this.#head = larger;
    }
    bytes.copy(this.#head, this.#headUsed);
    this.#headUsed = needed;
  }
}

function sizeOf(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}
