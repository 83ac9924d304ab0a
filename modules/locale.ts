import { posix } from 'node:path';
import { flag, listOf, oneOf, text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import {
  type Content,
  command,
  content,
  installedPackage,
  Missing,
  type PathState,
  path,
  type Readings,
} from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep } from '../engine/step.ts';

const generated = '/etc/locale.gen';
const defaults = '/etc/default/locale';

/** The variables of /etc/default/locale that win over LANG for a part of the messages, numbers, dates …: locale(7). */
const categories = [
  ...['LC_CTYPE', 'LC_NUMERIC', 'LC_TIME', 'LC_COLLATE', 'LC_MONETARY', 'LC_MESSAGES', 'LC_PAPER', 'LC_NAME'],
  ...['LC_ADDRESS', 'LC_TELEPHONE', 'LC_MEASUREMENT', 'LC_IDENTIFICATION'],
];

/** A locale that programs can use. An upgrade of the package `locales` rebuilds only those in /etc/locale.gen. */
export const locale = defineModule({
  name: 'locale',
  summary: 'A locale that programs can use, also after upgrades, and the default of new sessions.',
  args: {
    name: text('Name of the locale, such as `de_CH.UTF-8`, or as `locale -a` shows it, `de_CH.utf8`.', {
      pattern: '^([a-z]{2,3}_[A-Z]{2,3}|C|POSIX)(\\.[A-Za-z0-9-]+)?(@[a-z]+)?$',
    }),
    default: flag('Whether it is the default, the `LANG` of /etc/default/locale that new sessions get.'),
    categories: listOf(
      oneOf(categories, 'Name of a category.'),
      'Categories of new sessions that have it besides the default, such as `LC_TIME`; no others have it.',
      { uniqueItems: true },
    ),
  },
  required: ['name'],
  absent: 'removes it and its line in /etc/locale.gen',
  examples: {
    'The default of new sessions': { name: 'de_CH.UTF-8', default: true },
    'A further locale': { name: 'fr_CH.UTF-8' },
    'Dates and numbers of new sessions': { name: 'de_CH.UTF-8', categories: ['LC_TIME', 'LC_NUMERIC'] },
    'A locale that is not used': { name: 'en_US.UTF-8', state: 'absent' },
  },
  identity: ({ name }) => normal(name),
  probes: ({ name }) => probesOf(name),
  actual: (read, { name, default: isDefault, categories: wanted }) => {
    const { available, kept } = presence(read, name);
    if (!available && read.supported === null) return Missing.fromPackages('locales', 'locales');
    if (!available && !kept) return null;
    return {
      available,
      kept,
      default: isDefault === undefined ? undefined : localeOf(read.lang, 'LANG') === normal(name),
      categories: wanted && categoriesOf(read.lang, name),
    };
  },
  desired: ({ default: isDefault, categories: wanted }) => ({
    available: true,
    kept: true,
    default: isDefault,
    categories: wanted?.toSorted(),
  }),
  obstacles: ({ name, default: isDefault, categories: wanted = [] }, read, diff) => {
    const { available, kept } = presence(read, name);
    const all = /^LC_ALL=.+$/m.exec(textOf(read.lang))?.[0];
    if (diff.kind === 'remove')
      return [
        localeOf(read.lang, 'LANG') === normal(name) && {
          says: `${name} is the default locale of this host.`,
          fix: 'Make another locale the default in an earlier resource.',
        },
        categoriesOf(read.lang, name).length > 0 && {
          says: `${name} is the locale of ${categoriesOf(read.lang, name).join(', ')} on this host.`,
          fix: 'Give them another locale, or declare it with `categories: []`, in an earlier resource.',
        },
        isOfPackage(read, name) && {
          says: `A package brings the locale ${name}.`,
          fix: 'Remove locales-all, or the language pack, in an earlier resource.',
        },
      ];
    return [
      !(available && kept) &&
        entryIn(textOf(read.supported), name) === undefined && {
          says: `/usr/share/i18n/SUPPORTED lists no locale ${name}.`,
          fix: `Choose a name that is there. See the names of the language with\n    grep '^${name.split('_')[0]}_' /usr/share/i18n/SUPPORTED`,
        },
      (isDefault === true || wanted.length > 0) &&
        all !== undefined && {
          says: `${all} in ${defaults} wins over ${isDefault ? 'LANG' : wanted.join(', ')}.`,
          fix: 'Take the line out of that file in an earlier resource.',
        },
    ];
  },
  steps: (diff, { name, default: isDefault, categories: wanted }, read) => {
    const [id, charset] = entryIn(textOf(read.supported), name) ?? [name, 'UTF-8'];
    return [
      diff.has('available') && build(id, charset),
      diff.has('kept') && {
        do: 'write',
        path: generated,
        content: `${ended(textOf(read.gen))}${id} ${charset}\n`,
      },
      (diff.has('default') || diff.has('categories')) && {
        do: 'write',
        path: placeOf(read.place),
        content: withLocale(textOf(read.lang), name, { isDefault, wanted }),
      },
    ];
  },
  remove: ({ name }, read) => [
    entryIn(textOf(read.gen), name) !== undefined && {
      do: 'write',
      path: generated,
      content: linesOf(textOf(read.gen))
        .filter(line => entryIn(line, name) === undefined)
        .join('\n'),
    },
    destroy(
      namesOf(...(entryIn(textOf(read.gen), name) ?? entryIn(textOf(read.supported), name) ?? [name, ''])),
    ),
  ],
  removal: {
    refine: ({ name }) => [
      isBuiltin(name) && { at: 'name', says: `${name} is a part of the C library and cannot be removed.` },
    ],
    actual: (read: Read, { name }) => {
      const { available, kept } = presence(read, name);
      return available || kept ? { available, kept } : null;
    },
  },
  claims: ({ name, default: isDefault, categories: wanted = [] }) => ({
    ...(isDefault && { 'the default locale': normal(name) }),
    ...Object.fromEntries(wanted.map(category => [`the default locale of ${category}`, normal(name)])),
  }),
});

