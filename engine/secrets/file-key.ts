import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { Plain } from '../value.ts';
import type { Style } from '../yaml/scalars.ts';
import type { Path } from '../yaml/source-text.ts';

const prefix = 'enc:';
const [nonceBytes, tagBytes] = [12, 16];

/** Whether a text of a file of secrets is an encrypted value. */
export function isSealed(text: string): boolean {
  return text.startsWith(prefix);
}

/** The key of one file of secrets, 32 random bytes. It seals each value to its place, and all values together. */
export class FileKey {
  readonly bytes: Buffer;
  readonly #values: Buffer;
  readonly #mac: Buffer;

  constructor(bytes: Buffer = randomBytes(32)) {
    const derived = (use: string) =>
      Buffer.from(hkdfSync('sha256', bytes, '', `reconcile secrets 1 ${use}`, 32));
    this.bytes = bytes;
    this.#values = derived('values');
    this.#mac = derived('mac');
  }

  /**
   * Encrypts a value. Two encryptions of one text differ. The result opens only at this path and with this style; without a
   * style, with the default style of the text.
   */
  seal(path: Path, text: string, style?: Style): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#values, nonce).setAAD(place(path, style));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return prefix + sealed.toString('base64');
  }

  /** Returns the text of an encrypted value, or undefined if it has another key, path or style. */
  open(path: Path, sealed: string, style?: Style): string | undefined {
    const bytes = Buffer.from(sealed.slice(prefix.length), 'base64');
    if (!isSealed(sealed) || bytes.length < nonceBytes + tagBytes) return undefined;
    const end = bytes.length - tagBytes;
    const decipher = createDecipheriv('aes-256-gcm', this.#values, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(place(path, style)).setAuthTag(bytes.subarray(end));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, end)), decipher.final()]).toString();
    } catch {
      return undefined;
    }
  }

  /** Returns the MAC of `content`, which detects added, removed and older values. */
  mac(content: Plain): string {
    return createHmac('sha256', this.#mac).update(canonical(content)).digest('base64');
  }

  /** Whether `mac` is the MAC of `content`. */
  vouches(content: Plain, mac: string): boolean {
    const [given, own] = [Buffer.from(mac, 'base64'), Buffer.from(this.mac(content), 'base64')];
    return given.length === own.length && timingSafeEqual(given, own);
  }
}

function place(path: Path, style: Style | undefined): Buffer {
  return Buffer.from(JSON.stringify(style === undefined ? path : { path, style }));
}

/** Returns JSON with sorted keys. */
function canonical(data: Plain): string {
  return JSON.stringify(data, (_, value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
