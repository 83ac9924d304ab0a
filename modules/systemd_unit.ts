import type { Refusal } from '../engine/module.ts';
import { accountName, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf } from '../engine/module-kit/state-text.ts';
import { Missing, type UnitState } from '../engine/probe.ts';
import type { Step } from '../engine/step.ts';
import { daemonReload, systemctl } from '../engine/steps/unit-steps.ts';
import { overriding } from './_drop-ins.ts';
import { isQuadlet, kindOf, misnamed, missingUnit, placeOf, quadletKinds, unitKinds } from './_unit-names.ts';
import { isPattern, noteOf, probesOf, type Read, stateOf, userState } from './_unit-reading.ts';
import {
  bytesOf,
  foreignSections,
  linesOf,
  sectionsOf,
  settingsIn,
  textArguments,
  unloadable,
} from './_unit-text.ts';
import { writeVerified } from './_unit-verify.ts';
import { newUserUnit, obstaclesTo, userUnitIn, userUnitRemoval, userUnitSteps } from './_user-units.ts';

const args = {
  name: text(
    'Full name with its suffix, e.g. `flaskapp.service`, or `web.container` for a file of Quadlet; with `of`, the name of the drop-in, such as `limits`. The directory of the file is /etc/systemd/system, or /etc/containers/systemd for Quadlet.',
    { pattern: '^(?!\\.[a-z]+$)[A-Za-z0-9:_.\\\\][A-Za-z0-9:_.\\\\-]*(@[A-Za-z0-9:_.\\\\-]*)?$' },
  ),
  of: text('Unit that a drop-in extends, such as `nginx.service`.', {
    pattern: `^[A-Za-z0-9:_.\\\\-]+(@[A-Za-z0-9:_.\\\\-]*)?\\.(${unitKinds.join('|')})$`,
  }),
  user: {
    ...accountName,
    description:
      'Account whose service manager runs the unit. The file is in ~/.config/systemd/user, and the manager runs from the boot on, without a login (lingering).',
  },
  ...textArguments,
} as const;
type Arguments = Given<typeof args, 'name'>;

export const systemd_unit = defineModule({
  name: 'systemd_unit',
  summary:
    'A systemd unit file, a drop-in or a file of Quadlet, verified before it takes effect and loaded at once.',
  args,
  required: ['name'],
  absent: 'stops and disables it, then removes its file; the unit of a removed drop-in runs on',
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
    'A service of an account': {
      name: 'bot.service',
      user: 'deploy',
      service: { ExecStart: '/home/deploy/bot/run' },
      install: { WantedBy: 'default.target' },
    },
    'A removed unit': { name: 'old.service', state: 'absent' },
  },
  files: { src: 'src', template: true },
  secrets: {
    in: [],
    instead:
      'Every account can read units. Put the secret into a `file` with mode "0600", and name the file in EnvironmentFile= or LoadCredential=.',
  },
  identity: ({ name, of, user }) =>
    of !== undefined ? `${of}.d/${name}.conf` : user === undefined ? name : `${name} of ${user}`,
  together: [
    'A unit is either whole (content, src or template), or has its sections.',
    'In a section, a list repeats its key; a map, e.g. for Environment, becomes quoted assignments; several lines become one value.',
    'With `of`, the file is a drop-in; with `user`, a unit of that account.',
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
      args.user !== undefined &&
        (args.of !== undefined || isQuadlet(args.name)) && {
          at: 'user',
          says: 'Drop-ins and files of Quadlet belong to the service manager of the system: leave out the user.',
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
    if (args.user !== undefined) return userState(read, args);
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
      ...(args.user !== undefined && { owner: args.user, linger: true }),
      loaded: true,
      ...(other && { [other.key]: other.value }),
    };
  },
  obstacles: (args, read, diff) => {
    const own = read.found && userUnitIn(read.found, args.name);
    if (own !== undefined) return obstaclesTo(own, args.user!);
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
  steps: (diff, args, read) => {
    const place = placeOf(args);
    const isWritten = ['content', 'mode', 'owner'].some(key => diff.has(key));
    if (args.user !== undefined)
      return userUnitSteps(args.user, args.name, ofUser(args.user, args.name, read), bytesOf(args), {
        isWritten,
        isLingering: diff.has('linger'),
      });
    return [
      isWritten && owedLoad(args),
      isWritten && read.folder === null && { do: 'directory', path: place.folder },
      isWritten && writeVerified(args, place, bytesOf(args)),
      daemonReload,
      isPattern(args) && { do: 'pay', unit: noteOf(args) },
    ];
  },
  removal: {
    refine: args => [nameless(args)],
    actual: (read: Read, args) =>
      args.user === undefined ? stateOf(read, args) : userState(read, args, true),
  },
  remove: (args, read) => {
    if (args.user !== undefined)
      return userUnitRemoval(args.user, args.name, ofUser(args.user, args.name, read));
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

const ofUser = (user: string, name: string, { found, account }: Read) =>
  (found && userUnitIn(found, name)) ?? newUserUnit(user, name, account ?? null);

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