const probesOf = (name: string) => ({
  listed: command(
    `locale -a 2>/dev/null | grep -xF ${shellQuote(normal(name))}; cat /var/lib/locales/supported.d/* 2>/dev/null`,
    { about: [placeInArchive(normal(name)), 'locale-gen', 'localedef'] },
  ),
  all: installedPackage('locales-all'),
  gen: content(generated),
  supported: content('/usr/share/i18n/SUPPORTED'),
  place: path(defaults),
  lang: content(defaults),
});
type Read = Readings<ReturnType<typeof probesOf>>;
type Entry = readonly [id: string, charset: string];

const textOf = (file: Content | null) => file?.bytes?.toString() ?? '';
const linesOf = (text: string) => text.split('\n');
const ended = (text: string) => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

/** Returns a name as `locale -a` shows it: `de_CH.UTF-8` → `de_CH.utf8`. */
const normal = (name: string) =>
  name.replace(/\.[^@]+/, codeset => `.${codeset.toLowerCase().replace(/[^a-z0-9]/g, '')}`);

/** Returns the names that a built locale has. */
const namesOf = (id: string, charset: string): string[] => [
  ...new Set([
    normal(id),
    ...(charset ? [normal(id.replace(/\.[^@]+/, '').replace(/(?=@|$)/, `.${charset}`))] : []),
  ]),
];

