import type { GroupState, UserState } from '../probe.ts';
import { scriptBeside, withVariables } from '../util/text-beside.ts';
import { lines } from './output.ts';
import type { Output, ProbeKind } from './probe-kind.ts';

const script = scriptBeside(import.meta.url, './local-accounts.sh');

export const user: ProbeKind<'user'> = {
  compile: probes => [{ probes, script: scriptFor(probes.map(({ name }) => name)) }],
  decode(probes, output) {
    const found = parsed(output);
    return probes.map(probe => [probe, { value: userIn(found, probe.name) }]);
  },
  key: ({ name }) => name,
};

export const group: ProbeKind<'group'> = {
  compile: probes => [{ probes, script: scriptFor([]) }],
  decode(probes, output) {
    const found = parsed(output);
    return probes.map(probe => [probe, { value: groupIn(found, probe.name) }]);
  },
  key: ({ name }) => name,
};

const scriptFor = (names: readonly string[]) => withVariables(script, { r_names: names.join(' ') });

type Found = readonly { kind: string; fields: readonly string[] }[];

function parsed(output: Output): Found {
  return lines(output).map(line => {
    const end = line.indexOf(' ');
    return { kind: line.slice(0, end), fields: line.slice(end + 1).split(':') };
  });
}

const of = (found: Found, wanted: string) =>
  found.flatMap(({ kind, fields }) => (kind === wanted ? [fields] : []));
const split = (list = '') => list.split(',').filter(Boolean).toSorted();

function userIn(found: Found, name: string): UserState | null {
  const line = of(found, 'user').find(([own]) => own === name);
  if (line === undefined) return null;
  const [, , uid, gid = '', comment = '', home = '', shell = ''] = line;
  const groups = of(found, 'group');
  const shadow = of(found, 'shadow').find(([own]) => own === name);
  const [, password, day] = shadow ?? [];
  return {
    uid: Number(uid),
    group: groups.find(([, id]) => id === gid)?.[0] ?? gid,
    groups: groups
      .filter(([, , members]) => split(members).includes(name))
      .map(([own = '']) => own)
      .toSorted(),
    comment,
    home,
    shell,
    locked: password?.startsWith('!') === true,
    password: password === undefined ? 'unknown' : password.endsWith('x') ? 'set' : 'none',
    expires: day === undefined ? 'unknown' : day === '' ? 'never' : dateOf(Number(day)),
  };
}

function groupIn(found: Found, name: string): GroupState | null {
  const [, gid, members] = of(found, 'group').find(([own]) => own === name) ?? [];
  if (gid === undefined) return null;
  const primaryOf = of(found, 'primary').flatMap(([own = '', id]) => (id === gid ? [own] : []));
  return { gid: Number(gid), members: split(members), primaryOf: primaryOf.toSorted() };
}

/** Returns the date of a day, counted from 1970-01-01 as in shadow(5). */
const dateOf = (day: number) => new Date(day * 86_400_000).toISOString().slice(0, 10);
