import { text as textArgument, wholeText } from '../engine/module-kit/argument.ts';
import type { Given } from '../engine/module-kit/define-module.ts';
import type { Schema } from '../engine/schema-types.ts';
import type { WriteStep } from '../engine/step.ts';
import { isQuadlet, kindOf, quadletKinds } from './_unit-names.ts';

type Scalar = string | number | boolean;
/** Keys in the order of the file. A list repeats its key, a map becomes quoted `NAME=value` assignments. */
type Section = Readonly<Record<string, Scalar | Scalar[] | Readonly<Record<string, Scalar>>>>;

const scalar = { type: ['string', 'number', 'boolean'] };

// The type is stated, not inferred: the values of the keys nest too deeply for the compiler.
const section = (title: string, what = '') =>
  ({
    type: 'object',
    description: `Keys of [${title}]${what}, in order.`,
    propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9-]*$' },
    additionalProperties: {
      anyOf: [scalar, { type: 'array', items: scalar }, { type: 'object', additionalProperties: scalar }],
    },
  }) as Schema as { readonly const: Section };

const ofQuadlet = ' in a file of Quadlet';

/** The arguments for the text of a unit, in the order of its sections. */
export const textArguments = {
  ...wholeText('Complete text of the unit, in the syntax of systemd.'),
  unit: section('Unit'),
  socket: section('Socket'),
  timer: section('Timer'),
  path: section('Path'),
  mount: section('Mount'),
  automount: section('Automount'),
  swap: section('Swap'),
  slice: section('Slice'),
  container: section('Container', ofQuadlet),
  volume: section('Volume', ofQuadlet),
  network: section('Network', ofQuadlet),
  pod: section('Pod', ofQuadlet),
  kube: section('Kube', ofQuadlet),
  service: section('Service'),
  install: section('Install'),
} as const;
const args = { name: textArgument(''), ...textArguments } as const;
export type TextArguments = Given<typeof args, 'name'>;

const sectionNames = [
  ...['unit', 'socket', 'timer', 'path', 'mount', 'automount', 'swap', 'slice'],
  ...[...quadletKinds, 'service', 'install'],
] as const;

/** The arguments of sections that a unit of a kind has. */
const sectionsFor = (name: string): readonly string[] => [
  ...['unit', 'install', kindOf(name)],
  ...(isQuadlet(name) ? ['service'] : []),
];

type SectionName = Exclude<keyof typeof textArguments, 'content' | 'src' | 'template'>;

/** Returns the given sections that a unit of this name does not have. */
export const foreignSections = (name: string, args: TextArguments): SectionName[] =>
  sectionNames.filter(
    (one): one is SectionName => args[one as SectionName] !== undefined && !sectionsFor(name).includes(one),
  );

/** Returns the given sections, in the order of the file. */
export const sectionsOf = (args: TextArguments): [title: string, Section][] =>
  sectionNames.flatMap((one): [string, Section][] => {
    const given = args[one as SectionName];
    return given === undefined ? [] : [[`${one[0]!.toUpperCase()}${one.slice(1)}`, given]];
  });

/** Returns the text of a unit, which is whole or has sections. */
export const bytesOf = (args: TextArguments): WriteStep['content'] =>
  args.content ??
  sectionsOf(args)
    .map(([title, section]) => [`[${title}]`, ...linesOf(section), ''].join('\n'))
    .join('\n');

export const linesOf = (section: Section): string[] =>
  Object.entries(section).flatMap(([key, setting]) => valuesOf(setting).map(value => `${key}=${value}`));

function valuesOf(setting: Section[string]): string[] {
  if (typeof setting !== 'object') return [joined(setting)];
  return Array.isArray(setting) ? setting.map(joined) : Object.entries(setting).map(assignment);
}

// For systemd, several lines are one value if each but the last ends with a backslash.
const joined = (value: Scalar): string =>
  String(value)
    .trim()
    .split(/\s*\n\s*/)
    .join(' \\\n    ');

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '%': '%%' };
const assignment = ([name, value]: [string, Scalar]): string =>
  `"${name}=${String(value).replace(/[\\"\n%]/g, each => escapes[each]!)}"`;

/** One assignment in the text of a unit. */
export interface Setting {
  section: string;
  key: string;
  value: string;
}

/** Returns the assignments in the text of a unit, in order. */
export function settingsIn(text: string): Setting[] {
  let section = '';
  return text
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap(line => {
      section = /^\s*\[(.*)\]/.exec(line)?.[1] ?? section;
      const [, key, value] = /^[ \t]*([\w-]+)[ \t]*=[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
      return key === undefined ? [] : [{ section, key, value: value! }];
    });
}

/** The required keys of each kind of unit: systemd.service(5), systemd.socket(5) and so on, podman-systemd.unit(5). */
const required: Readonly<Record<string, [example: string, keys: RegExp]>> = {
  service: ['ExecStart=', /^(ExecStart|ExecStop|SuccessAction)$/],
  socket: ['ListenStream= or another Listen key', /^Listen/],
  timer: ['OnCalendar= or another On key', /^On/],
  path: ['PathExists= or the like', /^(Path|Directory)/],
  mount: ['What=', /^What$/],
  container: ['Image=', /^(Image|Rootfs)$/],
  kube: ['Yaml=', /^Yaml$/],
};

/** Returns why systemd refuses a unit with this text alone, or undefined if no reason is known. */
export function unloadable(name: string, text: string): string | undefined {
  const settings = settingsIn(text);
  const [example, keys] = required[kindOf(name)] ?? [];
  if (keys && text.trim() !== '' && !settings.some(({ key, value }) => keys.test(key) && value !== ''))
    return `has no ${example}`;
  const starts = settings.filter(({ key }) => key === 'ExecStart').map(({ value }) => value);
  const counted = starts.slice(starts.lastIndexOf('') + 1);
  const isOneshot = settings.findLast(({ key }) => key === 'Type')?.value === 'oneshot';
  return counted.length > 1 && !isOneshot
    ? 'has more than one ExecStart=, which only Type=oneshot may have'
    : undefined;
}

/**
 * Returns the programs in the text of a unit, as paths or names, without those whose failure the unit ignores. The list
 * is empty for a unit that searches in other places than the system.
 */
export function programsOf(unit: string): string[] {
  if (/^\s*(RootDirectory|RootImage|ExecSearchPath)\s*=/m.test(unit)) return [];
  const commands = unit.matchAll(/^[ \t]*Exec[A-Z][A-Za-z]*[ \t]*=[ \t]*([-@:+!|]*)([^\s"'\\%$]+)(?=\s|$)/gm);
  const names = [...commands].filter(([, prefixes]) => !prefixes!.includes('-')).map(([, , name]) => name!);
  return [...new Set(names.filter(name => name.startsWith('/') || !name.includes('/')))];
}
