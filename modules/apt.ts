import { durationPattern, durationS } from '../engine/duration.ts';
import { defineModule } from '../engine/define-module.ts';
import type { Context, State } from '../engine/module.ts';
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
  outlook,
  packageClaims,
  prepare,
  provided,
  refresh,
  simulate,
  simulateUpgrade,
  upgradeWords,
} from './_apt.ts';

/** A package as written: `nginx` or `nginx=1.22.*`. */
interface Wanted {
  written: string;
  name: string;
  version: string | undefined;
}

interface Arguments {
  packages: string[];
  state: 'present' | 'absent' | 'latest';
  update_cache?: boolean | string;
  upgrade: 'none' | 'safe' | 'full';
  purge: boolean;
  autoremove: boolean;
  hold?: boolean;
}

type Read = Readonly<Record<string, unknown>>;

/** Debian packages. The lists are refreshed only on the way to a change, so that alone is never one. */
export const apt = defineModule({
  name: 'apt',
  summary: 'Debian packages, installed, upgraded or removed by apt.',
  args: {
    type: 'object',
    additionalProperties: false,
    required: ['packages'],
    properties: {
      packages: {
        type: 'array',
        uniqueItems: true,
        items: {
          type: 'string',
          pattern: '^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+\\*?)?$',
          description:
            'A name, or a name and a version; a `*` at its end stands for the rest of the version.',
        },
        description: 'Names such as `nginx`, or with a version such as `nginx=1.22.*`.',
      },
      state: {
        enum: ['present', 'absent', 'latest'],
        default: 'present',
        description:
          'Whether the packages are installed or removed; `latest` also upgrades them to the newest version that the package lists know.',
      },
      update_cache: {
        type: ['boolean', 'string'],
        pattern: durationPattern,
        description:
          'How old the package lists may be before something is installed, e.g. `1h`; true = refresh them each time. Lists that are missing, or older than the sources, are always refreshed.',
      },
      upgrade: {
        enum: ['none', 'safe', 'full'],
        default: 'none',
        description:
          'Upgrades all packages of the host: `safe` removes none, `full` removes what stands in the way.',
      },
      recommends: {
        type: 'boolean',
        default: true,
        description: 'Whether recommended packages are installed too.',
      },
      purge: {
        type: 'boolean',
        default: false,
        description: 'Whether removing takes the configuration files away too.',
      },
      autoremove: {
        type: 'boolean',
        default: false,
        description: 'Whether packages that were installed for others and are no longer needed are removed.',
      },
      hold: { type: 'boolean', description: 'Whether the packages are held back from upgrades.' },
      allow_downgrade: {
        type: 'boolean',
        default: false,
        description: 'Whether an older version may replace a newer one.',
      },
      lock_timeout: {
        type: 'string',
        pattern: durationPattern,
        default: '5m',
        description:
          'How long to wait while another program, such as unattended-upgrades, holds the package lock.',
      },
    },
  },
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
      ? ['Name at least one package, or an upgrade.']
      : []),
    ...(args.state !== 'present' && args.packages.some(one => one.includes('='))
      ? [`state: ${args.state} takes names without a version.`]
      : []),
    ...(args.state === 'absent' && args.hold !== undefined
      ? ['A package with `state: absent` cannot be held.']
      : []),
  ],
  probes: args => {
    const names = wanted(args).map(({ name }) => name);
    const probes: Record<string, Probe> = { lists: command(listsAge), cutOff: path(installationFile) };
    for (const name of names) probes[name] = installedPackage(name);
    if (args.state === 'latest') for (const name of names) probes[`candidate ${name}`] = candidate(name);
    const simulation = (script: string) => command(script, { timeoutS: 120 });
    if (args.state === 'absent') {
      const words = [removeVerb(args), ...(args.autoremove ? ['--auto-remove'] : [])];
      probes['removal'] = simulation(simulate(words, { installed: true, of: names }));
    } else if (names.length > 0) {
      probes['provided'] = command(provided(names));
      probes['installation'] = simulation(simulate(['install'], { installed: false, of: args.packages }));
    }
    if (args.upgrade !== 'none') probes['upgrade'] = simulation(simulateUpgrade(args.upgrade));
    if (args.autoremove) probes['unneeded'] = simulation(simulate(['autoremove']));
    return probes;
  },
  actual: (read, args, context) => {
    const { lists, upgrades, removals, unneeded } = prospect(read, args, context);
    return {
      installed: comparison(read, args).flatMap(({ actual }) => actual ?? []),
      ...(args.hold === undefined
        ? {}
        : { held: wanted(args).flatMap(({ name }) => (found(read, name)?.held ? name : [])) }),
      ...(needsLists(args) ? { 'package lists': context.verifying ? 'fresh' : (lists ?? 'fresh') } : {}),
      ...keyed(
        'upgraded',
        upgrades.flatMap(([name, before]) => (before === undefined ? [] : `${name} ${before}`)),
        upgrades,
      ),
      ...keyed('also removed', removals),
      ...keyed('no longer needed', unneeded),
      ...(read['cutOff'] ? { installation: 'cut off' } : {}),
    };
  },
  desired: (args, read = {}) => {
    const { upgrades, removals, unneeded } = prospect(read, args);
    return {
      installed: comparison(read, args).flatMap(({ desired }) => desired ?? []),
      ...(args.hold === undefined ? {} : { held: args.hold ? wanted(args).map(({ name }) => name) : [] }),
      ...(needsLists(args) ? { 'package lists': 'fresh' } : {}),
      ...keyed(
        'upgraded',
        upgrades.map(([name, , after]) => `${name} ${after}`),
        upgrades,
      ),
      ...keyed('also removed', [], removals),
      ...keyed('no longer needed', [], unneeded),
      ...(read['cutOff'] ? { installation: 'complete' } : {}),
    };
  },
  steps: (diff, args, read) => {
    const lockTimeoutS = durationS(args.lock_timeout);
    const get = (...words: string[]): Step => aptGet(lockTimeoutS, ...words);
    const names = wanted(args).map(({ name }) => name);
    const steps: Step[] = [prepare(lockTimeoutS)];
    const fetching =
      (args.state !== 'absent' && diff.has('installed')) || diff.has('upgraded') || diff.has('package lists');
    if (fetching && staleness(read, maxAgeS(args)) !== undefined) steps.push(refresh);
    if (args.state === 'absent') {
      const there = comparison(read, args).filter(({ actual }) => actual !== undefined);
      if (there.length > 0) steps.push(get(removeVerb(args), ...there.map(({ name }) => name)));
    } else {
      const all = args.state === 'latest' && (diff.has('installed') || diff.has('package lists'));
      const chosen = all ? args.packages : lacking(read, args);
      const options = [
        ...(args.recommends ? [] : ['--no-install-recommends']),
        // What the plan has not shown is not removed, even if the new lists would have it so.
        ...(diff.has('also removed') ? [] : ['--no-remove']),
        ...(args.allow_downgrade ? ['--allow-downgrades'] : []),
        ...(names.some(name => found(read, name)?.held) ? ['--allow-change-held-packages'] : []),
      ];
      if (chosen.length > 0) steps.push(...install(lockTimeoutS, ...options, ...chosen));
    }
    if (diff.has('upgraded') || (args.upgrade !== 'none' && diff.has('package lists')))
      steps.push(get(...upgradeWords(args.upgrade)));
    if (args.autoremove) steps.push(get('autoremove', ...(args.purge ? ['--purge'] : [])));
    if (diff.has('held')) steps.push(aptMark(args.hold ? 'hold' : 'unhold', names));
    return steps;
  },
  claims: args => Object.assign({}, ...wanted(args).map(one => packageClaims(one, args))),
  brings: args =>
    args.state === 'absent' ? [] : wanted(args).map(({ name }) => ({ token: `package:${name}` })),
  timeoutS: args => installTimeoutS + durationS(args.lock_timeout),
});

