import { createHash } from 'node:crypto';

const initial = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
const digestWords = 5;
const blockBytes = 64;

/**
 * The hashed names of known_hosts, `|1|SALT|HASH` with the HMAC-SHA1 of a name. Every name has a salt of its own, so a
 * lookup computes one HMAC for each. The states of SHA-1 behind the salts are computed once, which leaves two blocks.
 */
export class HashedNames {
  readonly #count: number;
  /** For each name five words: the states behind the inner and the outer pad, and the hash. */
  #inner = new Int32Array();
  #outer = new Int32Array();
  #hashes = new Int32Array();
  #texts: readonly string[];

  constructor(texts: readonly string[]) {
    this.#count = texts.length;
    this.#texts = texts;
  }

  /** Returns the indexes of the hashed names that are `name`. */
  of(name: string): number[] {
    if (this.#texts.length > 0) this.#prepare();
    const blocks = padded(Buffer.from(name), blockBytes);
    const second = new Int32Array(16);
    second[5] = 0x80000000;
    second[15] = (blockBytes + 20) * 8;
    const state = new Int32Array(digestWords);
    const found: number[] = [];
    for (let i = 0, at = 0; i < this.#count; i++, at += digestWords) {
      compress(this.#inner, at, blocks, 0, state);
      for (let block = 16; block < blocks.length; block += 16) compress(state, 0, blocks, block, state);
      second.set(state);
      compress(this.#outer, at, second, 0, state);
      let word = 0;
      while (word < digestWords && state[word] === this.#hashes[at + word]) word++;
      if (word === digestWords) found.push(i);
    }
    return found;
  }

  #prepare(): void {
    const words = this.#count * digestWords;
    [this.#inner, this.#outer, this.#hashes] = [
      new Int32Array(words),
      new Int32Array(words),
      new Int32Array(words),
    ];
    const state = new Int32Array(digestWords);
    this.#texts.forEach((text, i) => {
      const [, version, salt = '', base64 = ''] = text.split('|');
      const hash = Buffer.from(base64, 'base64');
      // A line of another form keeps the states and the hash 0, which no name has.
      if (version !== '1' || hash.length !== 20) return;
      const given = Buffer.from(salt, 'base64');
      const key = Buffer.alloc(blockBytes);
      (given.length > blockBytes ? createHash('sha1').update(given).digest() : given).copy(key);
      const at = i * digestWords;
      for (const [pad, states] of [
        [0x36, this.#inner],
        [0x5c, this.#outer],
      ] as const) {
        compress(initial, 0, wordsOf(key.map(byte => byte ^ pad)), 0, state);
        states.set(state, at);
      }
      this.#hashes.set(wordsOf(hash), at);
    });
    this.#texts = [];
  }
}

/** Returns the last blocks of a message, of which `before` bytes were hashed already. */
function padded(bytes: Buffer, before: number): Int32Array {
  const blocks = Buffer.alloc(Math.ceil((bytes.length + 9) / blockBytes) * blockBytes);
  bytes.copy(blocks);
  blocks[bytes.length] = 0x80;
  blocks.writeUInt32BE((before + bytes.length) * 8, blocks.length - 4);
  return wordsOf(blocks);
}

function wordsOf(bytes: Buffer | Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int32Array.from({ length: bytes.length / 4 }, (_, i) => view.getInt32(i * 4));
}

const schedule = new Int32Array(80);

/** Writes into `to` the state of SHA-1 that follows the one at `at` after the 16 words at `start`. */
function compress(from: Int32Array, at: number, words: Int32Array, start: number, to: Int32Array): void {
  const w = schedule;
  for (let i = 0; i < 16; i++) w[i] = words[start + i]!;
  for (let i = 16; i < 80; i++) {
    const mixed = w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!;
    w[i] = (mixed << 1) | (mixed >>> 31);
  }
  let a = from[at]!;
  let b = from[at + 1]!;
  let c = from[at + 2]!;
  let d = from[at + 3]!;
  let e = from[at + 4]!;
  const [h0, h1, h2, h3, h4] = [a, b, c, d, e];
  for (let i = 0; i < 80; i++) {
    let mixed: number;
    if (i < 20) mixed = (((b & c) | (~b & d)) + 0x5a827999) | 0;
    else if (i < 40) mixed = ((b ^ c ^ d) + 0x6ed9eba1) | 0;
    else if (i < 60) mixed = (((b & c) | (b & d) | (c & d)) - 0x70e44324) | 0;
    else mixed = ((b ^ c ^ d) - 0x359d3e2a) | 0;
    const next = (((((a << 5) | (a >>> 27)) + mixed) | 0) + ((e + w[i]!) | 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  to[0] = h0 + a;
  to[1] = h1 + b;
  to[2] = h2 + c;
  to[3] = h3 + d;
  to[4] = h4 + e;
}
