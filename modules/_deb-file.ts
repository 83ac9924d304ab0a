import * as zlib from 'node:zlib';
import type { Given } from '../engine/module-kit/define-module.ts';
import { headOf } from '../engine/module-kit/state-text.ts';
import { memoized } from '../engine/util/memoized.ts';
import { parseStanzas, type Stanza } from './_apt-sources.ts';
import { decompressXz } from './_xz.ts';

/** A Debian package as a file, by its control file. */
export interface Deb {
  name: string;
  version: string;
  /** Such as `amd64`, or `all`. */
  architecture: string;
  /** All fields of the control file, by their names in small letters. */
  fields: Stanza;
}

/** Bytes of a package in which its control file is, behind at most one other member. */
const headBytes = 4 * 1024 * 1024;
const mostControlBytes = 32 * 1024 * 1024;

/** The bytes of a file beside the playbook. */
type Bytes = Exclude<Given<Record<never, never>, never>['content'], string | undefined>;

/** Returns what a .deb is, or a clause that says why it cannot be read. */
export const readDeb = memoized((content: Bytes): Deb | string => {
  const head = headOf(content, headBytes);
  if (head.subarray(0, 8).toString('latin1') !== '!<arch>\n') return 'is no Debian package';
  const control = memberOf(head, /^control\.tar(\.\w+)?$/);
  if (control === undefined) return 'has no control file where a Debian package has it';
  const text = controlIn(control);
  if (!Buffer.isBuffer(text)) return text;
  const [fields = new Map<string, string>()] = parseStanzas(text.toString());
  const [name, version, architecture] = ['package', 'version', 'architecture'].map(key => fields.get(key));
  if (!name || !version || !architecture) return 'lacks its name, version or architecture';
  return { name, version, architecture, fields };
});

/** Returns the first whole member of an ar archive whose name matches. */
function memberOf(archive: Buffer, name: RegExp): { name: string; bytes: Buffer } | undefined {
  for (let at = 8; at + 60 <= archive.length; ) {
    const header = archive.subarray(at, at + 60).toString('latin1');
    const found = header.slice(0, 16).trim().replace(/\/$/, '');
    const size = Number(header.slice(48, 58));
    const end = at + 60 + size;
    if (!Number.isInteger(size) || size < 0 || end > archive.length) return undefined;
    if (name.test(found)) return { name: found, bytes: archive.subarray(at + 60, end) };
    at = end + (size % 2);
  }
  return undefined;
}

/** Returns the content of `./control` in a compressed tar archive, or a clause that says why there is none. */
function controlIn({ name, bytes }: { name: string; bytes: Buffer }): Buffer | string {
  const maxOutputLength = mostControlBytes;
  let tar: Buffer;
  try {
    if (name.endsWith('.gz')) tar = zlib.gunzipSync(bytes, { maxOutputLength });
    else if (name.endsWith('.xz')) tar = decompressXz(bytes, maxOutputLength);
    else if (name.endsWith('.zst')) {
      if (unzstd === undefined) return 'is compressed with zstd, which Node.js reads from version 22.15 on';
      tar = unzstd(bytes, { maxOutputLength });
    } else tar = bytes;
  } catch (thrown) {
    return `is damaged (${(thrown as Error).message})`;
  }
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const path = tar
      .subarray(at, at + 100)
      .toString('latin1')
      .replace(/\0.*/s, '');
    const size = parseInt(tar.subarray(at + 124, at + 136).toString('latin1'), 8);
    if (!(size >= 0)) break;
    if (path.replace(/^\.\//, '') === 'control') return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return 'has no control file';
}

/** From 22.15 on, Node.js has it. */
const unzstd = (zlib as { zstdDecompressSync?: (bytes: Buffer, options: object) => Buffer })
  .zstdDecompressSync;

/** Returns the order of two versions by Debian's policy (5.6.12): negative if the first is older, and 0 if they are equal. */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [partsOf(a), partsOf(b)];
  return (
    one.epoch - other.epoch ||
    compareParts(one.upstream, other.upstream) ||
    compareParts(one.revision, other.revision)
  );
}

function partsOf(version: string) {
  const [, epoch = '0', upstream = '', revision = '0'] =
    /^(?:(\d+):)?(.*?)(?:-([^-]*))?$/.exec(version) ?? [];
  return { epoch: Number(epoch), upstream, revision };
}

function compareParts(a: string, b: string): number {
  const [ones, others] = [piecesOf(a), piecesOf(b)];
  for (let i = 0; i < Math.max(ones.length, others.length); i++) {
    const [one = '', other = ''] = [ones[i], others[i]];
    const order = i % 2 === 1 ? compareNumbers(one, other) : compareTexts(one, other);
    if (order !== 0) return order;
  }
  return 0;
}

/** Returns texts and numbers in turn, beginning with a text, which may be empty. */
const piecesOf = (part: string): string[] => part.split(/(\d+)/);

const compareNumbers = (a: string, b: string): number => {
  const difference = BigInt(a || '0') - BigInt(b || '0');
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};

/** `~` is before the end of a text, then letters, then all other characters. */
function compareTexts(a: string, b: string): number {
  const weight = (text: string, i: number): number => {
    const character = text[i];
    if (character === undefined) return 0;
    if (character === '~') return -1;
    return character.charCodeAt(0) + (/[A-Za-z]/.test(character) ? 0 : 256);
  };
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = weight(a, i) - weight(b, i);
    if (order !== 0) return order;
  }
  return 0;
}
