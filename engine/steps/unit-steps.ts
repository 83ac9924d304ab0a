import type { Effect } from '../effect.ts';
import { unitAt } from '../host-knowledge.ts';
import type { UnitState } from '../probe.ts';
import { shellQuote } from '../quote.ts';
import type { RunStep, Step } from '../step.ts';

const suffixes = /\.(service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/;

/** A unit's full name: `nginx` → `nginx.service`, as systemctl reads it. */
export const unitName = (name: string): string => (suffixes.test(name) ? name : `${name}.service`);

/** Whether a unit is a template, such as `worker@.service`. systemd knows only its instances. */
export const isTemplate = (name: string): boolean => /@\.[a-z]+$/.test(name);

/** Returns the path of the administrator's file of a unit, or of its mask. It comes before the files of packages. */
export const unitFile = (name: string): string => `/etc/systemd/system/${name}`;

/** The attributes of a unit's file or drop-in. */
export const readable = { owner: 'root', group: 'root', mode: '0644' } as const;

/** Returns the claim on whether a unit runs. */
export const runsClaim = (unit: string): string => `whether ${unit} runs`;

export const daemonReload: RunStep = {
  do: 'run',
  command: ['systemctl', 'daemon-reload'],
  undo: { after: ['systemctl', 'daemon-reload'] },
  touches: [{ kind: 'daemon-reload' }],
};

const opposite = {
  enable: 'disable',
  reenable: 'reenable',
  disable: 'enable',
  mask: 'unmask',
  unmask: 'mask',
  stop: 'start',
} as const;

/** Adds a daemon-reload to steps that write unit files. systemd itself does not notice a new folder of drop-ins. */
export function reloading(steps: readonly Step[]): readonly Step[] {
  const isOfUnit = (step: Step): boolean =>
    step.do === 'checked'
      ? step.steps.some(isOfUnit)
      : ['write', 'link', 'remove'].includes(step.do) && 'path' in step && unitAt(step.path) !== undefined;
  const isRead = steps.some(
    step => step.do === 'run' && step.touches?.some(({ kind }) => kind === 'daemon-reload') === true,
  );
  return steps.some(isOfUnit) && !isRead ? [...steps, daemonReloadIfThere] : steps;
}

/** The same for a host that may run without systemd. */
export const daemonReloadIfThere: RunStep = {
  ...daemonReload,
  label: 'systemctl daemon-reload',
  command: '[ ! -d /run/systemd/system ] || systemctl daemon-reload',
};

/**
 * Returns the step of one verb of systemctl, for the reading `unit`. Its opposite undoes it, before files are restored.
 * `reenable` replaces the links of an enabled unit by those that its [Install] asks for.
 */
export function systemctl(verb: keyof typeof opposite, name: string, unit: UnitState = {}): RunStep {
  const words = [...(verb.endsWith('mask') && isMaskedUntilBoot(unit) ? ['--runtime'] : []), '--', name];
  const back = ['systemctl', opposite[verb], ...words];
  return {
    do: 'run',
    command: ['systemctl', verb, ...words],
    undo: ['stop', 'reenable'].includes(verb) ? { after: back } : { before: back },
    // All verbs but `stop` make systemd read all of its files anew.
    touches:
      verb === 'stop' ? stops(name, unit) : [...touchesOf(verb, name, unit), { kind: 'daemon-reload' }],
  };
}

/** Whether the mask of a unit is a link in /run, which the next boot removes. */
export const isMaskedUntilBoot = ({ UnitFileState }: UnitState): boolean =>
  UnitFileState === 'masked-runtime';

const set = (name: string, sets: Readonly<Record<string, string | undefined>>) =>
  ({ kind: 'unit', name, sets }) satisfies Effect;

const names = (unit: UnitState, ...properties: readonly string[]): string[] =>
  properties.flatMap(property => unit[property]?.split(' ') ?? []).filter(name => name !== '');

/** Returns the effects of a stop. The units that need the unit stop with it. */
const stops = (name: string, unit: UnitState): Effect[] =>
  [name, ...names(unit, 'ConsistsOf', 'RequiredBy', 'BoundBy')].map(each =>
    set(each, { ActiveState: 'inactive', SubState: 'dead' }),
  );

/** Returns the effects of a start that was proven. A unit that triggers it may start, too. */
const starts = (name: string, unit: UnitState, ifDue: boolean): Effect[] => [
  {
    ...set(name, {
      LoadState: 'loaded',
      ActiveState: 'active',
      SubState: undefined,
      NRestarts: '0',
      DownParts: '',
    }),
    ...(ifDue && { ifDue }),
  },
  ...names(unit, 'TriggeredBy').map(each => set(each, { ActiveState: undefined, SubState: undefined })),
  ...names(unit, 'Conflicts', 'ConflictedBy')
    .filter(each => !each.endsWith('.target'))
    .map(each => set(each, { ActiveState: 'inactive', SubState: 'dead' })),
  // The units that it requires start with it, and the units that it wants, if they can.
  ...startedBy(unit, 'Requires', 'active'),
  ...startedBy(unit, 'Wants', undefined),
];

const startedBy = (unit: UnitState, property: string, ActiveState: string | undefined): Effect[] =>
  names(unit, property)
    .filter(each => /\.(service|socket|timer|path)$/.test(each))
    .map(each => ({ ...set(each, { ActiveState, SubState: undefined }), unlessActive: true }));

function touchesOf(verb: Exclude<keyof typeof opposite, 'stop'>, name: string, unit: UnitState): Effect[] {
  const path = unitFile(name);
  if (verb === 'mask')
    return [
      { kind: 'link', path, target: '/dev/null' },
      set(name, { LoadState: 'masked', UnitFileState: 'masked' }),
    ];
  // The unit behind a mask is known only after the unmasking.
  if (verb === 'unmask')
    return [
      { kind: 'removal', path: isMaskedUntilBoot(unit) ? `/run/systemd/system/${name}` : path },
      set(name, { LoadState: undefined, UnitFileState: undefined }),
    ];
  const known = new Set(names(unit, 'Asked', 'Links'));
  const links = known.size > 0 ? [...known] : [`${usualTarget(name)}.wants/${name}`];
  const UnitFileState = verb === 'disable' ? 'disabled' : 'enabled';
  return [
    set(name, { UnitFileState, Links: verb === 'disable' ? '' : unit['Asked'] }),
    ...names(unit, 'Also').map(each => set(each, { UnitFileState })),
    // An unknown file may name these units as Also=.
    ...(unit['Also'] === undefined ? names(unit, 'TriggeredBy') : []).map(each =>
      set(each, { UnitFileState: undefined }),
    ),
    ...links.map((link): Effect => ({ kind: 'below', path: unitFile(link) })),
  ];
}

/** Returns the target that usually starts a unit of this kind: systemd.special(7). */
function usualTarget(name: string): string {
  const kind = name.slice(name.lastIndexOf('.') + 1);
  if (['socket', 'timer', 'path'].includes(kind)) return `${kind}s.target`;
  if (['mount', 'automount'].includes(kind)) return 'local-fs.target';
  return kind === 'swap' ? 'swap.target' : 'multi-user.target';
}

/** The time limit for a start in seconds. systemd itself gives up after 90, unless the unit sets another limit. */
export const startLimitS = 300;

// A socket opens only while its service does not run, and fails if its service has failed too often.
const free = `systemctl reset-failed -- "$u" 2>/dev/null
case $u in *.socket)
  for t in $(is Triggers); do
    systemctl reset-failed -- "$t" 2>/dev/null
    case $(is ActiveState "$t") in active | activating | reloading) held="$held $t" ;; esac
  done
  [ -z "$held" ] || systemctl stop -- "$u" $held || fail 'could not stop to be opened anew' ;;
esac
`;

/**
 * Returns a step that starts or restarts a unit and checks it again after `settleS` seconds. The unit must be active with the
 * same process, and systemd must not have restarted it. Otherwise the step fails with the last lines of the unit's journal.
 * A unit such as sshd may report its reload only after `systemctl reload` is over; the step waits for the end. The service of
 * a socket is stopped meanwhile. With `ifDue`, the unit is not declared to run, and only an owed restart starts it.
 */
export function startAndSettle(
  verb: 'start' | 'restart' | 'reload',
  name: string,
  settleS: number,
  unit: UnitState,
  ifDue = false,
): RunStep {
  const command = `u=${shellQuote(name)}
began=$(date +%s)
held=
fail() {
  printf '%s; its journal ends with:\\n' "$u $1" >&2
  journalctl -u "$u" \${down:+-u "$down"} --since "@$began" -n 20 --no-pager -o cat >&2
  [ -z "$held" ] || systemctl start -- $held
  exit 1
}
seen() { systemctl show -p MainPID -p NRestarts -- "$u"; }
is() { systemctl show -p "$1" -- "\${2:-$u}" | cut -d= -f2-; }
# A unit without a process of its own is up with those that it wants and that stop with it.
parts() {
  [ "$(is SubState)" = exited ] || return 0
  wanted=" $(is Wants) "
  for p in $(is ConsistsOf); do
    case $wanted in *" $p "*) [ "$(is Type "$p")" = oneshot ] || echo "$p" ;; esac
  done
}
wait_out() { while [ "$(is ActiveState "$2")" = "$1" ] && [ $n -lt ${startLimitS} ]; do sleep 0.2; n=$((n + 1)); done; }
down=
up() {
  n=0
  wait_out reloading "$u"
  [ "$(is ActiveState)" = active ] || return 1
  for p in $(parts); do
    wait_out activating "$p"
    case $(is ActiveState "$p") in active | reloading) ;; *) down=$p; return 1 ;; esac
  done
}
state() { printf '%s (%s, result: %s)' "$(is ActiveState)" "$(is SubState)" "$(is Result)\${down:+; $down is $(is ActiveState "$down")}"; }
${verb === 'reload' ? '' : free}timeout ${startLimitS} systemctl ${verb} -- "$u"
case $? in
  0) ;;
  124) fail 'did not ${verb} within ${startLimitS} s' ;;
  *) fail 'did not ${verb}' ;;
esac
[ -z "$held" ] || systemctl start -- $held || fail "listens, but $held did not start"
up || fail "is $(state) right after its ${verb}"
first=$(seen)
case $first in *MainPID=[1-9]*) sleep ${settleS} ;; esac
up || fail "did not stay up for ${settleS} s after its ${verb}: it is $(state)"
[ "$(seen)" = "$first" ] || fail 'ended within ${settleS} s after its ${verb} and had to be started again'`;
  return {
    do: 'run',
    label: `systemctl ${verb} ${name}`,
    timeoutS: startLimitS + settleS + 30,
    command,
    // The restored unit must come up like the new one.
    undo: verb === 'start' ? { before: ['systemctl', 'stop', '--', name] } : { after: command },
    touches: verb === 'reload' ? [] : starts(name, unit, ifDue),
  };
}
