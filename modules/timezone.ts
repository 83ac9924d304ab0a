import { text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { Missing, owed, type PathState, path, content as textAt } from '../engine/probe.ts';

const link = '/etc/localtime';
/** The name of the zone once more, which some programs read. New hosts have no such file. */
const named = '/etc/timezone';
const zones = '/usr/share/zoneinfo/';
/** The note of the owed restart of cron. */
const note = 'timezone';

export const timezone = defineModule({
  name: 'timezone',
  summary:
    'The time zone of the host: the link /etc/localtime, and the name in /etc/timezone if that file exists.',
  args: {
    name: text(
      'Name of the zone in tzdata, such as `Europe/Berlin`. A changed zone restarts cron if it runs; other services keep the old zone until their restart.',
      { pattern: '^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$' },
    ),
  },
  required: ['name'],
  examples: {
    'The zone of the users': { name: 'Europe/Berlin' },
    'Universal time': { name: 'Etc/UTC' },
  },
  identity: () => link,
  probes: ({ name }) => ({
    found: path(link),
    zone: path(zones + name),
    file: textAt(named),
    owed: owed(note),
  }),
  actual: ({ found, zone, file, owed }, { name }) => {
    if (zone === null) return new Missing(`the time zone ${name}`, bringers, advice);
    return { zone: zoneOf(found), file: file?.bytes?.toString().trim(), cron: isDone(owed.length === 0) };
  },
  // The package sets a zone only on a host without one.
  fresh: (_args, { found }) => ({ zone: found ? zoneOf(found) : 'Etc/UTC', cron: isDone(true) }),
  desired: ({ name }, read) => ({ zone: name, file: read?.file ? name : undefined, cron: isDone(true) }),
  obstacles: ({ name }, { zone }) => [
    zone?.type === 'directory' && {
      says: `${name} is a folder of time zones.`,
      fix: `List its zones with\n    ls ${zones}${name}`,
    },
  ],
  owes: () => ({ unit: note, action: 'restart', steps: [restartCron] }),
  steps: (diff, { name }) => [
    diff.has('zone') && { do: 'link', path: link, target: zones + name },
    diff.has('file') && { do: 'write', path: named, content: `${name}\n` },
  ],
  claims: ({ name }) => ({
    ...pathClaims(link, 'link'),
    [`the target of ${link}`]: zones + name,
    ...pathClaims(named, undefined, {}, () => `${name}\n`),
  }),
});

const bringers = ['package:tzdata', 'package:tzdata-legacy'];
const advice =
  'Install tzdata, or check the name with\n    timedatectl list-timezones\nSince Debian 13, old names such as US/Pacific are in tzdata-legacy.';

/** Returns the name of the zone that /etc/localtime leads to, or what else is there. */
function zoneOf(found: PathState | null): string {
  if (found === null) return 'UTC, without a link';
  return found.target?.replace(/^.*\/zoneinfo\//, '') ?? `a ${found.type} in place of the link`;
}

const isDone = (done: boolean) => (done ? 'restarted' : 'with the old zone');

const restartCron = {
  do: 'run',
  label: 'restart cron if it runs',
  command: '! systemctl -q is-active cron.service || systemctl restart cron.service',
  undo: { after: '! systemctl -q is-active cron.service || systemctl restart cron.service' },
  touches: [],
} as const;