/** Returns the entry that brings a locale, of a text in the form of /etc/locale.gen: `de_CH.UTF-8 UTF-8`. */
function entryIn(text: string, name: string): Entry | undefined {
  for (const [, id, charset] of text.matchAll(/^[ \t]*([^#\s]+)[ \t]+(\S+)[ \t]*$/gm))
    if (namesOf(id!, charset!).includes(normal(name))) return [id!, charset!];
  return undefined;
}

const isBuiltin = (name: string) => ['C', 'POSIX', 'C.utf8'].includes(normal(name));

/** Whether a package brings the locale: locales-all, or a language pack of Ubuntu. */
const isOfPackage = ({ all, listed }: Read, name: string) =>
  all?.status === 'installed' || entryIn(listed.stdout, name) !== undefined;

/** Whether programs can use the locale now, and after an upgrade of the package `locales`. */
function presence(read: Read, name: string): { available: boolean; kept: boolean } {
  const isOfAll = read.all?.status === 'installed';
  return {
    available: isBuiltin(name) || isOfAll || linesOf(read.listed.stdout).includes(normal(name)),
    kept: isBuiltin(name) || isOfPackage(read, name) || entryIn(textOf(read.gen), name) !== undefined,
  };
}

const assignment = (variable: string) =>
  new RegExp(`^[ \\t]*(?:export[ \\t]+)?${variable}=(["']?)(.*?)\\1[ \\t]*(?:\\n|$)`, 'm');

/** Returns the normal name of the locale that a variable has, or an empty text if it has none. */
const localeOf = (file: Content | null, variable: string) =>
  normal(assignment(variable).exec(textOf(file))?.[2] ?? '');

/** Returns the categories that have a locale, in alphabetical order. */
const categoriesOf = (file: Content | null, name: string) =>
  categories.filter(category => localeOf(file, category) === normal(name)).toSorted();

/** Returns the text with another value of a variable, or without the variable. */
function withValue(text: string, variable: string, value: string | undefined): string {
  const line = value === undefined ? '' : `${variable}=${value}\n`;
  return assignment(variable).test(text) ? text.replace(assignment(variable), line) : `${ended(text)}${line}`;
}

/** Returns the text in which the default and the categories have the locale as declared. What is not declared stays. */
function withLocale(
  text: string,
  name: string,
  { isDefault, wanted }: { isDefault?: boolean | undefined; wanted?: readonly string[] | undefined },
): string {
  const isAt = (variable: string) => normal(assignment(variable).exec(text)?.[2] ?? '') === normal(name);
  const variables = [
    ...(isDefault === undefined ? [] : [['LANG', isDefault] as const]),
    ...(wanted === undefined ? [] : categories.map(each => [each, wanted.includes(each)] as const)),
  ];
  return variables
    .filter(([variable, is]) => is !== isAt(variable))
    .reduce((so, [variable, is]) => withValue(so, variable, is ? name : undefined), text);
}

/** Returns the path of the file behind /etc/default/locale, which is a link since Debian 13. */
const placeOf = (place: PathState | null) =>
  place?.target === undefined ? defaults : posix.resolve(posix.dirname(defaults), place.target);

/** Returns the path of a locale. Most locales are in one archive instead, as if it were a folder. */
const placeInArchive = (name: string) => `/usr/lib/locale/${name}`;
const touching = (names: readonly string[]) =>
  names.map(name => ({ kind: 'below', path: placeInArchive(name) }) as const);

function build(id: string, charset: string): RunStep {
  const source = id.replace(/\.[^@]+/, '');
  const command = [
    'localedef',
    '-i',
    source,
    '-c',
    '-f',
    charset,
    '-A',
    '/usr/share/locale/locale.alias',
    id,
  ];
  return {
    do: 'run',
    command,
    undo: { before: destroy(namesOf(id, charset)).command },
    touches: touching(namesOf(id, charset)),
  };
}

/** Returns a step that removes a locale by its names, from the archive and as a folder. */
const destroy = (names: readonly string[]) =>
  ({
    do: 'run',
    label: `remove the locale ${names[0]}`,
    command: `for r_l in ${names.map(shellQuote).join(' ')}; do
  localedef --delete-from-archive "$r_l" 2>/dev/null
  rm -rf "/usr/lib/locale/$r_l"
done
:`,
    touches: touching(names),
  }) satisfies RunStep;
