import type { Context, Notes, State, StateValue } from '../engine/module.ts';
import { anyOf, duration, flag, listOf, oneOf, text } from '../engine/module-kit/argument.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import type * as probe from '../engine/probe.ts';
import { compact } from '../engine/util/defined.ts';
import { durationPattern, durationS } from '../engine/util/duration.ts';
import * as run from './_apt.ts';
import * as its from './_apt-deb.ts';
import { versionsIn } from './_apt-release.ts';
import * as aptSimulation from './_apt-simulation.ts';
import { compareVersions } from './_deb-file.ts';

export const args = {
  packages: listOf(
    text('A name, or a name and a version; a final `*` stands for the rest of the version.', {
      pattern: '^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+\\*?)?$',
    }),
    'Names such as `nginx`, with a version such as `nginx=1.22.*`, or with an architecture such as `jq:arm64`, where `jq:native` is `jq`.',
    { uniqueItems: true, default: [] },
  ),
  state: oneOf(
    ['present', 'absent', 'latest'],
    'Whether the packages are installed or removed; `latest` also upgrades them to the newest version in the package lists.',
    { default: 'present' },
  ),
  release: text(
    'Release that the packages come from, such as `bookworm-backports`; an installed version that is older than the one there is upgraded.',
    { pattern: '^[A-Za-z0-9][A-Za-z0-9.+-]*$' },
  ),
  deb: anyOf(
    [
      text('A .deb beside the playbook.', { minLength: 1 }),
      {
        type: 'object',
        properties: {
          url: text('Address from which the host fetches it.', { pattern: '^https?://\\S+$' }),
          sha256: text('Its SHA-256.', { pattern: '^[0-9a-f]{64}$' }),
          name: text('Name of its package.', { pattern: '^[a-z0-9][a-z0-9+.-]+$' }),
          version: text('Version of its package.', { pattern: '^[0-9][A-Za-z0-9.+:~-]*$' }),
        },
        required: ['url', 'sha256', 'name', 'version'],
        additionalProperties: false,
      },
    ],
    'A package as a file, which apt installs with its dependencies: a .deb beside the playbook, or one that the host fetches, with `url`, `sha256`, `name` and `version`.',
  ),
  update_cache: {
    type: ['boolean', 'string'],
    pattern: durationPattern,
    description:
      'Maximum age of the package lists at an installation, e.g. `1h`; true = refresh them each time. Lists that are missing, or older than the sources, are always refreshed.',
  },
  upgrade: oneOf(
    ['none', 'safe', 'full'],
    'Upgrade of all packages of the host: `safe` removes none, `full` removes packages that block an upgrade.',
    { default: 'none' },
  ),
  recommends: flag('Whether recommended packages are installed too.', { default: true }),
  purge: flag('Whether a removal deletes the configuration files too.', { default: false }),
  autoremove: flag('Whether packages that were installed for others and are no longer needed are removed.', {
    default: false,
  }),
  hold: flag(
    'Whether the packages are held back from upgrades; false also allows the removal of held packages.',
  ),
  allow_downgrade: flag('Whether an older version may replace a newer one.', { default: false }),
  lock_timeout: duration(
    'Maximum wait while another program, such as unattended-upgrades, holds the package lock.',
    { default: '5m' },
  ),
} as const;
export type Arguments = Given<typeof args, never>;
export type Read = Readonly<Record<string, unknown>>;

export function wanted(args: Arguments): aptSimulation.Wanted[] {
  const deb = its.debOf(args);
  if (deb === undefined) return args.packages.map(aptSimulation.readWanted);
  // The name of a file that cannot be read stands for its package.
  return [typeof deb === 'string' ? { written: String(args.deb), name: '', version: undefined } : deb];
}
export const named = (args: Arguments): aptSimulation.Wanted[] =>
  wanted(args).filter(({ name }) => name !== '');
/** Returns the packages by the names that other resources would give them. */
export const claimed = (args: Arguments): aptSimulation.Wanted[] =>
  named(args).map(one => (args.deb === undefined ? one : { ...one, name: one.written }));
