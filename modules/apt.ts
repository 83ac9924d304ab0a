import { duration, flag, listOf, oneOf } from '../engine/argument.ts';
import { defineModule, type Given } from '../engine/define-module.ts';
import { durationPattern, durationS } from '../engine/duration.ts';
import type { Effect } from '../engine/effect.ts';
import type { Context, StateValue } from '../engine/module.ts';
import {
  type Candidate,
  type CommandResult,
  candidate,
  command,
  installedPackage,
  type PackageState,
  type Probe,
  path,
} from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import {
  aptGet,
  aptMark,
  install,
  installationFile,
  installTimeoutS,
  listsAge,
  packageClaims,
  prepare,
  refresh,
} from './_apt.ts';
import {
  essential,
  matchesVersion,
  outlook,
  packagesEffect,
  provided,
  readWanted,
  refusal,
  simulate,
  simulateInstallation,
  simulateRemoval,
  simulateUpgrade,
  upgradeWords,
  type Wanted,
} from './_apt-outlook.ts';

const args = {
  packages: listOf(
    {
      type: 'string',
      pattern: '^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+\\*?)?$',
      description: 'A name, or a name and a version; a `*` at its end stands for the rest of the version.',
    },
    'Names such as `nginx`, or with a version such as `nginx=1.22.*`.',
    { uniqueItems: true },
  ),
  state: oneOf(
    ['present', 'absent', 'latest'],
    'Whether the packages are installed or removed; `latest` also upgrades them to the newest version that the package lists know.',
    { default: 'present' },
  ),
  update_cache: {
    type: ['boolean', 'string'],
    pattern: durationPattern,
    description:
      'How old the package lists may be before something is installed, e.g. `1h`; true = refresh them each time. Lists that are missing, or older than the sources, are always refreshed.',
  },
  upgrade: oneOf(
    ['none', 'safe', 'full'],
    'Upgrades all packages of the host: `safe` removes none, `full` removes what stands in the way.',
    { default: 'none' },
  ),
  recommends: flag('Whether recommended packages are installed too.', { default: true }),
  purge: flag('Whether removing takes the configuration files away too.', { default: false }),
  autoremove: flag('Whether packages that were installed for others and are no longer needed are removed.', {
    default: false,
  }),
  hold: flag(
    'Whether the packages are held back from upgrades; false also lets packages go that are to be removed.',
  ),
  allow_downgrade: flag('Whether an older version may replace a newer one.', { default: false }),
  lock_timeout: duration(
    'How long to wait while another program, such as unattended-upgrades, holds the package lock.',
    { default: '5m' },
  ),
} as const;
type Arguments = Given<typeof args, 'packages'>;
type Read = Readonly<Record<string, unknown>>;

