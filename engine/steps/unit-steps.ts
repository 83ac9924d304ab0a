import type { Effect } from '../effect.ts';
import { unitAt } from '../host-knowledge.ts';
import type { UnitState } from '../probe.ts';
import { shellQuote } from '../quote.ts';
import type { RunStep, Step } from '../step.ts';

const suffixes = /\.(service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/;

/** A unit's full name: `nginx` → `nginx.service`, as systemctl reads it. */
export const unitName = (name: string): string => (suffixes.test(name) ? name : `${name}.service`);

/** Whether it stands for many units, e.g. `worker@.service`; systemd knows only its instances. */
export const isTemplate = (name: string): boolean => /@\.[a-z]+$/.test(name);

/** Where the unit's own file or the link that masks it stands, before those of packages. */
export const unitFile = (name: string): string => `/etc/systemd/system/${name}`;

/** The attributes of a unit's file or drop-in. */
export const readable = { owner: 'root', group: 'root', mode: '0644' } as const;

/** The claim that says whether a unit runs. */
export const runsClaim = (unit: string): string => `whether ${unit} runs`;

export const daemonReload: RunStep = {
  do: 'run',
  command: ['systemctl', 'daemon-reload'],
  undo: { after: ['systemctl', 'daemon-reload'] },
  touches: [{ kind: 'daemon-reload' }],
};

const opposite = {
  enable: 'disable',
  disable: 'enable',
  mask: 'unmask',
  unmask: 'mask',
  stop: 'start',
} as const;

/** Has systemd read what steps write where it looks for units: of a new folder of drop-ins it does not notice that itself. */
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

const daemonReloadIfThere: RunStep = {
  ...daemonReload,
  label: 'systemctl daemon-reload',
  command: '[ ! -d /run/systemd/system ] || systemctl daemon-reload',
};

/** One verb of systemctl for a unit that was read as `unit`; undone by its opposite before files are put back. */
export function systemctl(verb: keyof typeof opposite, name: string, unit: UnitState = {}): RunStep {
  const back = ['systemctl', opposite[verb], '--', name];
  return {
    do: 'run',
    command: ['systemctl', verb, '--', name],
    undo: verb === 'stop' ? { after: back } : { before: back },
    // All verbs but `stop` make systemd read all of its files anew.
    touches:
      verb === 'stop' ? stops(name, unit) : [...touchesOf(verb, name, unit), { kind: 'daemon-reload' }],
  };
}

const set = (name: string, sets: Readonly<Record<string, string | undefined>>) =>
  ({ kind: 'unit', name, sets }) satisfies Effect;

const names = (unit: UnitState, ...properties: readonly string[]): string[] =>
  properties.flatMap(property => unit[property]?.split(' ') ?? []).filter(name => name !== '');

/** Those that need it stop with it. */
const stops = (name: string, unit: UnitState): Effect[] =>
  [name, ...names(unit, 'ConsistsOf', 'RequiredBy', 'BoundBy')].map(each =>
    set(each, { ActiveState: 'inactive', SubState: 'dead' }),
  );

/** It was seen to stay up; what triggers it starts with it only where it requires that. */
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
  // What it requires is started with it, and what it wants, where that can.
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
  // What the link hid is known only when it is gone.
  if (verb === 'unmask')
    return [{ kind: 'removal', path }, set(name, { LoadState: undefined, UnitFileState: undefined })];
  const target = /\.(socket|timer)$/.exec(name)?.[1]?.concat('s') ?? 'multi-user';
  return [
    set(name, { UnitFileState: `${verb}d` }),
    ...names(unit, 'Also').map(each => set(each, { UnitFileState: `${verb}d` })),
    // Its file, where it is not known, may name them as Also=.
    ...(unit['Also'] === undefined ? names(unit, 'TriggeredBy') : []).map(each =>
      set(each, { UnitFileState: undefined }),
    ),
    { kind: 'below', path: unitFile(`${target}.target.wants/${name}`) },
  ];
}

/** Seconds that a unit may take to start; systemd itself gives up after 90 where the unit does not say otherwise. */
export const startLimitS = 300;

// A socket opens only while its service does not run, and fails with one that has failed too often.
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
 * Starts or restarts a unit and looks again after `settleS` seconds: it must be active, still the same process, and
 * systemd must not have restarted it. Otherwise the last lines of its journal go to stderr and the step fails. A unit
 * whose `systemctl reload` is over may tell only then that it reloads, as sshd does: that is waited for. The service of
 * a socket is stopped meanwhile. `ifDue` says that the unit is not declared to run: only what is owed has it started.
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
    // What was put back must come up as well as what is new.
    undo: verb === 'start' ? { before: ['systemctl', 'stop', '--', name] } : { after: command },
    touches: verb === 'reload' ? [] : starts(name, unit, ifDue),
  };
}
