import { defineModule } from '../engine/define-module.ts';
import { textOf } from '../engine/plan/diff.ts';
import { content, owed, path, unit } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { Step } from '../engine/step.ts';
import { pathClaims } from './_files.ts';
import { daemonReload, isTemplate, renderUnit, type Section, sectionProblems } from './_systemd.ts';

// The type is cut short: inferring the values' types as well is too deep for the compiler.
const section = (title: string): { type: 'object'; additionalProperties: true; description: string } =>
  ({
    type: 'object',
    description: `Keys of [${title}] in order. A list repeats the key; a map, e.g. for Environment, is written as quoted assignments; several lines become one value.`,
    propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9-]*$' },
    additionalProperties: {
      anyOf: [
        { type: ['string', 'number', 'boolean'] },
        { type: 'array', items: { type: ['string', 'number', 'boolean'] } },
        { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
      ],
    },
  }) as object as { type: 'object'; additionalProperties: true; description: string };

interface Source {
  name: string;
  content?: string | Buffer;
  src?: string;
  template?: string;
  unit?: Section;
  service?: Section;
  socket?: Section;
  timer?: Section;
  install?: Section;
}

const sectionsOf = (args: unknown) => {
  const { unit, service, socket, timer, install } = args as Source;
  return { Unit: unit, Socket: socket, Timer: timer, Service: service, Install: install };
};
const fileOf = (name: string) => `/etc/systemd/system/${name}`;
const bytesOf = (args: unknown) => (args as Source).content ?? renderUnit(sectionsOf(args));

// What verify says of other units is theirs; of this one, also what systemd would ignore is a mistake.
function verify(name: string): string {
  const [file, unit] = [fileOf(name), name].map(text => text.replace(/[.[\]\\]/g, '\\$&'));
  return `said=$(systemd-analyze verify ${shellQuote(fileOf(name))} 2>&1); exit=$?
ours=$(printf '%s\\n' "$said" | grep -e ${shellQuote(`^${file}:`)} -e ${shellQuote(`^${unit}:`)})
[ -n "$ours" ] || exit 0
printf '%s\\n' "$ours" >&2
[ $exit -eq 0 ] && ! printf '%s\\n' "$ours" | grep -Eq 'ignoring|Unknown|not executable'`;
}

export const systemd_unit = defineModule({
  name: 'systemd_unit',
  summary: 'A systemd unit file, checked before it takes effect and loaded at once.',
  args: {
    type: 'object',
    properties: {
      name: {
        type: 'string',
        pattern:
          '^[A-Za-z0-9:_.\\\\][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]*)?\\.(service|socket|timer|path|target|mount|slice)$',
        description:
          'Full name with its suffix, e.g. `flaskapp.service`; the file is written to /etc/systemd/system.',
      },
      content: { type: 'string', description: 'The whole unit as systemd reads it.' },
      src: { type: 'string', description: 'A file beside the playbook with the whole unit.' },
      template: { type: 'string', description: 'A template beside the playbook that gives the whole unit.' },
      unit: section('Unit'),
      service: section('Service'),
      socket: section('Socket'),
      timer: section('Timer'),
      install: section('Install'),
      state: {
        enum: ['present', 'absent'],
        default: 'present',
        description: 'Whether the unit exists; `absent` stops and disables it, then removes its file.',
      },
    },
    required: ['name'],
    additionalProperties: false,
  },
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
    const { content, src, template } = args as Source;
    const sections = Object.entries(sectionsOf(args)).filter(([, keys]) => keys !== undefined);
    const whole = src !== undefined || template !== undefined || content !== undefined;
    if (args.state === 'absent') return [];
    if (whole === sections.length > 0)
      return ['give the unit either whole, by content, src or template, or as sections'];
    return sections.flatMap(([title, keys]) => sectionProblems(title, keys ?? {}));
  },
  probes: ({ name }) => ({
    path: path(fileOf(name)),
    content: content(fileOf(name)),
    // systemd refuses to show a template, so what is to be loaded after a cut is noted instead.
    ...(isTemplate(name) ? { owed: owed(name) } : { unit: unit(name) }),
  }),
  actual: read => {
    const stale = 'unit' in read ? read.unit?.NeedDaemonReload === 'yes' : read.owed!.length > 0;
    if (read.path === null && !stale) return null;
    return {
      content: read.path?.type === 'file' ? read.content : null,
      mode: read.path?.type === 'file' ? read.path.mode : null,
      loaded: !stale,
    };
  },
  desired: args =>
    args.state === 'absent' ? null : { content: textOf(bytesOf(args)), mode: '0644', loaded: true },
  steps: (diff, args, read) => {
    const { name } = args;
    const file = fileOf(name);
    const [before, after]: Step[][] = isTemplate(name)
      ? [
          [{ do: 'owe', unit: name, action: 'reload', because: name }],
          [daemonReload, { do: 'pay', unit: name }],
        ]
      : [[], [daemonReload]];
    if (diff.kind === 'remove') {
      const was = 'unit' in read ? read.unit : undefined;
      const turnOff = (verb: string, of: string, back: string, on: boolean): Step => ({
        do: 'run',
        command: ['systemctl', verb, '--', of],
        undo: on ? { after: ['systemctl', back, '--', of] } : {},
      });
      const stop = turnOff('stop', name.replace('@.', '@*.'), 'start', was?.ActiveState === 'active');
      const disable = turnOff('disable', name, 'enable', was?.UnitFileState === 'enabled');
      const off = read.path === null ? [] : [stop, disable];
      // What was owed to it by whoever started it is owed no more.
      return [...before!, ...off, { do: 'remove', path: file }, daemonReload, { do: 'pay', unit: name }];
    }
    if (!diff.has('content') && !diff.has('mode')) return after!;
    const write = {
      do: 'write',
      path: file,
      content: bytesOf(args),
      owner: 'root',
      group: 'root',
      mode: '0644',
    } as const;
    const by = ['sh', '-c', verify(name)];
    const label = `systemd-analyze verify ${name}`;
    return [...before!, { do: 'checked', steps: [write], by, label }, ...after!];
  },
  claims: args =>
    args.state === 'absent'
      ? pathClaims(fileOf(args.name), 'nothing')
      : pathClaims(fileOf(args.name), 'file', { mode: '0644' }, () => bytesOf(args)),
  brings: args => [
    { token: `unit:${args.name}` },
    {
      token: `path:${fileOf(args.name)}`,
      ...(args.state === 'absent' ? {} : { content: Buffer.from(bytesOf(args)) }),
    },
  ],
});
