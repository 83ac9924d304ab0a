import type { Refusal } from '../engine/module.ts';
import { text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf } from '../engine/module-kit/state-text.ts';
import { content, Missing, owed, path, type Readings, type UnitState, unit } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import { daemonReload, isTemplate, systemctl } from '../engine/steps/unit-steps.ts';
import { dropInFolders, laterDropIns, overriding } from './_drop-ins.ts';
import {
  isPrefix,
  isQuadlet,
  kindOf,
  misnamed,
  missingUnit,
  placeOf,
  quadletKinds,
  unitKinds,
} from './_unit-names.ts';
import {
  bytesOf,
  foreignSections,
  linesOf,
  sectionsOf,
  settingsIn,
  textArguments,
  unloadable,
} from './_unit-text.ts';
import { generator, writeVerified } from './_unit-verify.ts';

const args = {
  name: text(
    'Full name with its suffix, e.g. `flaskapp.service`, or `web.container` for a file of Quadlet; with `of`, the name of the drop-in, such as `limits`. The directory of the file is /etc/systemd/system, or /etc/containers/systemd for Quadlet.',
    { pattern: '^(?!\\.[a-z]+$)[A-Za-z0-9:_.\\\\][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]*)?$' },
  ),
  of: text('Unit that a drop-in extends, such as `nginx.service`.', {
    pattern: `^[A-Za-z0-9:_.\\\\-]+(@[A-Za-z0-9:_.\\\\-]*)?\\.(${unitKinds.join('|')})$`,
  }),
  ...textArguments,
} as const;
type Arguments = Given<typeof args, 'name'>;

