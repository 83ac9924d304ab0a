import { text, wholeText } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf } from '../engine/module-kit/state-text.ts';
import { content, owed, path, type UnitState, unit } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { Schema } from '../engine/schema-types.ts';
import type { Step, WriteStep } from '../engine/step.ts';
import { daemonReload, isTemplate, readable, systemctl, unitFile } from '../engine/steps/unit-steps.ts';
import { defined } from '../engine/util/defined.ts';
import { filled, scriptBeside } from '../engine/util/text-beside.ts';

type Scalar = string | number | boolean;
/** Keys in the order of the file. A list repeats its key, a map becomes quoted `NAME=value` assignments. */
type Section = Readonly<Record<string, Scalar | Scalar[] | Readonly<Record<string, Scalar>>>>;

const scalar = { type: ['string', 'number', 'boolean'] };

// The type is stated, not inferred: the values of the keys nest too deeply for the compiler.
const section = (title: string) =>
  ({
    type: 'object',
    description: `Keys of [${title}] in order. A list repeats the key; a map, e.g. for Environment, becomes quoted assignments; several lines become one value.`,
    propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9-]*$' },
    additionalProperties: {
      anyOf: [scalar, { type: 'array', items: scalar }, { type: 'object', additionalProperties: scalar }],
    },
  }) as Schema as { readonly const: Section };

const args = {
  name: text(
    'Full name with its suffix, e.g. `flaskapp.service`; the directory of the file is /etc/systemd/system.',
    {
      pattern:
        '^[A-Za-z0-9:_.\\\\][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]*)?\\.(service|socket|timer|path|target|mount|slice)$',
    },
  ),
  ...wholeText('Complete text of the unit, in the syntax of systemd.'),
  unit: section('Unit'),
  service: section('Service'),
  socket: section('Socket'),
  timer: section('Timer'),
  install: section('Install'),
} as const;
type Arguments = Given<typeof args, 'name'>;