const wanted = ({ packages }: Pick<Arguments, 'packages'>): Wanted[] =>
  packages.map(written => {
    const [name, version] = written.split('=');
    return { written, name: name!, version };
  });

const removeVerb = ({ purge }: Pick<Arguments, 'purge'>) => (purge ? 'purge' : 'remove');
const printed = (result: unknown): string => (result as CommandResult | undefined)?.stdout ?? '';

const found = (read: Read, name: string) => (read[name] ?? null) as PackageState | null;
/** A list that is a key of the state only when there is something in it, or in what it stands against. */
const keyed = (key: string, list: readonly string[], other: readonly unknown[] = list): State =>
  other.length > 0 ? { [key]: list } : {};

/** What each package is shown as now and when it is as declared; undefined = not there. */
function comparison(read: Read, args: Arguments): (Wanted & { actual?: string; desired?: string })[] {
  const stands = new Set(printed(read['provided']).split('\n'));
  return wanted(args).map(one => {
    const { name, written, version } = one;
    const state = found(read, name);
    const installed = state !== null && state.status === 'installed';
    if (args.state === 'absent') {
      if (state === null || (state.status === 'config-files' && !args.purge)) return one;
      return { ...one, actual: state.status === 'config-files' ? `${name} (its configuration)` : name };
    }
    if (!installed && version === undefined && stands.has(name))
      return { ...one, actual: written, desired: written };
    if (!installed) return { ...one, desired: written };
    const newest = (read[`candidate ${name}`] as Candidate | null | undefined)?.candidate ?? state.version;
    if (newest !== state.version)
      return { ...one, actual: `${name} ${state.version}`, desired: `${name} ${newest}` };
    const same = version === undefined || matchesVersion(state.version, version);
    return { ...one, actual: same ? written : `${name}=${state.version}`, desired: written };
  });
}

const lacking = (read: Read, args: Arguments): string[] =>
  comparison(read, args).flatMap(({ actual, desired, written }) => (actual === desired ? [] : written));

/** As apt does: the version itself, or what begins with it when it ends with `*`. */
const matchesVersion = (version: string, wanted: string): boolean =>
  wanted.endsWith('*') ? version.startsWith(wanted.slice(0, -1)) : version === wanted;

/** What apt foresees besides the packages themselves; `lists` says why the package lists cannot be trusted. */
function prospect(read: Read, args: Arguments, { nowS, plannedS }: Partial<Context> = {}) {
  const names = new Set(wanted(args).map(({ name }) => name));
  const removed = (key: string) => outlook(printed(read[key])).removed.filter(name => !names.has(name));
  const changing = lacking(read, args).length > 0;
  const removals = [
    ...(changing ? [...removed('removal'), ...removed('installation')] : []),
    ...removed('upgrade'),
  ];
  return {
    lists: staleness(
      read,
      (args.update_cache === true ? justNowS : maxAgeS(args)) + (nowS ?? 0) - (plannedS ?? nowS ?? 0),
    ),
    upgrades: outlook(printed(read['upgrade'])).upgrades,
    removals: [...new Set(removals)].toSorted(),
    unneeded: removed('unneeded').filter(name => !removals.includes(name)),
  };
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
