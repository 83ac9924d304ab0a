import { defineModule } from '../engine/module-kit/define-module.ts';
import * as probe from '../engine/probe.ts';
import { compact, defined } from '../engine/util/defined.ts';
import { durationS } from '../engine/util/duration.ts';
import * as run from './_apt.ts';
import * as itsDeb from './_apt-deb.ts';
import { obstaclesOf } from './_apt-obstacles.ts';
import * as its from './_apt-packages.ts';
import { versionsByRelease } from './_apt-release.ts';
import * as aptSimulation from './_apt-simulation.ts';

/** Debian packages. A refresh of the lists is only a part of another change, never a change by itself. */
export const apt = defineModule({
  name: 'apt',
  summary: 'Debian packages, installed, upgraded or removed by apt.',
  args: its.args,
  files: { src: 'deb' },
  together: [
    'A `deb` is alone: without `packages`, `release` and `upgrade`. It counts as installed if its package has the same version.',
    'A `deb` with a `url` declares its name and version, so a check knows them and fetches nothing. The host compares them and the `sha256` before it installs the file.',
  ],
  examples: {
    'Installed, from lists of today': { packages: ['nginx', 'curl'], update_cache: '1h' },
    'One version, held': { packages: ['nginx=1.22.*'], hold: true },
    'Removed with its configuration': {
      packages: ['apache2'],
      state: 'absent',
      purge: true,
      autoremove: true,
    },
    'From a release of its own': { packages: ['golang-go'], release: 'bookworm-backports' },
    'A file beside the playbook, with its dependencies': { deb: 'h3tool_2.0_all.deb' },
    'A file that the host fetches': {
      deb: {
        url: 'https://example.com/h3tool_2.0_amd64.deb',
        sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        name: 'h3tool',
        version: '2.0',
      },
    },
    'Everything upgraded': { packages: [], upgrade: 'safe', update_cache: '6h' },
  },
  identity: ({ packages, deb, upgrade }) =>
    typeof deb === 'object'
      ? deb.name
      : (deb ?? (packages.length > 0 ? packages.join(', ') : `upgrade ${upgrade}`)),
  refine: args => [
    args.packages.length === 0 &&
      args.deb === undefined &&
      args.upgrade === 'none' &&
      !args.autoremove && { at: 'packages', says: 'Name at least one package, or an upgrade.' },
    args.deb !== undefined &&
      (args.packages.length > 0 || args.release !== undefined || args.upgrade !== 'none') && {
        at: 'deb',
        says: 'A .deb has a resource of its own, without packages, release and upgrade.',
      },
    typeof args.deb === 'string' &&
      /^\w+:\/\//.test(args.deb) && {
        at: 'deb',
        says: 'A .deb from an address is a map of url, sha256, name and version.',
      },
    args.deb !== undefined &&
      args.state !== 'present' && {
        at: 'state',
        says: `A .deb goes with state: present. With state: ${args.state}, name its package in packages.`,
      },
    args.release !== undefined &&
      args.packages.length === 0 &&
      args.deb === undefined && { at: 'release', says: 'release is for packages: name at least one.' },
    args.release !== undefined && its.isRemoval(args) && { at: 'release', says: 'A removal has no release.' },
    args.state !== 'present' &&
      args.packages.some(one => one.includes('=')) && {
        at: 'state',
        says: `state: ${args.state} takes names without a version.`,
      },
    its.isRemoval(args) &&
      args.hold === true && { at: 'hold', says: 'A package with `state: absent` cannot be held.' },
  ],
  probes: args => {
    const { autoremove, upgrade } = args;
    const names = its.namesOf(args);
    const removes = its.isRemoval(args);
    const isNamed = names.length > 0 && args.deb === undefined;
    const simulated = (script: string, about: readonly string[], simulates?: 'install' | 'remove') =>
      probe.command(script, { timeoutS: 120, about, ...defined({ simulates }) });
    const ofEach = (prefix: string, of: (name: string) => probe.Probe) =>
      Object.fromEntries(names.map(name => [prefix + name, of(name)]));
    const script = removes
      ? aptSimulation.simulateRemoval(compact([removalVerb(args), autoremove && '--auto-remove']), names)
      : aptSimulation.simulateInstallation(
          compact(['install', !args.recommends && '--no-install-recommends']),
          args.packages,
          args.release,
        );
    const unneeded = removes
      ? aptSimulation.simulate(['autoremove'])
      : aptSimulation.simulateAutoremove(names);
    return {
      lists: probe.command(run.listsAge, { about: aboutLists }),
      notes: probe.content(run.notesFile),
      ...ofEach('', probe.installedPackage),
      ...(args.state === 'latest' && args.release === undefined && ofEach('candidate ', probe.candidate)),
      ...(args.release !== undefined && {
        release: probe.command(versionsByRelease(names), { about: aboutLists }),
        needsRelease: probe.command(versionsByRelease(names), { about: aboutLists }),
      }),
      ...(isNamed && {
        provided: removes ? undefined : probe.command(aptSimulation.provided(names), { about: [] }),
        [removes ? 'removal' : 'installation']: simulated(script, removes && autoremove ? ['packages'] : []),
        needsApt: simulated(script, removes ? [] : aboutLists, removes ? 'remove' : 'install'),
      }),
      ...itsDeb.probesOf(args),
      ...(upgrade !== 'none' && { upgrade: simulated(aptSimulation.simulateUpgrade(upgrade), ['packages']) }),
      ...(autoremove && { unneeded: simulated(unneeded, ['packages']) }),
    } as Record<string, probe.Probe | undefined>;
  },
  actual: its.actual,
  desired: its.desired,
  notes: its.notes,
  obstacles: obstaclesOf,
  steps: (diff, args, read) => {
    const { purge: purges, hold, release } = args;
    const lockTimeoutS = durationS(args.lock_timeout);
    const removes = its.isRemoval(args);
    const isInstall = !removes && diff.has('installed');
    const [listsDiffer, fresh] = [diff.has('package lists'), its.staleness(read, args) === undefined];
    const deb = itsDeb.packageOf(args);
    const isNewest = args.state === 'latest';
    const all = (isNewest && isInstall) || ((isNewest || release !== undefined) && listsDiffer);
    const chosen = all ? its.wanted(args) : its.lacking(read, args);
    const names = chosen.map(({ name }) => name);
    const requested = names.join(' ');
    const held = its.namesOf(args).filter(its.isHeld(read));
    // A held package loses its hold when it is replaced.
    const raised = hold !== undefined && names.some(its.isHeld(read));
    const isSimulated = its.printed(read['installation']) !== '';
    // The simulation does not contain packages that are only upgraded.
    const whole = fresh && isSimulated && !(all && names.some(its.isInstalled(read)));
    const get = (simulation: string, named: aptSimulation.Named, ...words: string[]) =>
      run.aptGet(lockTimeoutS, aptSimulation.packagesEffect(its.printed(read[simulation]), named), ...words);
    const installation = compact([
      ...releaseWords(release),
      !args.recommends && '--no-install-recommends',
      // A removal that the plan does not show never happens, even if the new lists require it.
      !diff.has('also removed') && '--no-remove',
      args.allow_downgrade && '--allow-downgrades',
      raised && '--allow-change-held-packages',
      // apt takes a package that dpkg has half unpacked for one that is there.
      deb && its.found(read, deb.name)?.status === 'half-installed' && '--reinstall',
      deb ? [deb.file] : chosen.map(({ written }) => written),
    ]);
    const effect = deb
      ? itsDeb.effectOf(deb, its.printed(read['needsApt']), { fresh, recommends: args.recommends })
      : aptSimulation.packagesEffect(its.printed(read['installation']), { comes: chosen, whole });
    const needsLists = deb === undefined || itsDeb.needsLists(deb);
    return [
      run.prepare(lockTimeoutS, its.notesOf(args, read), { goes: removes ? names : [], comes: deb?.written }),
      (isInstall || diff.has('upgraded') || listsDiffer) && !fresh && needsLists && run.refresh,
      removes && diff.has('held') && run.aptMark('unhold', held),
      removes && names.length > 0 && get('removal', { goes: names, purges }, removalVerb(args), ...names),
      !removes &&
        names.length > 0 && [
          ...(deb ? [itsDeb.bring(args, deb)] : []),
          run.noteInstallation(requested, installation, deb?.written),
          run.install(lockTimeoutS, effect, installation),
          run.noteComplete(requested),
          ...(deb ? [{ do: 'remove', path: deb.file } as const] : []),
        ],
      diff.has('marked as dependency') && run.aptMark('manual', its.dependenciesOf(read, args)),
      (diff.has('upgraded') || (args.upgrade !== 'none' && listsDiffer)) &&
        get('upgrade', { whole: fresh }, ...aptSimulation.upgradeWords(args.upgrade)),
      args.autoremove && get('unneeded', { purges }, ...compact(['autoremove', purges && '--purge'])),
      hold === true && (raised || diff.has('held')) && run.aptMark('hold', its.namesOf(args)),
      !hold && !removes && diff.has('held') && run.aptMark('unhold', held),
    ];
  },
  claims: args =>
    Object.assign(
      {},
      ...its.claimed(args).map(({ name, version }) => ({
        [`the package ${name}`]: its.isRemoval(args) ? 'absent' : 'present',
        ...defined({ [`the version of ${name}`]: version, [`the hold of ${name}`]: args.hold?.toString() }),
        ...defined({ [`the release of ${name}`]: args.release }),
      })),
    ),
  timeoutS: args => run.installTimeoutS + durationS(args.lock_timeout),
});

const removalVerb = ({ purge }: its.Arguments) => (purge ? 'purge' : 'remove');
const releaseWords = (release?: string): readonly string[] => (release === undefined ? [] : ['-t', release]);

/** dpkg --add-architecture, too, makes the lists old. */
const aboutLists = ['package-lists', '/etc/apt', '--add-architecture'];
