import { defined, text, wholeText } from '../engine/argument.ts';
import { defineModule, type Given } from '../engine/define-module.ts';
import { pathClaims } from '../engine/path-claims.ts';
import { textOf } from '../engine/plan/diff.ts';
import { content, owed, path, type UnitState, unit } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { Schema } from '../engine/schema-types.ts';
import type { Step } from '../engine/step.ts';
import {
  daemonReload,
  isTemplate,
  programsOf,
  renderUnit,
  type Section,
  sectionProblems,
  systemctl,
  unitFile,
} from './_systemd.ts';

const scalar = { type: ['string', 'number', 'boolean'] };

// The type is said, not inferred: what the keys' values may be is too deep for the compiler.
const section = (title: string) =>
  ({
    type: 'object',
    description: `Keys of [${title}] in order. A list repeats the key; a map, e.g. for Environment, is written as quoted assignments; several lines become one value.`,
    propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9-]*$' },
    additionalProperties: {
      anyOf: [scalar, { type: 'array', items: scalar }, { type: 'object', additionalProperties: scalar }],
    },
  }) as Schema as { readonly const: Section };

const its = {
  name: text(
    'Full name with its suffix, e.g. `flaskapp.service`; the file is written to /etc/systemd/system.',
    {
      pattern:
        '^[A-Za-z0-9:_.\\\\][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]*)?\\.(service|socket|timer|path|target|mount|slice)$',
    },
  ),
  ...wholeText('The whole unit as systemd reads it.'),
  unit: section('Unit'),
  service: section('Service'),
  socket: section('Socket'),
  timer: section('Timer'),
  install: section('Install'),
} as const;
type Arguments = Given<typeof its, 'name'>;

const sectionsOf = ({ unit, service, socket, timer, install }: Arguments) => ({
  Unit: unit,
  Socket: socket,
  Timer: timer,
  Service: service,
  Install: install,
});
const bytesOf = (args: Arguments) => args.content ?? renderUnit(sectionsOf(args));

/**
 * What it says of this unit counts, also what systemd would ignore. That another unit is not there does not count: a
 * later resource may bring it. Of a template it names an instance, whose programs may not be those of any real one.
 */
function verify(name: string): string {
  const literal = (text: string) => text.replace(/[.[\]\\]/g, '\\$&');
  const unit = literal(name).replace('@\\.', '@[^:]*\\.');
  const others = ['Unit [^ ]* not found', 'not loaded, socket cannot be started'];
  if (isTemplate(name)) others.push('not executable');
  return `said=$(systemd-analyze verify --man=no ${shellQuote(unitFile(name))} 2>&1); exit=$?
ours=$(printf '%s\\n' "$said" | grep -e ${shellQuote(`^${literal(unitFile(name))}:`)} -e ${shellQuote(`^${unit}:`)})
others='${others.join('|')}'
if printf '%s\\n' "$ours" | grep -Eq "$others"; then exit=0; ours=$(printf '%s\\n' "$ours" | grep -Ev "$others"); fi
[ -n "$ours" ] || exit 0
printf '%s\\n' "$ours" >&2
[ $exit -eq 0 ] && ! printf '%s\\n' "$ours" | grep -Eq 'ignoring|Unknown|not executable|Refusing|Failed to'`;
}

export const systemd_unit = defineModule({
  name: 'systemd_unit',
  summary: 'A systemd unit file, checked before it takes effect and loaded at once.',
  args: its,
  required: ['name'],
  absent: 'stops and disables it, then removes its file',
  examples: [
    {
      title: 'A service of a web application',
      args: {
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
    },
    {
      title: 'A timer',
      args: {
        name: 'report.timer',
        timer: { OnCalendar: 'daily', Persistent: true },
        install: { WantedBy: 'timers.target' },
      },
    },
    { title: 'A unit that is gone', args: { name: 'old.service', state: 'absent' } },
  ],
  files: { src: true, template: true },
  secrets: {
    in: [],
    instead:
      'Units can be read by every account. Put it into a `file` with mode "0600" that EnvironmentFile= or LoadCredential= names.',
  },
  identity: ({ name }) => name,
  refine: args => {
    const sections = Object.entries(sectionsOf(args)).filter(([, keys]) => keys !== undefined);
    const whole = args.src !== undefined || args.template !== undefined || args.content !== undefined;
    if (whole === sections.length > 0)
      return [{ says: 'give the unit either whole, by content, src or template, or as sections' }];
    const foreign = (['service', 'socket', 'timer'] as const).filter(
      kind => args[kind] !== undefined && !args.name.endsWith(`.${kind}`),
    );
    return [
      ...foreign.map(at => ({
        at,
        says: `${args.name} has no section for a ${at}: systemd would ignore it`,
      })),
      ...sections.flatMap(([title, keys = {}]) =>
        sectionProblems(title, keys).map(says => ({ at: title.toLowerCase(), says })),
      ),
    ];
  },
  probes: args => ({
    path: path(unitFile(args.name)),
    content: content(unitFile(args.name)),
    // systemd refuses to show a template, so what is to be loaded after a cut is noted instead.
    ...defined({
      owed: isTemplate(args.name) ? owed(args.name) : undefined,
      unit: isTemplate(args.name) ? undefined : unit(args.name),
    }),
  }),
  actual: read => {
    const stale = read.unit?.NeedDaemonReload === 'yes' || (read.owed?.length ?? 0) > 0;
    if (read.path === null && !stale) return null;
    const isFile = read.path?.type === 'file';
    return {
      content: isFile ? read.content : null,
      mode: isFile ? read.path!.mode : null,
      loaded: !stale,
    };
  },
  desired: args => ({ content: textOf(bytesOf(args)), mode: '0644', loaded: true }),
  steps: (diff, args) => {
    const { name } = args;
    const noted = isTemplate(name);
    const write = {
      do: 'write',
      path: unitFile(name),
      content: bytesOf(args),
      owner: 'root',
      group: 'root',
      mode: '0644',
    } as const;
    const verified = {
      by: ['sh', '-c', verify(name)],
      label: `systemd-analyze verify ${name}`,
      // Of instances nobody knows.
      programs: noted ? [] : programsOf(String(write.content)),
    };
    const isWritten = diff.has('content') || diff.has('mode');
    return [
      ...(noted && isWritten ? [{ do: 'owe', unit: name, action: 'reload', because: name } as const] : []),
      ...(isWritten ? [{ do: 'checked', steps: [write], ...verified } as const] : []),
      daemonReload,
      ...(noted ? [{ do: 'pay', unit: name } as const] : []),
    ];
  },
  remove: ({ name }, read) => {
    const { ActiveState, UnitFileState }: UnitState = read.unit ?? {};
    const after = (is: boolean, verb: string, of: string) =>
      is ? { after: ['systemctl', verb, '--', of] } : {};
    const all = name.replace('@.', '@*.');
    const off: Step[] = [
      systemctl('stop', all, read.unit, after(ActiveState === 'active', 'start', all)),
      systemctl('disable', name, read.unit, after(UnitFileState === 'enabled', 'enable', name)),
    ];
    return [
      ...(isTemplate(name) ? [{ do: 'owe', unit: name, action: 'reload', because: name } as const] : []),
      ...(read.path === null ? [] : off),
      { do: 'remove', path: unitFile(name) },
      daemonReload,
      // What was owed to it by whoever started it is owed no more.
      { do: 'pay', unit: name },
    ];
  },
  claims: args => pathClaims(unitFile(args.name), 'file', { mode: '0644' }, () => bytesOf(args)),
});
