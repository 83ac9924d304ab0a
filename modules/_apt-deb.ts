import type { PackagesEffect } from '../engine/effect.ts';
import type { Obstacle } from '../engine/module.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import { type CommandResult, command, type Probe, path, readOnlyApt } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { Step } from '../engine/step.ts';
import { compact } from '../engine/util/defined.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';
import { listed, packagesEffect, parseSimulation, unsolved, type Wanted } from './_apt-simulation.ts';
import { compareVersions, type Deb, readDeb } from './_deb-file.ts';

interface Arguments {
  deb?: string | { url: string; sha256: string; name: string; version: string };
  content?: Given<Record<never, never>, never>['content'];
}

/** The package of a .deb. */
interface Package extends Wanted {
  version: string;
  /** Its place in apt's cache on the host, which is there only during the installation. */
  file: string;
  /** Undefined for one that the host fetches. */
  own: Deb | undefined;
}

/** Returns the package of the declared .deb, or a clause that says why the file cannot be read. */
export function debOf({ deb, content }: Arguments): Package | string | undefined {
  if (deb === undefined) return undefined;
  if (typeof deb === 'object') return { ...deb, written: deb.name, file: fileOf(deb), own: undefined };
  const own = readDeb(typeof content === 'object' ? content : Buffer.from(content ?? ''));
  if (typeof own === 'string') return own;
  const { version, architecture } = own;
  const name = architecture === 'all' ? own.name : `${own.name}:${architecture}`;
  return { name, written: own.name, version, file: fileOf(own), own };
}

const fileOf = (of: { name: string; version: string; architecture?: string }): string =>
  `/var/cache/apt/archives/${compact([of.name, of.version.replaceAll(':', '%3a'), of.architecture]).join('_')}.deb`;

/** Returns the fields of a .deb whose packages apt installs with it. */
const needsOf = ({ fields }: Deb): string[] =>
  ['pre-depends', 'depends'].flatMap(field => fields.get(field) ?? []);

/** Whether apt may have to fetch other packages for it. */
export const needsLists = ({ own }: Package): boolean => own === undefined || needsOf(own).length > 0;

/** Returns the package of the declared .deb, or undefined if there is none that can be read. */
export function packageOf(args: Arguments): Package | undefined {
  const deb = debOf(args);
  return typeof deb === 'object' ? deb : undefined;
}

/** Returns the effect of the installation. The simulation lacks recommended packages, and every one of a .deb to fetch. */
export function effectOf(
  deb: Package,
  simulation: string,
  { fresh, recommends }: { fresh: boolean; recommends: boolean },
): PackagesEffect {
  const { own, written } = deb;
  const isSimulated = own !== undefined && simulation !== '' && (fresh || !needsLists(deb));
  const whole = isSimulated && !(recommends && own.fields.has('recommends'));
  const isNative = own === undefined || [listed(simulation, 'Arch')[0], 'all'].includes(own.architecture);
  const comes = [{ ...deb, name: isNative ? written : deb.name }];
  const effect = packagesEffect(simulation, { comes, whole });
  // apt itself knows only the packages that come with it.
  return { ...effect, asked: effect.dependencies ?? [] };
}

/** Returns the probes of the plan. Only of a .deb beside the playbook, the dependencies are known. */
export function probesOf(args: Arguments): Record<string, Probe | undefined> {
  const deb = debOf(args);
  if (deb === undefined || typeof deb === 'string') return {};
  const isHttps = typeof args.deb === 'object' && args.deb.url.startsWith('https:');
  return {
    needsApt: deb.own && command(simulation(deb, deb.own), { timeoutS: 120, about: aboutApt }),
    needsCertificates: isHttps ? path('/etc/ssl/certs/ca-certificates.crt') : undefined,
  };
}
const aboutApt = ['packages', 'package-lists', '/etc/apt', '--add-architecture'];

function simulation({ name, version }: Package, own: Deb): string {
  const isOther = (dependency: string) => dependency.trim().split(/[\s(:]/)[0] !== own.name;
  const without = ['conflicts', 'breaks'].flatMap(field =>
    (own.fields.get(field)?.split(',') ?? []).filter(isOther).map(each => `Conflicts: ${each.trim()}`),
  );
  const dependencies = [...needsOf(own), ...without].map(shellQuote).join(' ');
  return withVariables(simulateScript, { name, version, readOnly: readOnlyApt, dependencies });
}
const simulateScript = scriptBeside(import.meta.url, './apt-deb-simulate.sh');

/** Returns what would make the installation of a .deb fail. */
export function obstaclesOf(
  args: Arguments & { allow_downgrade: boolean },
  installed: string | undefined,
  { needsApt, needsCertificates }: Partial<Record<'needsApt' | 'needsCertificates', unknown>>,
  age: string | undefined,
): Obstacle[] {
  const deb = debOf(args);
  if (deb === undefined) return [];
  if (typeof deb === 'string') return [{ says: `The file ${String(args.deb)} ${deb}.` }];
  const { written, version, own } = deb;
  const printed = (needsApt as CommandResult | undefined)?.stdout ?? '';
  const taken = listed(printed, 'Arch');
  const { removed } = parseSimulation(printed);
  return compact<Obstacle>([
    own !== undefined &&
      taken.length > 0 &&
      ![...taken, 'all'].includes(own.architecture) && {
        says: `${String(args.deb)} is for ${own.architecture}, and this host takes packages for ${taken.join(' and ')}.`,
        fix: 'Give the host the file for its architecture.',
      },
    installed !== undefined &&
      installed !== '' &&
      !args.allow_downgrade &&
      compareVersions(installed, version) > 0 && {
        says: `${written} would be downgraded from ${installed} to ${version}.`,
        fix: 'To allow the downgrade, set allow_downgrade: true.',
      },
    removed.length > 0 && {
      says: `${written} excludes ${removed.join(', ')}.`,
      fix: `Remove ${removed.length === 1 ? 'it' : 'them'} in an earlier resource.`,
    },
    // Without package lists, apt knows no package.
    ...(age === 'none' ? [] : unsolved(printed, '')).map(({ says }) => ({
      says: says.replace('these packages', written).replace('satisfy:command-line', written),
      fix: 'Declare the source of what it needs in an earlier resource.',
      ...(age && { unsure: true }),
    })),
    needsCertificates === null && {
      says: 'The host trusts no certificate, so apt cannot fetch from https addresses.',
      fix: 'Install ca-certificates in an earlier resource.',
    },
  ]);
}

/** Returns the step that brings a .deb into apt's cache. */
export function bring({ deb, content = '' }: Arguments, { file }: Package): Step {
  if (typeof deb !== 'object') return { do: 'write', path: file, content, mode: '0644' };
  return {
    do: 'run',
    label: `fetch ${deb.url}`,
    command: withVariables(fetchScript, { ...deb, file }),
    timeoutS: 3600,
    touches: [{ kind: 'below', path: file }],
  };
}
const fetchScript = scriptBeside(import.meta.url, './apt-deb-fetch.sh');
