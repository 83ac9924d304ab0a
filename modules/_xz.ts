/**
 * A decoder for the .xz format (https://tukaani.org/xz/xz-file-format.txt) with the filter LZMA2, which dpkg-deb and xz
 * use. Node.js has none. It does not verify checksums, because a wrong package fails at its digest or in dpkg.
 */

/** Returns the decompressed bytes. Throws an Error for damaged data, another filter, or more than `limit` bytes. */
export function decompressXz(data: Uint8Array, limit: number): Buffer {
  if (Buffer.from(data.subarray(0, 6)).toString('latin1') !== '\xfd7zXZ\0') throw new Error('no xz data');
  const checkBytes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64][data[7]! & 15]!;
  const decoder = new Lzma2(data, limit);
  let at = 12;
  while (at < data.length && data[at] !== 0) {
    const header = new HeaderReader(data, at + 1);
    const flags = header.byte();
    if ((flags & 0x40) !== 0) header.number();
    if ((flags & 0x80) !== 0) header.number();
    if ((flags & 3) !== 0 || header.number() !== 0x21) throw new Error('an unknown filter of xz');
    const start = at + (data[at]! + 1) * 4;
    const end = decoder.decode(start);
    at = end + ((4 - (end % 4)) % 4) + checkBytes;
  }
  return decoder.output();
}

class HeaderReader {
  readonly #data: Uint8Array;
  #at: number;

  constructor(data: Uint8Array, at: number) {
    this.#data = data;
    this.#at = at;
  }

  byte(): number {
    return this.#data[this.#at++] ?? 0;
  }

  /** Reads a number of up to nine bytes, of which each holds seven bits. */
  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }
}

const literalStates = 7;
/** The models of a length: choices, short and middle lengths for 16 positions, and long lengths. */
const lengthModels = 2 + 16 * 8 * 2 + 256;

/** The decoder of LZMA2, which holds LZMA in chunks. The names follow the specification of LZMA. */
class Lzma2 {
  readonly #data: Uint8Array;
  readonly #limit: number;
  #out = Buffer.alloc(65_536);
  #size = 0;
  /** The place in the output where the dictionary begins. */
  #start = 0;
  #at = 0;
  #range = 0;
  #code = 0;
  #state = 0;
  #reps: [number, number, number, number] = [0, 0, 0, 0];
  #lc = 0;
  #lp = 0;
  #pb = 0;
  /** Probabilities that a bit is 0, in 1/2048. */
  #literals = new Uint16Array();
  readonly #isMatch = new Uint16Array(12 * 16);
  readonly #isRep = new Uint16Array(12);
  readonly #isRepG = [0, 1, 2].map(() => new Uint16Array(12));
  readonly #isRep0Long = new Uint16Array(12 * 16);
  readonly #slots = new Uint16Array(4 * 64);
  readonly #special = new Uint16Array(128);
  readonly #align = new Uint16Array(16);
  readonly #lengths = new Uint16Array(lengthModels);
  readonly #repLengths = new Uint16Array(lengthModels);

  constructor(data: Uint8Array, limit: number) {
    this.#data = data;
    this.#limit = limit;
  }

  output(): Buffer {
    return this.#out.subarray(0, this.#size);
  }

  /** Decodes the chunks at `at`, and returns the place behind them. */
  decode(at: number): number {
    this.#at = at;
    for (;;) {
      const control = this.#byte();
      if (control === 0) return this.#at;
      if (control === 1 || control >= 0xe0) this.#start = this.#size;
      if (control < 0x80) {
        if (control > 2) throw new Error('a damaged chunk of xz');
        const length = this.#short() + 1;
        for (let i = 0; i < length; i++) this.#put(this.#byte());
        continue;
      }
      const end = this.#size + ((control & 31) << 16) + this.#short() + 1;
      const next = this.#at + 2 + (control >= 0xc0 ? 1 : 0) + this.#short() + 1;
      if (control >= 0xc0) this.#setProperties(this.#byte());
      if (control >= 0xa0) this.#resetState();
      this.#range = -1 >>> 0;
      this.#code = 0;
      for (let i = 0; i < 5; i++) this.#code = ((this.#code << 8) | this.#byte()) >>> 0;
      while (this.#size < end) this.#symbol();
      this.#at = next;
    }
  }

  #byte(): number {
    const byte = this.#data[this.#at++];
    if (byte === undefined) throw new Error('the xz data ends too early');
    return byte;
  }