export const namesOf = (args: Arguments): string[] => named(args).map(({ name }) => name);
export const isRemoval = ({ state }: Arguments): boolean => state === 'absent';
export const printed = (result: unknown): string => (result as probe.CommandResult | undefined)?.stdout ?? '';

/** Returns the notes of installations that were cut off: those of the declared packages, and the others. */
export const notesOf = (args: Arguments, read: Read) =>
  run.notesOf(
    isRemoval(args) ? [] : namesOf(args),
    String((read['notes'] as probe.Content | null)?.bytes ?? ''),
  );

export const found = (read: Read, name: string) => (read[name] ?? null) as probe.PackageState | null;
export const isHeld = (read: Read) => (name: string) => found(read, name)?.held === true;
export const isInstalled = (read: Read) => (name: string) => found(read, name)?.status === 'installed';
/** Whether another, installed package provides it. */
export const isProvided = (read: Read) => (name: string) =>
  !isInstalled(read)(name) && printed(read['provided']).split('\n').includes(name);

/** Returns the declared packages that apt would remove once no other package needs them. */
export const dependenciesOf = (read: Read, args: Arguments): string[] =>
  isRemoval(args)
    ? []
    : namesOf(args).filter(name => isInstalled(read)(name) && found(read, name)?.automatic);

/** Returns the text for a package as installed and as declared; undefined = not installed. */
function shown(one: aptSimulation.Wanted, read: Read, args: Arguments) {
  const { name, written, version } = one;
  const state = found(read, name);
  if (isRemoval(args)) {
    if (state?.status !== 'config-files') return { actual: state === null ? undefined : name };
    return { actual: args.purge ? `${name} (its configuration)` : undefined };
  }
  if (args.deb !== undefined) return shownDeb(one, state);
  if (version === undefined && isProvided(read)(name)) return { actual: written, desired: written };
  if (state?.status !== 'installed') return { desired: written };
  // The version of a package that an earlier resource installs is not always known.
  if (state.version === '') return { actual: written, desired: written };
  if (args.release !== undefined && version === undefined)
    return shownIn(args.release, one, state, read, args);
  const newest =
    (read[`candidate ${name}`] as probe.Candidate | null | undefined)?.candidate ?? state.version;
  if (newest !== state.version) return { actual: `${name} ${state.version}`, desired: `${name} ${newest}` };
  const same = version === undefined || aptSimulation.matchesVersion(state.version, version);
  return { actual: same ? written : `${name}=${state.version}`, desired: written };
}

function shownDeb({ written, version }: aptSimulation.Wanted, state: probe.PackageState | null) {
  const desired = compact([written, version]).join(' ');
  if (state?.status !== 'installed') return { desired };
  return { actual: state.version === '' ? desired : `${written} ${state.version}`, desired };
}

/** Returns an installed package of a release. It is as declared from the version of the release on. */
function shownIn(
  release: string,
  { name, written }: aptSimulation.Wanted,
  { version }: probe.PackageState,
  read: Read,
  args: Arguments,
) {
  const versions = versionsIn(release, printed(read['release']));
  // Lists that are refreshed first may have it.
  if (versions === null && staleness(read, args) !== undefined) return { actual: written, desired: written };
  const newest = versions?.of(name);
  if (newest === undefined) return { actual: `${name} ${version}`, desired: `${name} from ${release}` };
  if (compareVersions(version, newest) >= 0) return { actual: written, desired: written };
  return { actual: `${name} ${version}`, desired: `${name} ${newest}` };
}

const comparison = (read: Read, args: Arguments) =>
  wanted(args).map(one => ({ ...one, ...shown(one, read, args) }));
export const lacking = (read: Read, args: Arguments) =>
  comparison(read, args).filter(({ actual, desired }) => actual !== desired);

