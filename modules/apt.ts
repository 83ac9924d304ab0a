import type { Context, State, StateValue } from '../engine/module.ts';
import { duration, flag, listOf, oneOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import * as probe from '../engine/probe.ts';
import { compact, defined } from '../engine/util/defined.ts';
import { durationPattern, durationS } from '../engine/util/duration.ts';
import * as run from './_apt.ts';
import * as aptSimulation from './_apt-simulation.ts';

const args = {
  packages: listOf(
    text('A name, or a name and a version; a final `*` stands for the rest of the version.', {
      pattern: '^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+\\*?)?$',
    }),
    'Names such as `nginx`, or with a version such as `nginx=1.22.*`.',
    { uniqueItems: true },
  ),
  state: oneOf(
    ['present', 'absent', 'latest'],
    'Whether the packages are installed or removed; `latest` also upgrades them to the newest version in the package lists.',
    { default: 'present' },
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
type Arguments = Given<typeof args, 'packages'>;
type Read = Readonly<Record<string, unknown>>;

/** Debian packages. A refresh of the lists is only a part of another change, never a change by itself. */
export const apt = defineModule({
  name: 'apt',
  summary: 'Debian packages, installed, upgraded or removed by apt.',
  args,
  required: ['packages'],
  examples: {
    'Installed, from lists of today': { packages: ['nginx', 'curl'], update_cache: '1h' },
    'One version, held': { packages: ['nginx=1.22.*'], hold: true },
    'Removed with its configuration': {
      packages: ['apache2'],
      state: 'absent',
      purge: true,
      autoremove: true,
    },
    'Everything upgraded': { packages: [], upgrade: 'safe', update_cache: '6h' },
  },
  identity: args => (args.packages.length > 0 ? args.packages.join(', ') : `upgrade ${args.upgrade}`),
  refine: args => [
    args.packages.length === 0 &&
      args.upgrade === 'none' &&
      !args.autoremove && { at: 'packages', says: 'Name at least one package, or an upgrade.' },
    args.state !== 'present' &&
      args.packages.some(one => one.includes('=')) && {
        at: 'state',
        says: `state: ${args.state} takes names without a version.`,
      },
    isRemoval(args) &&
      args.hold === true && { at: 'hold', says: 'A package with `state: absent` cannot be held.' },
  ],
  probes: args => {
    const { autoremove, upgrade } = args;
    const names = namesOf(args);
    const removes = isRemoval(args);
    const simulated = (script: string, about: string[], simulates?: 'install' | 'remove') =>
      probe.command(script, { timeoutS: 120, about, ...defined({ simulates }) });
    const ofEach = (prefix: string, of: (name: string) => probe.Probe) =>
      Object.fromEntries(names.map(name => [prefix + name, of(name)]));
    const script = removes
      ? aptSimulation.simulateRemoval(compact([removalVerb(args), autoremove && '--auto-remove']), names)
      : aptSimulation.simulateInstallation(
          compact(['install', !args.recommends && '--no-install-recommends']),
          args.packages,
        );
    const unneeded = removes
      ? aptSimulation.simulate(['autoremove'])
      : aptSimulation.simulateAutoremove(names);
    return {
      lists: probe.command(run.listsAge, { about: ['package-lists', '/etc/apt'] }),
      notes: probe.content(run.notesFile),
      ...ofEach('', probe.installedPackage),
      ...(args.state === 'latest' && ofEach('candidate ', probe.candidate)),
      ...(names.length > 0 && {
        provided: removes ? undefined : probe.command(aptSimulation.provided(names), { about: [] }),
        [removes ? 'removal' : 'installation']: simulated(script, removes && autoremove ? ['packages'] : []),
        needsApt: simulated(script, [], removes ? 'remove' : 'install'),
      }),
      ...(upgrade !== 'none' && { upgrade: simulated(aptSimulation.simulateUpgrade(upgrade), ['packages']) }),
      ...(autoremove && { unneeded: simulated(unneeded, ['packages']) }),
    } as Record<string, probe.Probe | undefined>;
  },
  actual: (read, args, context) => stateOf(0, compare(read, args, context)),
  desired: (args, read) => stateOf(1, compare(read ?? {}, args)),
  obstacles: (args, read) => {
    const { hold, allow_downgrade } = args;
    const changing = lacking(read, args);
    const names = changing.map(({ name }) => name);
    const simulation = printed(read[isRemoval(args) ? 'removal' : 'installation']);
    const age = staleness(read, args);
    const asks = !isRemoval(args) && age !== 'none' ? changing : [];
    const refused = asks.flatMap(one => {
      const refusal = aptSimulation.refusal(simulation, one, allow_downgrade);
      return refusal === undefined ? [] : [{ ...refusal, ...(age && { unsure: true }) }];
    });
    return [
      hold === undefined &&
        names.filter(isHeld(read)).map(name => ({
          says: `${name} is held at ${found(read, name)?.version}.`,
          fix: isRemoval(args)
            ? 'To remove it, set hold: false.'
            : 'To replace it and hold it again, set hold: true; to release it, set hold: false.',
        })),
      hold === true &&
        namesOf(args)
          .filter(isProvided(read))
          .map(name => ({ says: `${name} is a virtual package, which cannot be held.` })),
      names.length > 0 &&
        aptSimulation
          .essential(simulation)
          .map(name => ({ says: `The essential package ${name} would be removed.` })),
      refused,
      refused.length === 0 &&
        names.length > 0 &&
        (isRemoval(args) || age === undefined) &&
        aptSimulation.unsolved(simulation, printed(read['needsApt'])),
    ];
  },
  steps: (diff, args, read) => {
    const { purge: purges, hold } = args;
    const lockTimeoutS = durationS(args.lock_timeout);
    const removes = isRemoval(args);
    const isInstall = !removes && diff.has('installed');
    const [listsDiffer, fresh] = [diff.has('package lists'), staleness(read, args) === undefined];
    const all = args.state === 'latest' && (isInstall || listsDiffer);
    const chosen = all ? wanted(args) : lacking(read, args);
    const names = chosen.map(({ name }) => name);
    const requested = names.join(' ');
    const held = namesOf(args).filter(isHeld(read));
    // A held package loses its hold when it is replaced.
    const raised = hold !== undefined && names.some(isHeld(read));
    const isSimulated = printed(read['installation']) !== '';
    // The simulation does not contain packages that are only upgraded.
    const whole = fresh && isSimulated && !(all && names.some(isInstalled(read)));
    const get = (simulation: string, named: aptSimulation.Named, ...words: string[]) =>
      run.aptGet(lockTimeoutS, aptSimulation.packagesEffect(printed(read[simulation]), named), ...words);
    const installation = compact([
      !args.recommends && '--no-install-recommends',
      // A removal that the plan does not show never happens, even if the new lists require it.
      !diff.has('also removed') && '--no-remove',
      args.allow_downgrade && '--allow-downgrades',
      raised && '--allow-change-held-packages',
      chosen.map(({ written }) => written),
    ]);
    return [
      run.prepare(lockTimeoutS, notesOf(args, read), removes ? names : []),
      (isInstall || diff.has('upgraded') || listsDiffer) && !fresh && run.refresh,
      removes && diff.has('held') && run.aptMark('unhold', held),
      removes && names.length > 0 && get('removal', { goes: names, purges }, removalVerb(args), ...names),
      !removes &&
        names.length > 0 && [
          run.noteInstallation(requested, installation),
          run.install(
            lockTimeoutS,
            aptSimulation.packagesEffect(printed(read['installation']), { comes: chosen, whole }),
            installation,
          ),
          run.noteComplete(requested),
        ],
      diff.has('marked as dependency') && run.aptMark('manual', dependenciesOf(read, args)),
      (diff.has('upgraded') || (args.upgrade !== 'none' && listsDiffer)) &&
        get('upgrade', { whole: fresh }, ...aptSimulation.upgradeWords(args.upgrade)),
      args.autoremove && get('unneeded', { purges }, ...compact(['autoremove', purges && '--purge'])),
      hold === true && (raised || diff.has('held')) && run.aptMark('hold', namesOf(args)),
      !hold && !removes && diff.has('held') && run.aptMark('unhold', held),
    ];
  },
  claims: args =>
    Object.assign(
      {},
      ...wanted(args).map(({ name, version }) => ({
        [`the package ${name}`]: isRemoval(args) ? 'absent' : 'present',
        ...defined({ [`the version of ${name}`]: version, [`the hold of ${name}`]: args.hold?.toString() }),
      })),
    ),
  timeoutS: args => run.installTimeoutS + durationS(args.lock_timeout),
});

const wanted = ({ packages }: Arguments): aptSimulation.Wanted[] => packages.map(aptSimulation.readWanted);
const namesOf = (args: Arguments): string[] => wanted(args).map(({ name }) => name);
const isRemoval = ({ state }: Arguments): boolean => state === 'absent';
const removalVerb = ({ purge }: Arguments) => (purge ? 'purge' : 'remove');
const printed = (result: unknown): string => (result as probe.CommandResult | undefined)?.stdout ?? '';

/** Returns the notes of installations that were cut off: those of the declared packages, and the others. */
const notesOf = (args: Arguments, read: Read) =>
  run.notesOf(
    isRemoval(args) ? [] : namesOf(args),
    String((read['notes'] as probe.Content | null)?.bytes ?? ''),
  );

const found = (read: Read, name: string) => (read[name] ?? null) as probe.PackageState | null;
const isHeld = (read: Read) => (name: string) => found(read, name)?.held === true;
const isInstalled = (read: Read) => (name: string) => found(read, name)?.status === 'installed';
/** Whether another, installed package provides it. */
const isProvided = (read: Read) => (name: string) =>
  !isInstalled(read)(name) && printed(read['provided']).split('\n').includes(name);

/** Returns the declared packages that apt would remove once no other package needs them. */
const dependenciesOf = (read: Read, args: Arguments): string[] =>
  isRemoval(args)
    ? []
    : namesOf(args).filter(name => isInstalled(read)(name) && found(read, name)?.automatic);

/** Returns the text for a package as installed and as declared; undefined = not installed. */
function shown({ name, written, version }: aptSimulation.Wanted, read: Read, args: Arguments) {
  const state = found(read, name);
  if (isRemoval(args)) {
    if (state?.status !== 'config-files') return { actual: state === null ? undefined : name };
    return { actual: args.purge ? `${name} (its configuration)` : undefined };
  }
  if (version === undefined && isProvided(read)(name)) return { actual: written, desired: written };
  if (state?.status !== 'installed') return { desired: written };
  // The version of a package that an earlier resource installs is not always known.
  if (state.version === '') return { actual: written, desired: written };
  const newest =
    (read[`candidate ${name}`] as probe.Candidate | null | undefined)?.candidate ?? state.version;
  if (newest !== state.version) return { actual: `${name} ${state.version}`, desired: `${name} ${newest}` };
  const same = version === undefined || aptSimulation.matchesVersion(state.version, version);
  return { actual: same ? written : `${name}=${state.version}`, desired: written };
}

const comparison = (read: Read, args: Arguments) =>
  wanted(args).map(one => ({ ...one, ...shown(one, read, args) }));
const lacking = (read: Read, args: Arguments) =>
  comparison(read, args).filter(({ actual, desired }) => actual !== desired);

/** Returns each key of the state as a pair: the actual value and the declared one. */
function compare(read: Read, args: Arguments, context: Partial<Context> = {}): Record<string, Pair | false> {
  const { nowS = 0, plannedS = nowS, verifying } = context;
  const { hold, state, upgrade } = args;
  const packages = comparison(read, args);
  const names = packages.map(({ name }) => name);
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
  const needsLists = state === 'latest' || upgrade !== 'none';
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

/** Lists this young count as fresh even with `update_cache: true`. */
const justNowS = 600;

/** Returns why the package lists need a refresh, or undefined if they need none. */
function staleness(read: Read, { update_cache }: Arguments, eachTimeS = 0, sinceS = 0): string | undefined {
  const age = printed(read['lists']).trim();
  if (age === 'changed') return 'older than the sources';
  if (!/^-?\d+$/.test(age)) return 'none';
  const maxAgeS = typeof update_cache === 'string' ? durationS(update_cache) : eachTimeS;
  return update_cache && Number(age) > maxAgeS + sinceS ? 'outdated' : undefined;
}