  #short(): number {
    return this.#byte() * 256 + this.#byte();
  }

  #put(byte: number): void {
    if (this.#size >= this.#limit) throw new Error('too much xz data');
    if (this.#size === this.#out.length) this.#out = Buffer.concat([this.#out, Buffer.alloc(this.#size)]);
    this.#out[this.#size++] = byte;
  }

  #setProperties(byte: number): void {
    this.#lc = byte % 9;
    this.#lp = Math.floor(byte / 9) % 5;
    this.#pb = Math.floor(byte / 45);
  }

  #resetState(): void {
    this.#state = 0;
    this.#reps = [0, 0, 0, 0];
    this.#literals = new Uint16Array(0x300 << (this.#lc + this.#lp));
    const all = [this.#literals, this.#isMatch, this.#isRep, ...this.#isRepG, this.#isRep0Long, this.#slots];
    for (const models of [...all, this.#special, this.#align, this.#lengths, this.#repLengths])
      models.fill(1024);
  }

  #normalize(): void {
    if (this.#range >= 0x1000000) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#byte()) >>> 0;
  }

  #bit(models: Uint16Array, index: number): 0 | 1 {
    this.#normalize();
    const probability = models[index]!;
    const bound = (this.#range >>> 11) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      models[index] = probability + ((2048 - probability) >> 5);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    models[index] = probability - (probability >> 5);
    return 1;
  }

  #directBits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) {
      this.#normalize();
      this.#range >>>= 1;
      const isOne = this.#code >= this.#range;
      if (isOne) this.#code -= this.#range;
      value = value * 2 + (isOne ? 1 : 0);
    }
    return value;
  }

  #tree(models: Uint16Array, offset: number, bits: number): number {
    let node = 1;
    for (let i = 0; i < bits; i++) node = node * 2 + this.#bit(models, offset + node);
    return node - (1 << bits);
  }

  #reverseTree(models: Uint16Array, offset: number, bits: number): number {
    let [node, value] = [1, 0];
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(models, offset + node);
      node = node * 2 + bit;
      value |= bit << i;
    }
    return value;
  }

  #length(models: Uint16Array, position: number): number {
    if (this.#bit(models, 0) === 0) return 2 + this.#tree(models, 2 + position * 8, 3);
    if (this.#bit(models, 1) === 0) return 10 + this.#tree(models, 130 + position * 8, 3);
    return 18 + this.#tree(models, 258, 8);
  }

  /** Decodes a literal, a match or a repeated match. */
  #symbol(): void {
    const position = (this.#size - this.#start) & ((1 << this.#pb) - 1);
    const model = this.#state * 16 + position;
    if (this.#bit(this.#isMatch, model) === 0) {
      this.#literal();
      return;
    }
    let length: number;
    if (this.#bit(this.#isRep, this.#state) === 0) {
      const [first, second, third] = this.#reps;
      length = this.#length(this.#lengths, position);
      this.#state = this.#state < literalStates ? 7 : 10;
      this.#reps = [this.#distance(length), first, second, third];
    } else {
      const [first, second, third, fourth] = this.#reps;
      if (this.#bit(this.#isRepG[0]!, this.#state) === 0) {
        if (this.#bit(this.#isRep0Long, model) === 0) {
          this.#state = this.#state < literalStates ? 9 : 11;
          this.#copy(1);
          return;
        }
      } else if (this.#bit(this.#isRepG[1]!, this.#state) === 0) this.#reps = [second, first, third, fourth];
      else if (this.#bit(this.#isRepG[2]!, this.#state) === 0) this.#reps = [third, first, second, fourth];
      else this.#reps = [fourth, first, second, third];
      length = this.#length(this.#repLengths, position);
      this.#state = this.#state < literalStates ? 8 : 11;
    }
    this.#copy(length);
  }

  #literal(): void {
    const previous = this.#size > this.#start ? this.#out[this.#size - 1]! : 0;
    const low = (this.#size - this.#start) & ((1 << this.#lp) - 1);
    const offset = 0x300 * ((low << this.#lc) + (previous >> (8 - this.#lc)));
    let node = 1;
    if (this.#state >= literalStates) {
      let match = this.#out[this.#size - this.#reps[0] - 1] ?? 0;
      while (node < 0x100) {
        const expected = (match >> 7) & 1;
        match <<= 1;
        const bit = this.#bit(this.#literals, offset + ((1 + expected) << 8) + node);
        node = node * 2 + bit;
        if (bit !== expected) break;
      }
    }
    while (node < 0x100) node = node * 2 + this.#bit(this.#literals, offset + node);
    this.#put(node & 0xff);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #distance(length: number): number {
    const slot = this.#tree(this.#slots, Math.min(length - 2, 3) * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + this.#reverseTree(this.#special, base - slot, bits);
    return base + this.#directBits(bits - 4) * 16 + this.#reverseTree(this.#align, 0, 4);
  }

  #copy(length: number): void {
    const from = this.#size - this.#reps[0] - 1;
    if (from < this.#start) throw new Error('damaged xz data');
    for (let i = 0; i < length; i++) this.#put(this.#out[from + i]!);
  }
}
