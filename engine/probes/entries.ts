import type { DirectoryEntry } from '../probe.ts';
import { shellQuote } from '../quote.ts';
import { hashes, pathState, records } from './output.ts';
import type { Of, ProbeKind } from './probe-kind.ts';

export const entries: ProbeKind<'entries'> = {
  compile: probes => probes.map(probe => ({ probes: [probe], script: scriptOf(probe) })),
  decode: (probes, output, nonce) =>
    probes.map(probe => [probe, { value: decodeEntries(output.stdout, probe.path, nonce) }]),
  key: ({ path, hashes, depth }) => JSON.stringify([path, hashes, depth]),
};

function scriptOf(probe: Of<'entries'>): string {
  const path = shellQuote(probe.path);
  const list = `find ${path} -mindepth 1 -maxdepth ${probe.depth} -printf '%P\\0%y\\0%u\\0%g\\0%m\\0%s\\0%T@\\0%l\\0' 2>/dev/null`;
  const hashes = `find ${path} -mindepth 1 -maxdepth ${probe.depth} -type f -exec sha256sum -z -- {} + 2>/dev/null`;
  return `if [ -d ${path} ] && [ ! -L ${path} ]; then printf 'directory\\n'; ${list}; ${
    probe.hashes ? `printf '\\n%s hashes\\n' "$r_k"; ${hashes}` : ':'
  }; fi`;
}

function decodeEntries(bytes: Buffer, root: string, nonce: string): DirectoryEntry[] | null {
  const head = Buffer.from('directory\n');
  if (!bytes.subarray(0, head.length).equals(head)) return null;
  const mark = bytes.indexOf(`\n${nonce} hashes\n`);
  const list = records(bytes.subarray(head.length, mark < 0 ? undefined : mark), 8);
  const prefix = root.endsWith('/') ? root : `${root}/`;
  const sums = new Map(
    mark < 0
      ? []
      : hashes(bytes.subarray(mark + nonce.length + 9)).map(([path, sum]) => [
          path.slice(prefix.length),
          sum,
        ]),
  );
  return list.map(([path, ...fields]) => {
    const sha256 = sums.get(path!);
    return { path: path!, ...pathState(fields), ...(sha256 === undefined ? {} : { sha256 }) };
  });
}
