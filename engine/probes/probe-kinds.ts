import type { Probe } from '../probe.ts';
import { grouped } from '../util/grouped.ts';
import { account } from './account.ts';
import { candidate } from './candidate.ts';
import { command } from './command.ts';
import { content } from './content.ts';
import { entries } from './entries.ts';
import { flags } from './flags.ts';
import { group, user } from './local-accounts.ts';
import { owed } from './owed.ts';
import { installedPackage } from './package.ts';
import { path } from './path.ts';
import type { Output, Part, ProbeKind, Reading } from './probe-kind.ts';
import { program } from './program.ts';
import { sql } from './sql.ts';
import { unit } from './unit.ts';

/** All kinds of probes, in the order of their parts in a script. */
const kinds: { readonly [K in Probe['kind']]: ProbeKind<K> } = {
  path,
  content,
  entries,
  flags,
  package: installedPackage,
  candidate,
  unit,
  account,
  user,
  group,
  sql,
  owed,
  program,
  command,
};

/** A part of the reading script with one or more probes of one kind. */
export type Section = Part<Probe>;

/** Returns the kind of a probe, for probes of that kind alone. */
const kindOf = ({ kind }: Probe) => kinds[kind] as unknown as ProbeKind<never>;

/** Returns the sections for distinct probes, grouped by kind. */
export function compile(probes: readonly Probe[], nonce: string): Section[] {
  const byKind = grouped(probes, ({ kind }) => kind);
  return Object.keys(kinds).flatMap(kind => {
    const all = byKind.get(kind as Probe['kind']) ?? [];
    return all.length === 0 ? [] : kindOf(all[0]!).compile(all as never, nonce);
  });
}

/** Returns the readings of one section, from its output. */
export function decode({ probes }: Section, output: Output, nonce: string): [Probe, Reading][] {
  return kindOf(probes[0]!).decode(probes as never, output, nonce);
}

/** Returns a key that is equal for probes with the same reading, and different for all others. */
export function keyOf(probe: Probe): string {
  return `${probe.kind} ${kindOf(probe).key(probe as never)}`;
}
