import { createHash } from 'node:crypto';
import {
  type CommandResult,
  type Content,
  contentLimitBytes,
  type Entry,
  Missing,
  type Owed,
  type PathState,
  type Probe,
  type UnitState,
} from '../probe.ts';
import type { Problem } from '../problem.ts';
import type { Section } from './compile.ts';
import type { Output } from './read.ts';

/** A probe's result as decoded (see probe.ts for each kind), or why there is none. */
export type Reading = { value: unknown } | { missing: Missing } | { problem: Problem };

/** Output of a `command` probe beyond this is dropped. */
const outputLimitBytes = 65_536;

/** The readings of one section, from what it printed. */
export function decode(section: Section, output: Output, nonce: string): [Probe, Reading][] {
  switch (section.kind) {
    case 'path': {
      const states = new Map(records(output.stdout, 8).map(([name, ...fields]) => [name, pathState(fields)]));
      return section.probes.map(probe => [probe, { value: states.get(probe.path) ?? null }]);
    }
    case 'content': {
      const contents = decodeContents(output.stdout, nonce);
      return section.probes.map(probe => [probe, { value: contents.get(probe.path) ?? null }]);
    }
    case 'entries':
      return section.probes.map(probe => [probe, { value: decodeEntries(output.stdout, probe.path, nonce) }]);
    case 'package': {
      const packages = new Map(lines(output).map(line => [line.split('\t')[0], line.split('\t')]));
      return section.probes.map(probe => {
        const [, status, want, version] = packages.get(probe.name.replace(/:.*/, '')) ?? [];
        const value = status === undefined ? null : { status, version: version ?? '', held: want === 'hold' };
        return [probe, { value: value?.status === 'not-installed' ? null : value }];
      });
    }
    case 'candidate': {
      const candidates = decodeCandidates(output.stdout.toString());
      return section.probes.map(probe => [probe, { value: candidates.get(probe.name) ?? null }]);
    }
    case 'unit': {
      if (output.exit === 127)
        return section.probes.map(probe => [probe, { missing: new Missing('systemd', ['package:systemd']) }]);
      const blocks = output.stdout
        .toString()
        .trim()
        .split(/\n\n+/)
        .map(block => Object.fromEntries(block.split('\n').map(property)) as UnitState);
      const parts = blocks.slice(section.probes.length);
      return section.probes.map((probe, i) => [
        probe,
        output.exit === 0
          ? { value: { ...blocks[i], DownParts: downParts(blocks[i] ?? {}, parts) } }
          : failed(`systemctl show ${probe.name}`, output),
      ]);
    }
    case 'account': {
      const accounts = new Map(lines(output).map(line => [line.split(':')[0], line.split(':')]));
      return section.probes.map(probe => [probe, { value: accounts.get(probe.name) ?? null }]);
    }
    case 'sql':
      return decodeSql(section.probes, output, nonce);
    case 'owed':
      return section.probes.map(probe => [
        probe,
        { value: decodeOwed(lines(output), encodeURIComponent(probe.unit)) },
      ]);
    case 'program': {
      const programs = new Map(lines(output).map(line => line.split('\t') as [string, string]));
      return section.probes.map(probe => [probe, { value: programs.get(probe.name) || null }]);
    }
    case 'command': {
      const value: CommandResult = {
        exit: output.exit,
        stdout: cut(output.stdout.toString()),
        stderr: cut(output.stderr),
      };
      return section.probes.map(probe => [probe, { value }]);
    }
  }
}

/** `…` in the place of what is too much, so that masking knows that a secret may be cut off there. */
function cut(text: string): string {
  return text.length > outputLimitBytes ? `${text.slice(0, outputLimitBytes)}…` : text;
}

function lines(output: Output): string[] {
  return output.stdout
    .toString()
    .split('\n')
    .filter(line => line !== '');
}

function failed(command: string, output: Output): Reading {
  return {
    problem: {
      code: 'read-failed',
      message: `${command} exited ${output.exit}.`,
      cause: output.stderr.trim() || output.stdout.toString().trim(),
    },
  };
}

function property(line: string): [string, string] {
  return [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)];
}

/**
 * A unit that is active without a process of its own, such as Debian's postgresql.service, runs as far as the units run
 * that it wants and that stop with it. Those that do not, separated by blanks.
 */
function downParts({ SubState, Wants = '', ConsistsOf = '' }: UnitState, all: readonly UnitState[]): string {
  if (SubState !== 'exited') return '';
  const wanted = new Set(Wants.split(' '));
  const own = new Set(ConsistsOf.split(' ').filter(name => wanted.has(name)));
  return all
    .filter(({ Id = '', Type }) => own.has(Id) && Type !== 'oneshot')
    .filter(({ ActiveState = '' }) => ['inactive', 'failed'].includes(ActiveState))
    .map(({ Id }) => Id)
    .join(' ');
}

/** NUL-separated fields in groups of `width`. */
function records(bytes: Buffer, width: number): string[][] {
  const fields = bytes.toString().split('\0');
  const groups: string[][] = [];
  for (let i = 0; i + width <= fields.length; i += width) groups.push(fields.slice(i, i + width));
  return groups;
}