/** Returns each key of the state as a pair: the actual value and the declared one. */
function compare(read: Read, args: Arguments, context: Partial<Context> = {}): Record<string, Pair | false> {
  const { nowS = 0, plannedS = nowS, verifying } = context;
  const { hold, state, upgrade, release } = args;
  const packages = comparison(read, args);
  const names = namesOf(args);
  const removed = (key: string) =>
    aptSimulation.parseSimulation(printed(read[key])).removed.filter(name => !names.includes(name));
  const dependencies = dependenciesOf(read, args);
  const changing = lacking(read, args).length > 0 ? ['removal', 'installation'] : [];
  const removals = [...new Set([...changing, 'upgrade'].flatMap(removed))].toSorted();
  const unneeded = removed('unneeded').filter(name => !removals.includes(name));
  const { upgrades } = aptSimulation.parseSimulation(printed(read['upgrade']));
  const before = upgrades.flatMap(({ name, before }) => (before === undefined ? [] : `${name} ${before}`));
  const lists = verifying ? undefined : staleness(read, args, justNowS, nowS - plannedS);
  // The difference is known only with fresh lists.
  const needsLists =
    state === 'latest' ||
    upgrade !== 'none' ||
    (release !== undefined && versionsIn(release, printed(read['release'])) === null);
  return {
    installed: [
      compact(packages.map(({ actual }) => actual)),
      compact(packages.map(({ desired }) => desired)),
    ],
    held: hold !== undefined && [names.filter(isHeld(read)), hold ? names : []],
    'package lists': needsLists && [lists ?? 'fresh', 'fresh'],
    upgraded: upgrades.length > 0 && [before, upgrades.map(({ name, after }) => `${name} ${after}`)],
    'also removed': removals.length > 0 && [removals, []],
    'no longer needed': unneeded.length > 0 && [unneeded, []],
    'marked as dependency': dependencies.length > 0 && [dependencies, []],
    installation: notesOf(args, read).notes.length > 0 && ['cut off', 'complete'],
  };
}
type Pair = [actual: StateValue, desired: StateValue];

const stateOf = (which: 0 | 1, pairs: Record<string, Pair | false>): State =>
  Object.fromEntries(Object.entries(pairs).flatMap(([key, pair]) => (pair ? [[key, pair[which]]] : [])));

export const actual = (read: Read, args: Arguments, context: Context): State =>
  stateOf(0, compare(read, args, context));
export const desired = (args: Arguments, read: Read = {}): State => stateOf(1, compare(read, args));

/**
 * Returns the version of each package that comes, and behind the last one the number of the others that come or are
 * upgraded with them. Lists that are refreshed first may have other versions.
 */
export function notes(args: Arguments, read: Read): Notes {
  const packages = lacking(read, args).flatMap(({ name, desired = '' }) =>
    desired === '' ? [] : { name, desired },
  );
  if (isRemoval(args) || staleness(read, args) !== undefined) return {};
  const { upgrades } = aptSimulation.parseSimulation(printed(read['needsApt']));
  const others = upgrades.filter(one => !packages.some(({ name }) => aptSimulation.isOf(one, name))).length;
  const installed = packages.map(({ name, desired }, i) => {
    const own = upgrades.find(one => aptSimulation.isOf(one, name));
    const isLast = i === packages.length - 1;
    return [
      desired,
      compact([!desired.includes(' ') && own?.after, isLast && others > 0 && `(+${others})`]).join(' '),
    ] as const;
  });
  return { installed: Object.fromEntries(installed.filter(([, note]) => note !== '')) };
}

/** Lists this young count as fresh even with `update_cache: true`. */
const justNowS = 600;

/** Returns why the package lists need a refresh, or undefined if they need none. */
export function staleness(
  read: Read,
  { update_cache }: Arguments,
  eachTimeS = 0,
  sinceS = 0,
): string | undefined {
  const age = printed(read['lists']).trim();
  if (age === 'changed') return 'older than the sources';
  if (!/^-?\d+$/.test(age)) return 'none';
  const maxAgeS = typeof update_cache === 'string' ? durationS(update_cache) : eachTimeS;
  return update_cache && Number(age) > maxAgeS + sinceS ? 'outdated' : undefined;
}