/** Debian packages. The lists are refreshed only on the way to a change, so that alone is never one. */
export const apt = defineModule({
  name: 'apt',
  summary: 'Debian packages, installed, upgraded or removed by apt.',
  args,
  required: ['packages'],
  examples: [
    { title: 'Installed, from lists of today', args: { packages: ['nginx', 'curl'], update_cache: '1h' } },
    { title: 'One version, held', args: { packages: ['nginx=1.22.*'], hold: true } },
    {
      title: 'Removed with its configuration',
      args: { packages: ['apache2'], state: 'absent', purge: true, autoremove: true },
    },
    { title: 'Everything upgraded', args: { packages: [], upgrade: 'safe', update_cache: '6h' } },
  ],
  identity: args => (args.packages.length > 0 ? args.packages.join(', ') : `upgrade ${args.upgrade}`),
  refine: args => [
    ...(args.packages.length === 0 && args.upgrade === 'none' && !args.autoremove
      ? [{ at: 'packages', says: 'Name at least one package, or an upgrade.' }]
      : []),
    ...(args.state !== 'present' && args.packages.some(one => one.includes('='))
      ? [{ at: 'state', says: `state: ${args.state} takes names without a version.` }]
      : []),
    ...(isRemoval(args) && args.hold === true
      ? [{ at: 'hold', says: 'A package with `state: absent` cannot be held.' }]
      : []),
  ],
  probes: args => {
    const names = namesOf(args);
    const simulation = (script: string, about: string[]) => command(script, { timeoutS: 120, about });
    const only = args.recommends ? [] : ['--no-install-recommends'];
    const probes: Record<string, Probe> = {
      lists: command(listsAge, { about: ['package-lists', '/etc/apt'] }),
      cutOff: path(installationFile),
    };
    for (const name of names) probes[name] = installedPackage(name);
    if (args.state === 'latest') for (const name of names) probes[`candidate ${name}`] = candidate(name);
    if (isRemoval(args)) {
      const words = [args.purge ? 'purge' : 'remove', ...(args.autoremove ? ['--auto-remove'] : [])];
      probes['removal'] = simulation(simulateRemoval(words, names), []);
    } else if (names.length > 0) {
      probes['provided'] = command(provided(names), { about: [] });
      probes['installation'] = simulation(simulateInstallation(['install', ...only], args.packages), []);
    }
    if (args.upgrade !== 'none') probes['upgrade'] = simulation(simulateUpgrade(args.upgrade), ['packages']);
    if (args.autoremove) probes['unneeded'] = simulation(simulate(['autoremove']), ['packages']);
    return probes;
  },
  actual: (read, args, context) =>
    Object.fromEntries(compare(read, args, context).map(([key, actual]) => [key, actual])),
  desired: (args, read) =>
    Object.fromEntries(compare(read ?? {}, args).map(([key, , desired]) => [key, desired])),
  obstacles: (args, read) => {
    const changing = lacking(read, args);
    const names = changing.map(({ name }) => name);
    const simulation = printed(read[isRemoval(args) ? 'removal' : 'installation']);
    const refreshes = staleness(read, maxAgeS(args)) !== undefined;
    return [
      ...(args.hold === undefined ? names.filter(isHeld(read)) : []).map(name => ({
        says: `${name} is held at ${found(read, name)?.version}.`,
        fix: isRemoval(args)
          ? 'Say hold: false to remove it all the same.'
          : 'Say hold: true to replace it and hold it again, or hold: false to let it go.',
      })),
      ...(args.hold ? namesOf(args).filter(name => isProvided(read, name)) : []).map(name => ({
        says: `${name} is a virtual package, which cannot be held.`,
      })),
      ...(names.length > 0 ? essential(simulation) : []).map(name => ({
        says: `${name} is essential to the host, and would be removed.`,
      })),
      ...(isRemoval(args) || refreshes ? [] : changing).flatMap(
        one => refusal(simulation, one, args.allow_downgrade) ?? [],
      ),
    ];
  },
  steps: (diff, args, read) => {
    const lockTimeoutS = durationS(args.lock_timeout);
    const get = (touches: Effect, ...words: string[]) => aptGet(lockTimeoutS, touches, ...words);
    const { purge: purges } = args;
    const steps: Step[] = [prepare(lockTimeoutS)];
    const fetching =
      (!isRemoval(args) && diff.has('installed')) || diff.has('upgraded') || diff.has('package lists');
    const fresh = staleness(read, maxAgeS(args)) === undefined;
    if (fetching && !fresh) steps.push(refresh);
    const all = args.state === 'latest' && (diff.has('installed') || diff.has('package lists'));
    const chosen = all ? wanted(args) : lacking(read, args);
    const names = chosen.map(({ name }) => name);
    const held = namesOf(args).filter(isHeld(read));
    const raised = args.hold !== undefined && names.some(isHeld(read));
    if (isRemoval(args) && diff.has('held')) steps.push(aptMark('unhold', held));
    if (chosen.length > 0 && isRemoval(args)) {
      const change = packagesEffect(printed(read['removal']), { goes: names, purges });
      steps.push(get(change, purges ? 'purge' : 'remove', ...names));
    } else if (chosen.length > 0) {
      const simulation = printed(read['installation']);
      // What is only to be upgraded is not simulated.
      const whole = fresh && simulation !== '' && !(all && names.some(name => isInstalled(read, name)));
      const options = [
        ...(args.recommends ? [] : ['--no-install-recommends']),
        // What the plan has not shown is not removed, even if the new lists would have it so.
        ...(diff.has('also removed') ? [] : ['--no-remove']),
        ...(args.allow_downgrade ? ['--allow-downgrades'] : []),
        ...(raised ? ['--allow-change-held-packages'] : []),
      ];
      const change = packagesEffect(simulation, { comes: chosen, whole });
      steps.push(...install(lockTimeoutS, change, ...options, ...chosen.map(({ written }) => written)));
    }
    if (diff.has('upgraded') || (args.upgrade !== 'none' && diff.has('package lists'))) {
      const change = packagesEffect(printed(read['upgrade']), { whole: fresh });
      steps.push(get(change, ...upgradeWords(args.upgrade)));
    }
    if (args.autoremove) {
      const change = packagesEffect(printed(read['unneeded']), { purges });
      steps.push(get(change, 'autoremove', ...(purges ? ['--purge'] : [])));
    }
    // A package that is replaced in spite of its hold has lost it.
    if (args.hold && (raised || diff.has('held'))) steps.push(aptMark('hold', namesOf(args)));
    else if (!isRemoval(args) && diff.has('held')) steps.push(aptMark('unhold', held));
    return steps;
  },
  claims: args => Object.assign({}, ...wanted(args).map(one => packageClaims(one, args))),
  timeoutS: args => installTimeoutS + durationS(args.lock_timeout),
});

