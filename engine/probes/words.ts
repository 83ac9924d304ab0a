import { shellQuote } from '../quote.ts';

/** Returns texts as quoted arguments of a command. */
export function words(texts: readonly string[]): string {
  return texts.map(shellQuote).join(' ');
}

/** The limit for one `find`. The kernel limits arguments to 128 KiB a word and 2 MiB in all. */
const argumentBytes = 100_000;

/** Returns probes in groups whose paths fit into the arguments of one program. */
export function chunks<P extends { path: string }>(all: readonly P[]): P[][] {
  const lists: P[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of all) {
    const size = Buffer.byteLength(one.path) + 3;
    if (bytes + size > argumentBytes) {
      lists.push([]);
      bytes = 0;
    }
    lists.at(-1)!.push(one);
    bytes += size;
  }
  return lists;
}