export const systemd_unit = defineModule({
  name: 'systemd_unit',
  summary:
    'A systemd unit file, a drop-in or a file of Quadlet, verified before it takes effect and loaded at once.',
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
    'Settings of a unit that a package brings': {
      name: 'limits',
      of: 'nginx.service',
      service: { LimitNOFILE: 65536 },
    },
    'A container that Podman runs': {
      name: 'web.container',
      container: { Image: 'docker.io/library/nginx:1.28', PublishPort: '8080:80' },
      install: { WantedBy: 'multi-user.target' },
    },
    'A removed unit': { name: 'old.service', state: 'absent' },
  },
  files: { src: true, template: true },
  secrets: {
    in: [],
    instead:
      'Every account can read units. Put the secret into a `file` with mode "0600", and name the file in EnvironmentFile= or LoadCredential=.',
  },
  identity: ({ name, of }) => (of === undefined ? name : `${of}.d/${name}.conf`),
  together: [
    'A unit is either whole (content, src or template), or has its sections.',
    'A drop-in of a package’s unit stays when the package changes its file.',
  ],
  refine: args => {
    const misspelt = nameless(args);
    if (misspelt) return [misspelt];
    const sections = sectionsOf(args);
    const whole = args.src ?? args.template ?? args.content;
    const settings = settingsIn(whole === undefined ? String(bytesOf(args)) : String(args.content ?? ''));
    const setting = (key: string) => settings.findLast(each => each.key === key)?.value;
    const misnaming = args.of === undefined ? misnamed(args.name, setting) : undefined;
    return [
      (whole !== undefined) === sections.length > 0 && {
        says: 'Give either the whole unit, by content, src or template, or its sections.',
      },
      misnaming !== undefined && { at: 'name', says: misnaming },
      isQuadlet(args.name) &&
        setting('ServiceName') !== undefined && {
          at: kindOf(args.name),
          says: `ServiceName= gives the service another name than ${placeOf(args).unit}, which \`service\` names.`,
        },
      foreignSections(args.of ?? args.name, args).map(at => ({
        at,
        says: `In ${args.of ?? args.name}, systemd would ignore the section for a ${at}.`,
      })),
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
  probes: probesOf,
  actual(read, args) {
    const isUnknown =
      read.unit?.LoadState === 'not-found' || (read.template === null && read.templateOfPackage === null);
    if (args.of !== undefined && isUnknown) return missingUnit(args.of);
    // An old Podman without the generator is an obstacle.
    if (isQuadlet(args.name) && !read.generator && !read.podman)
      return Missing.fromPackages('podman', 'podman');
    const other = read.inForce && overriding(String(bytesOf(args)), read.inForce);
    const state = stateOf(read, args);
    return state && { ...state, ...(other && { [other.key]: other.other }) };
  },
  desired: (args, read) => {
    const other = read?.inForce && overriding(String(bytesOf(args)), read.inForce);
    return {
      content: textOf(bytesOf(args)),
      mode: '0644',
      loaded: true,
      ...(other && { [other.key]: other.value }),
    };
  },
  obstacles: (args, read, diff) => {
    if (diff.kind === 'remove') return [];
    const { path } = placeOf(args);
    const text = String(bytesOf(args));
    const says = args.of === undefined ? unloadable(args.name, text) : undefined;
    // A drop-in may contain the missing settings.
    const isWhole = diff.has('content') && !read.unit?.DropInPaths;
    const other = read.inForce && overriding(text, read.needsInForce ?? read.inForce);
    return [
      isQuadlet(args.name) &&
        !read.generator && {
          says: `Podman on this host has no generator for files of Quadlet, such as ${args.name}: they need Podman 4.4.`,
          fix: 'Install a newer Podman, or write a `systemd_unit` that runs `podman run`.',
        },
      isWhole &&
        says !== undefined && {
          says: `${args.name} ${says}: systemd would not load it.`,
        },
      other !== undefined && {
        says: `${other.file} sets ${other.key} to ${other.other || 'nothing'} and wins: systemd reads it after ${path}.`,
        fix: 'Take the line out of that file in an earlier resource, or give this drop-in a later name.',
        unsure: !read.needsInForce,
      },
    ];
  },
  steps: (diff, args, { folder }) => {
    const place = placeOf(args);
    const isWritten = diff.has('content') || diff.has('mode');
    return [
      isWritten && owedLoad(args),
      isWritten && folder === null && { do: 'directory', path: place.folder },
      isWritten && writeVerified(args, place, bytesOf(args)),
      daemonReload,
      isPattern(args) && { do: 'pay', unit: noteOf(args) },
    ];
  },
  removal: {
    refine: args => [nameless(args)],
    actual: (read: Read, args) => stateOf(read, args),
  },
  remove: (args, read) => {
    const { path, unit } = placeOf(args);
    const { ActiveState, UnitFileState }: UnitState = read.unit ?? {};
    const all = unit.replace('@.', '@*.');
    const stop = { ...systemctl('stop', all, read.unit), ...back(ActiveState === 'active', 'start', all) };
    const disable = { ...systemctl('disable', unit), ...back(UnitFileState === 'enabled', 'enable', unit) };
    const isOwn = args.of === undefined && read.path !== null;
    return [
      owedLoad(args),
      isOwn && stop,
      isOwn && !isQuadlet(args.name) && disable,
      { do: 'remove', path },
      daemonReload,
      // A removed unit no longer needs its owed restarts.
      (args.of === undefined || isPattern(args)) && { do: 'pay', unit: noteOf(args) },
    ];
  },
  claims: args => pathClaims(placeOf(args).path, 'file', { mode: '0644' }, () => bytesOf(args)),
});

function probesOf(args: Arguments) {
  const { name, of } = args;
  const { path: at, folder, unit: read } = placeOf(args);
  const later = (about: readonly string[]) => (of === undefined ? undefined : laterDropIns(of, at, about));
  const template = (root: string) =>
    of !== undefined && isTemplate(of) ? path(`${root}/systemd/system/${of}`) : undefined;
  return {
    path: path(at),
    content: content(at),
    // systemd does not show templates, so a note records an outstanding load.
    owed: isPattern(args) ? owed(noteOf(args)) : undefined,
    unit: isPattern(args) ? undefined : unit(read),
    folder: of !== undefined || isQuadlet(name) ? path(folder) : undefined,
    template: template('/etc'),
    templateOfPackage: template('/usr/lib'),
    // The drop-ins as they are before the play. One that an earlier resource changes is only a doubt.
    inForce: later([]),
    needsInForce: later(of === undefined ? [] : dropInFolders(of)),
    generator: isQuadlet(name) ? path(generator) : undefined,
    podman: isQuadlet(name) ? path('/usr/bin/podman') : undefined,
  };
}
type Read = Readings<ReturnType<typeof probesOf>>;

/** Returns the state of the file, or null if there is neither a file nor a load that is outstanding. */
function stateOf(read: Read, args: Arguments) {
  const isLoaded = !isStale(read, args);
  if (read.path === null && isLoaded) return null;
  const file = read.path?.type === 'file' ? read.path : null;
  return { content: file && read.content, mode: file?.mode ?? null, loaded: isLoaded };
}

/** Whether systemd has not read the file yet, or still knows a file that is gone. */
function isStale({ path, unit, owed }: Read, args: Arguments): boolean {
  const { LoadState, NeedDaemonReload, DropInPaths = '' } = unit ?? {};
  if (NeedDaemonReload === 'yes' || (owed?.length ?? 0) > 0) return true;
  // systemd 252 does not notice a new folder of drop-ins.
  if (args.of !== undefined)
    return LoadState === 'loaded' && (path !== null) !== DropInPaths.split(' ').includes(placeOf(args).path);
  return isQuadlet(args.name) && path !== null && LoadState === 'not-found';
}

/** Whether systemd shows no unit of the name: the file is for the instances of a template, or for many units. */
const isPattern = (args: Arguments): boolean =>
  isTemplate(placeOf(args).unit) || (args.of !== undefined && isPrefix(args.of));

/** The name of the note of an outstanding load, or of the owed restarts of the unit. */
const noteOf = (args: Arguments): string =>
  args.of === undefined ? placeOf(args).unit : `${args.of}.d/${args.name}.conf`;

const owedLoad = (args: Arguments): Step | false =>
  isPattern(args) && { do: 'owe', unit: noteOf(args), action: 'reload', because: args.name };

/** Returns the undoing of a change, which runs only if the unit was in the old state before. */
const back = (wasSo: boolean, verb: string, name: string) => ({
  undo: wasSo ? { after: ['systemctl', verb, '--', name] } : {},
});

/** Returns the refusal of a name without the suffix of a unit, or of a drop-in's name with one. */
function nameless({ name, of }: Arguments): Refusal | false {
  const hasSuffix = [...unitKinds, ...quadletKinds].some(kind => kind === kindOf(name));
  if (of !== undefined)
    return name.endsWith('.conf') && { at: 'name', says: `Write ${name.slice(0, -5)}: the file gets .conf.` };
  return (
    !hasSuffix && {
      at: 'name',
      says: `${name} has no suffix of a unit, such as .service. For a drop-in, \`of\` names the unit.`,
    }
  );
}