const wanted = ({ packages }: Pick<Arguments, 'packages'>): Wanted[] => packages.map(readWanted);
const namesOf = (args: Arguments): string[] => wanted(args).map(({ name }) => name);
const isRemoval = ({ state }: Pick<Arguments, 'state'>): boolean => state === 'absent';
const printed = (result: unknown): string => (result as CommandResult | undefined)?.stdout ?? '';

const found = (read: Read, name: string) => (read[name] ?? null) as PackageState | null;
const isHeld = (read: Read) => (name: string) => found(read, name)?.held === true;
const isInstalled = (read: Read, name: string): boolean => found(read, name)?.status === 'installed';
/** Whether another package that is installed stands for it. */
const isProvided = (read: Read, name: string): boolean =>
  !isInstalled(read, name) && printed(read['provided']).split('\n').includes(name);

/** What each package is shown as now and when it is as declared; undefined = not there. */
function comparison(read: Read, args: Arguments): (Wanted & { actual?: string; desired?: string })[] {
  return wanted(args).map(one => {
    const { name, written, version } = one;
    const state = found(read, name);
    if (isRemoval(args)) {
      if (state === null || (state.status === 'config-files' && !args.purge)) return one;
      return { ...one, actual: state.status === 'config-files' ? `${name} (its configuration)` : name };
    }
    if (version === undefined && isProvided(read, name)) return { ...one, actual: written, desired: written };
    if (state?.status !== 'installed') return { ...one, desired: written };
    // The version of what is only planned is not always known.
    if (state.version === '') return { ...one, actual: written, desired: written };
    const newest = (read[`candidate ${name}`] as Candidate | null | undefined)?.candidate ?? state.version;
    if (newest !== state.version)
      return { ...one, actual: `${name} ${state.version}`, desired: `${name} ${newest}` };
    const same = version === undefined || matchesVersion(state.version, version);
    return { ...one, actual: same ? written : `${name}=${state.version}`, desired: written };
  });
}

const lacking = (read: Read, args: Arguments) =>
  comparison(read, args).filter(({ actual, desired }) => actual !== desired);

/** What is compared: each key with what is there and what is declared. */
function compare(read: Read, args: Arguments, context: Partial<Context> = {}) {
  const { nowS = 0, plannedS = nowS, verifying } = context;
  const packages = comparison(read, args);
  const names = packages.map(({ name }) => name);
  const removed = (key: string) => outlook(printed(read[key])).removed.filter(name => !names.includes(name));
  const changing = lacking(read, args).length > 0 ? ['removal', 'installation'] : [];
  const removals = [...new Set([...changing, 'upgrade'].flatMap(removed))].toSorted();
  const unneeded = removed('unneeded').filter(name => !removals.includes(name));
  const { upgrades } = outlook(printed(read['upgrade']));
  const before = upgrades.flatMap(([name, version]) => (version === undefined ? [] : `${name} ${version}`));
  const after = upgrades.map(([name, , version]) => `${name} ${version}`);
  const lists = staleness(read, (args.update_cache === true ? justNowS : maxAgeS(args)) + nowS - plannedS);
  const rows: [key: string, actual: StateValue, desired: StateValue, compared?: boolean][] = [
    [
      'installed',
      packages.flatMap(({ actual }) => actual ?? []),
      packages.flatMap(({ desired }) => desired ?? []),
    ],
    ['held', names.filter(isHeld(read)), args.hold ? names : [], args.hold !== undefined],
    ['package lists', (verifying ? undefined : lists) ?? 'fresh', 'fresh', needsLists(args)],
    ['upgraded', before, after, upgrades.length > 0],
    ['also removed', removals, [], removals.length > 0],
    ['no longer needed', unneeded, [], unneeded.length > 0],
    ['installation', 'cut off', 'complete', Boolean(read['cutOff'])],
  ];
  return rows.filter(([, , , compared = true]) => compared);
}

/** Lists fetched a moment ago are fresh even where they are to be refreshed each time. */
const justNowS = 600;

/** Whether the difference cannot be told without fresh lists. */
const needsLists = ({ state, upgrade }: Arguments): boolean => state === 'latest' || upgrade !== 'none';

function maxAgeS({ update_cache }: Arguments): number {
  if (typeof update_cache === 'string') return durationS(update_cache);
  return update_cache ? 0 : Number.POSITIVE_INFINITY;
}

/** Why the package lists have to be refreshed; undefined = they need not be. */
function staleness(read: Read, maxAgeS: number): string | undefined {
  const age = printed(read['lists']).trim();
  if (age === 'changed') return 'older than the sources';
  if (!/^-?\d+$/.test(age)) return 'none';
  return Number(age) > maxAgeS ? 'outdated' : undefined;
}
