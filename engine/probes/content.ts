import { createHash } from 'node:crypto';
import { type Content, contentLimitBytes } from '../probe.ts';
import { hashes, records } from './output.ts';
import type { ProbeKind } from './probe-kind.ts';
import { chunks, words } from './words.ts';

/** The most bytes of all files of one reading, unless each has at most `leastBytes`. */
const wholeBytes = 16 * contentLimitBytes;
const leastBytes = 65_536;

export const content: ProbeKind<'content'> = {
  compile(probes) {
    const share = Math.floor(wholeBytes / probes.length);
    const limit = Math.min(contentLimitBytes, Math.max(leastBytes, share));
    return chunks(probes).map(some => {
      const paths = words(some.map(probe => probe.path));
      const larger = `find -L ${paths} -maxdepth 0 -type f -size +${limit}c`;
      const script = [
        `r_content ${limit} ${paths}`,
        `printf '%s larger\\n' "$r_k"`,
        `${larger} -printf '%p\\0%s\\0' 2>/dev/null`,
        `printf '%s hashes\\n' "$r_k"`,
        `${larger} -exec sha256sum -z -- {} + 2>/dev/null`,
      ];
      return { probes: some, script: script.join('; ') };
    });
  },
  decode(probes, output, nonce) {
    const contents = decodeContents(output.stdout, nonce);
    return probes.map(probe => [probe, { value: contents.get(probe.path) ?? null }]);
  },
  key: probe => probe.path,
};

/**
 * `LIMIT\n`, `PATH NUL BYTES \nNONCE end\n` for each file, then `NONCE larger\n`, `PATH NUL SIZE NUL` for
 * each larger file, `NONCE hashes\n` and `HASH  PATH NUL` for each of those.
 */
function decodeContents(bytes: Buffer, nonce: string): Map<string, Content> {
  const contents = new Map<string, Content>();
  const end = Buffer.from(`\n${nonce} end\n`);
  let start = bytes.indexOf('\n') + 1;
  const limit = Number.parseInt(bytes.subarray(0, start).toString(), 10);
  for (;;) {
    const nul = bytes.indexOf(0, start);
    const stop = nul < 0 ? -1 : bytes.indexOf(end, nul);
    if (stop < 0) break;
    const content = bytes.subarray(nul + 1, stop);
    if (content.length <= limit) {
      const sha256 = createHash('sha256').update(content).digest('hex');
      contents.set(bytes.subarray(start, nul).toString(), { sha256, bytes: content });
    }
    start = stop + end.length;
  }
  const mark = `${nonce} hashes\n`;
  const middle = bytes.indexOf(mark, start);
  const sizes = new Map(
    records(bytes.subarray(start + mark.length, middle), 2).map(([path, size]) => [path!, Number(size)]),
  );
  for (const [path, sha256] of hashes(bytes.subarray(middle + mark.length)))
    contents.set(path, { sha256, sizeBytes: sizes.get(path)! });
  return contents;
}