export const systemd_unit = defineModule({
  name: 'systemd_unit',
  summary: 'A systemd unit file, verified before it takes effect and loaded at once.',
  args,
  required: ['name'],
  absent: 'stops and disables it, then removes its file',
  examples: {
    'A service of a web application': {
      name: 'app.service',
      unit: { Description: 'The app', After: ['network.target', 'postgresql.service'] },
      service: {
        User: 'www-data',
        WorkingDirectory: '/srv/app',
        ExecStart: '/srv/app/venv/bin/gunicorn wsgi:app',
        Environment: { LANG: 'C.UTF-8' },
        RuntimeDirectory: 'app',
      },
      install: { WantedBy: 'multi-user.target' },
    },
    'A timer': {
      name: 'report.timer',
      timer: { OnCalendar: 'daily', Persistent: true },
      install: { WantedBy: 'timers.target' },
    },
    'A removed unit': { name: 'old.service', state: 'absent' },
  },
  files: { src: true, template: true },
  secrets: {
    in: [],
    instead:
      'Every account can read units. Put the secret into a `file` with mode "0600", and name the file in EnvironmentFile= or LoadCredential=.',
  },
  identity: ({ name }) => name,
  together: ['A unit is either whole (content, src or template), or has its sections.'],
  refine: args => {
    const sections = sectionsOf(args);
    const isWhole = (args.src ?? args.template ?? args.content) !== undefined;
    if (isWhole === sections.length > 0)
      return [{ says: 'Give either the whole unit, by content, src or template, or its sections.' }];
    const foreign = (['service', 'socket', 'timer'] as const).filter(
      kind => args[kind] !== undefined && !args.name.endsWith(`.${kind}`),
    );
    return [
      foreign.map(at => ({ at, says: `In ${args.name}, systemd would ignore the section for a ${at}.` })),
      sections.flatMap(([title, section]) =>
        linesOf(section)
          .filter(line => /\\$|\n\s*[#;]/.test(line))
          .map(line => ({
            at: title.toLowerCase(),
            says: `${line.split('=')[0]} in [${title}] ends with a backslash or contains a comment, which joins or drops lines.`,
          })),
      ),
    ];
  },
  probes: args => ({
    path: path(unitFile(args.name)),
    content: content(unitFile(args.name)),
    // systemd does not show templates, so a note records an outstanding load.
    owed: isTemplate(args.name) ? owed(args.name) : undefined,
    unit: isTemplate(args.name) ? undefined : unit(args.name),
  }),
  actual: read => {
    const stale = read.unit?.NeedDaemonReload === 'yes' || (read.owed?.length ?? 0) > 0;
    if (read.path === null && !stale) return null;
    const file = read.path?.type === 'file' ? read.path : null;
    return { content: file && read.content, mode: file?.mode ?? null, loaded: !stale };
  },
  desired: args => ({ content: textOf(bytesOf(args)), mode: '0644', loaded: true }),
  obstacles: (args, { unit }, diff) => {
    const says = unloadable(args.name, String(bytesOf(args)));
    // A drop-in may contain the missing settings.
    const isWhole = diff.has('content') && !unit?.DropInPaths;
    return [isWhole && says !== undefined && { says: `${args.name} ${says}: systemd would not load it.` }];
  },
  steps: (diff, args) => {
    const { name } = args;
    const bytes = bytesOf(args);
    const isWritten = diff.has('content') || diff.has('mode');
    return [
      isWritten && owedToTemplate(name),
      isWritten && {
        do: 'checked',
        steps: [{ do: 'write', path: unitFile(name), content: bytes, ...readable }],
        by: ['sh', '-c', verify(name)],
        label: `systemd-analyze verify ${name}`,
        // The programs of a template's instances are unknown.
        programs: isTemplate(name) ? [] : programsOf(String(bytes)),
      },
      daemonReload,
      isTemplate(name) && { do: 'pay', unit: name },
    ];
  },
  remove: ({ name }, read) => {
    const { ActiveState, UnitFileState }: UnitState = read.unit ?? {};
    const all = name.replace('@.', '@*.');
    const stop = { ...systemctl('stop', all, read.unit), ...back(ActiveState === 'active', 'start', all) };
    const disable = { ...systemctl('disable', name), ...back(UnitFileState === 'enabled', 'enable', name) };
    return [
      owedToTemplate(name),
      read.path !== null && [stop, disable],
      { do: 'remove', path: unitFile(name) },
      daemonReload,
      // A removed unit no longer needs its owed restarts.
      { do: 'pay', unit: name },
    ];
  },
  claims: args => pathClaims(unitFile(args.name), 'file', { mode: '0644' }, () => bytesOf(args)),
});

const owedToTemplate = (name: string): Step | false =>
  isTemplate(name) && { do: 'owe', unit: name, action: 'reload', because: name };

/** Returns the undoing of a change, which runs only if the unit was in the old state before. */
const back = (wasSo: boolean, verb: string, name: string) => ({
  undo: wasSo ? { after: ['systemctl', verb, '--', name] } : {},
});

/** Returns the given sections, in the order of the file. */
const sectionsOf = ({ unit, service, socket, timer, install }: Arguments): [title: string, Section][] =>
  Object.entries(defined({ Unit: unit, Socket: socket, Timer: timer, Service: service, Install: install }));

const bytesOf = (args: Arguments): WriteStep['content'] =>
  args.content ??
  sectionsOf(args)
    .map(([title, section]) => [`[${title}]`, ...linesOf(section), ''].join('\n'))
    .join('\n');

const linesOf = (section: Section): string[] =>
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

/**
 * Returns the shell that verifies a unit. Every complaint about this unit counts, even one that systemd would ignore. A
 * missing other unit does not count: a later resource may create it. For a template, the verified instance is made up,
 * so a missing program does not count.
 */
function verify(name: string): string {
  const literal = (text: string) => text.replace(/[.[\]\\]/g, '\\$&');
  const unit = literal(name).replace('@\\.', '@[^:]*\\.');
  const others = ['Unit [^ ]* not found', 'not loaded, socket cannot be started'];
  if (isTemplate(name)) others.push('not executable');
  return filled(verifyScript, {
    ...{ file: shellQuote(unitFile(name)), others: others.join('|') },
    of_file: shellQuote(`^${literal(unitFile(name))}:`),
    of_unit: shellQuote(`^${unit}:`),
  });
}
const verifyScript = scriptBeside(import.meta.url, './systemd-verify.sh');

/** The required keys of each kind of unit: systemd.service(5), systemd.socket(5), systemd.timer(5), systemd.path(5). */
const required: Readonly<Record<string, [example: string, keys: RegExp]>> = {
  service: ['ExecStart=', /^(ExecStart|ExecStop|SuccessAction)$/],
  socket: ['ListenStream= or another Listen key', /^Listen/],
  timer: ['OnCalendar= or another On key', /^On/],
  path: ['PathExists= or the like', /^(Path|Directory)/],
  mount: ['What=', /^What$/],
};

/** Returns why systemd refuses a unit with this text alone, or undefined if no reason is known. */
function unloadable(name: string, text: string): string | undefined {
  const settings = [...text.matchAll(/^[ \t]*(\w+)[ \t]*=[ \t]*(.*)$/gm)].map(([, key, value]) => [
    key!,
    value!,
  ]);
  const [example, keys] = required[name.replace(/.*\./, '')] ?? [];
  if (keys && text.trim() !== '' && !settings.some(([key, value]) => keys.test(key!) && value !== ''))
    return `has no ${example}`;
  const starts = settings.filter(([key]) => key === 'ExecStart').map(([, value]) => value);
  const counted = starts.slice(starts.lastIndexOf('') + 1);
  const isOneshot = settings.findLast(([key]) => key === 'Type')?.[1] === 'oneshot';
  return counted.length > 1 && !isOneshot
    ? 'has more than one ExecStart=, which only Type=oneshot may have'
    : undefined;
}

/**
 * Returns the programs in the text of a unit, as paths or names, without those whose failure the unit ignores. The list
 * is empty for a unit that searches in other places than the system.
 */
function programsOf(unit: string): string[] {
  if (/^\s*(RootDirectory|RootImage|ExecSearchPath)\s*=/m.test(unit)) return [];
  const commands = unit.matchAll(/^[ \t]*Exec[A-Z][A-Za-z]*[ \t]*=[ \t]*([-@:+!|]*)([^\s"'\\%$]+)(?=\s|$)/gm);
  const names = [...commands].filter(([, prefixes]) => !prefixes!.includes('-')).map(([, , name]) => name!);
  return [...new Set(names.filter(name => name.startsWith('/') || !name.includes('/')))];
}