const types: Readonly<Record<string, PathState['type']>> = { f: 'file', d: 'directory', l: 'link' };

function pathState([type, owner, group, mode, size, modified, target]: string[]): PathState {
  return {
    type: types[type ?? ''] ?? 'other',
    owner: owner ?? '',
    group: group ?? '',
    mode: (mode ?? '').padStart(4, '0'),
    sizeBytes: Number(size),
    modifiedS: Number(modified),
    ...(type === 'l' ? { target: target ?? '' } : {}),
  };
}

/** `PATH NUL BYTES \nNONCE end\n` for each file, then `NONCE hashes\n` and `HASH  PATH NUL` for those too large. */
function decodeContents(bytes: Buffer, nonce: string): Map<string, Content> {
  const contents = new Map<string, Content>();
  const end = Buffer.from(`\n${nonce} end\n`);
  let start = 0;
  for (;;) {
    const nul = bytes.indexOf(0, start);
    const stop = nul < 0 ? -1 : bytes.indexOf(end, nul);
    if (stop < 0) break;
    const content = bytes.subarray(nul + 1, stop);
    if (content.length <= contentLimitBytes) {
      const sha256 = createHash('sha256').update(content).digest('hex');
      contents.set(bytes.subarray(start, nul).toString(), { sha256, bytes: content });
    }
    start = stop + end.length;
  }
  for (const [path, sha256] of hashes(bytes.subarray(start + `${nonce} hashes\n`.length)))
    contents.set(path, { sha256 });
  return contents;
}

/** What `sha256sum -z` prints. */
function hashes(bytes: Buffer): [path: string, sha256: string][] {
  return bytes
    .toString()
    .split('\0')
    .filter(line => line.length > 66)
    .map(line => [line.slice(66), line.slice(0, 64)]);
}

function decodeEntries(bytes: Buffer, root: string, nonce: string): Entry[] | null {
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

function decodeCandidates(policy: string): Map<string, unknown> {
  const known = (version: string | undefined) =>
    version === undefined || version === '(none)' ? null : version;
  return new Map(
    policy
      .split(/^(?=\S)/m)
      .filter(Boolean)
      .map(block => {
        const versions = [...block.matchAll(/^ (?:\*\*\*| {3}) (\S+)(?: \d+)?$/gm)].map(match => match[1]!);
        return [
          block.slice(0, block.indexOf(':')),
          {
            installed: known(/^ {2}Installed: (.+)$/m.exec(block)?.[1]),
            candidate: known(/^ {2}Candidate: (.+)$/m.exec(block)?.[1]),
            versions,
          },
        ] as const;
      }),
  );
}

function decodeSql(
  probes: readonly Extract<Probe, { kind: 'sql' }>[],
  output: Output,
  nonce: string,
): [Probe, Reading][] {
  const text = output.stdout.toString();
  const first = probes[0]!;
  const all = (reading: Reading): [Probe, Reading][] => probes.map(probe => [probe, reading]);
  // Debian's psql is a wrapper that may be there without any client behind it (pg_wrapper(1)).
  if (output.exit === 127 || /^Error: You must install at least one postgresql-client-/m.test(text))
    return all({ missing: new Missing('psql', ['package:postgresql*']) });
  if (/database ".*" does not exist/.test(text) && output.exit !== 0) {
    return all({ missing: new Missing(`database ${first.database}`, [`database:${first.database}`]) });
  }
  if (
    output.exit !== 0 &&
    /user \S+ does not exist|could not connect|connection to server .* failed/.test(text + output.stderr)
  ) {
    return all({
      missing: new Missing('a running PostgreSQL server', ['package:postgresql*', 'running:postgresql*']),
    });
  }
  let start = 0;
  return probes.map((probe, i) => {
    const mark = new RegExp(`^${nonce} q ${i} (\\S+) (\\S+) (.*)$`, 'm').exec(text.slice(start));
    if (mark === null) return [probe, failed('psql', output)];
    const answer = text.slice(start, start + mark.index);
    start += mark.index + mark[0].length + 1;
    if (mark[1] === 'true')
      return [probe, failed('psql', { ...output, exit: 3, stderr: `ERROR: ${mark[3]}` })];
    const value = rows(answer);
    return [probe, value === undefined ? failed('psql', output) : { value }];
  });
}

/** A psql that is not PostgreSQL's may print anything. */
function rows(answer: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(answer);
    const isRow = (one: unknown) => typeof one === 'object' && one !== null && !Array.isArray(one);
    return Array.isArray(value) && value.every(isRow) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A line of a note is `UNIT TAB ACTION TAB SECONDS TAB BECAUSE`. */
function decodeOwed(all: readonly string[], unit: string): Owed[] {
  return all
    .map(line => line.split('\t'))
    .filter(fields => fields[0] === unit)
    .map(([, action, since, because]) => ({
      action: action as Owed['action'],
      sinceS: Number(since),
      because: because ?? '',
    }));
}
