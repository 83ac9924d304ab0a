import type { Effect } from '../engine/effect.ts';
import type { UnitState } from '../engine/probe.ts';
import { shellQuote } from '../engine/quote.ts';
import type { RunStep, Undo } from '../engine/step.ts';

const suffixes = /\.(service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/;

/** A unit's full name: `nginx` → `nginx.service`, as systemctl reads it. */
export const unitName = (name: string): string => (suffixes.test(name) ? name : `${name}.service`);

/** Whether it stands for many units, e.g. `worker@.service`; systemd knows only its instances. */
export const isTemplate = (name: string): boolean => /@\.[a-z]+$/.test(name);

/** Where the unit's own file or the link that masks it stands, before those of packages. */
export const unitFile = (name: string): string => `/etc/systemd/system/${name}`;

/** The claim that says whether a unit runs. */
export const runsClaim = (unit: string): string => `whether ${unit} runs`;

export const daemonReload: RunStep = {
  do: 'run',
  command: ['systemctl', 'daemon-reload'],
  undo: { after: ['systemctl', 'daemon-reload'] },
  touches: [{ on: 'daemon-reload' }],
};

const opposite = {
  enable: 'disable',
  disable: 'enable',
  mask: 'unmask',
  unmask: 'mask',
  stop: 'start',
} as const;

/** One verb of systemctl for a unit that was read as `unit`; undone by its opposite before files are put back. */
export function systemctl(
  verb: keyof typeof opposite,
  name: string,
  unit: UnitState = {},
  undo?: Undo,
): RunStep {
  const back = ['systemctl', opposite[verb], '--', name];
  return {
    do: 'run',
    command: ['systemctl', verb, '--', name],
    undo: undo ?? (verb === 'stop' ? { after: back } : { before: back }),
    touches: touchesOf(verb, name, unit),
  };
}

const set = (name: string, sets: Readonly<Record<string, string | undefined>>): Effect => ({
  on: 'unit',
  name,
  sets,
});

/** All verbs but `stop` make systemd read all of its files anew. */
function touchesOf(verb: keyof typeof opposite, name: string, unit: UnitState): Effect[] {
  const path = unitFile(name);
  switch (verb) {
    case 'stop':
      // Those that need it stop with it.
      return [name, ...names(unit, 'ConsistsOf', 'RequiredBy', 'BoundBy')].map(each =>
        set(each, { ActiveState: 'inactive', SubState: 'dead' }),
      );
    case 'enable':
    case 'disable': {
      const target = /\.(socket|timer)$/.exec(name)?.[1]?.concat('s') ?? 'multi-user';
      return [
        set(name, { UnitFileState: `${verb}d` }),
        { on: 'below', path: unitFile(`${target}.target.wants/${name}`) },
        { on: 'daemon-reload' },
      ];
    }
    case 'mask':
      return [
        { on: 'link', path, target: '/dev/null' },
        set(name, { LoadState: 'masked', UnitFileState: 'masked' }),
        { on: 'daemon-reload' },
      ];
    case 'unmask':
      // What the link hid is known only when it is gone.
      return [
        { on: 'removal', path },
        set(name, { LoadState: undefined, UnitFileState: undefined }),
        { on: 'daemon-reload' },
      ];
  }
}

const names = (unit: UnitState, ...properties: readonly string[]): string[] =>
  properties.flatMap(property => unit[property]?.split(' ') ?? []).filter(name => name !== '');

/** Seconds that a unit may take to start; systemd itself gives up after 90 where the unit does not say otherwise. */
export const startLimitS = 300;

/** A unit that was seen to stay up. */
const running = {
  LoadState: 'loaded',
  ActiveState: 'active',
  SubState: undefined,
  NRestarts: '0',
  DownParts: '',
};
/** A unit that starts with another only where that one requires it. */
const perhaps = { ActiveState: undefined, SubState: undefined };

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
 * a socket is stopped meanwhile.
 */
export function startAndSettle(
  verb: 'start' | 'restart' | 'reload',
  name: string,
  settleS: number,
  unit: UnitState,
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
    touches:
      verb === 'reload'
        ? []
        : [set(name, running), ...names(unit, 'TriggeredBy').map(each => set(each, perhaps))],
  };
}

type Scalar = string | number | boolean;
/** A key's value; a list repeats the key, a map is written as quoted `NAME=value` assignments. */
export type Setting = Scalar | readonly Scalar[] | Readonly<Record<string, Scalar>>;
/** A section's keys in the order in which they are written. */
export type Section = Readonly<Record<string, Setting>>;

/** A unit file of sections in the given order; sections that are undefined are left out. */
export function renderUnit(sections: Readonly<Record<string, Section | undefined>>): string {
  return Object.entries(sections)
    .flatMap(([title, section]) => (section === undefined ? [] : [renderSection(title, section)]))
    .join('\n');
}

function renderSection(title: string, section: Section): string {
  const lines = Object.entries(section).flatMap(([key, value]) =>
    settings(value).map(text => `${key}=${text}\n`),
  );
  return `[${title}]\n${lines.join('')}`;
}

function settings(value: Setting): string[] {
  if (Array.isArray(value)) return value.map(scalar);
  if (typeof value === 'object')
    return Object.entries(value).map(([name, text]) => assignment(name, String(text)));
  return [scalar(value as Scalar)];
}

// Several lines are one value to systemd when each but the last ends with a backslash.
const scalar = (value: Scalar): string =>
  String(value)
    .trim()
    .split(/\s*\n\s*/)
    .join(' \\\n    ');

const assignment = (name: string, text: string): string =>
  `"${name}=${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('%', '%%')}"`;

/** What in a section systemd would read as something else than one value; a sentence each. */
export function sectionProblems(title: string, section: Section): string[] {
  return Object.entries(section).flatMap(([key, value]) =>
    settings(value)
      .filter(text => /\\$/.test(text) || /\n\s*[#;]/.test(text))
      .map(
        () => `[${title}] ${key} ends with a backslash or has a comment inside, which joins or drops lines`,
      ),
  );
}

/**
 * The programs that a unit runs, absolute or by name, as far as its text says it: without those whose failure it
 * ignores, and none where it looks in other places than the system does.
 */
export function programsOf(unit: string): string[] {
  if (/^\s*(RootDirectory|RootImage|ExecSearchPath)\s*=/m.test(unit)) return [];
  const commands = unit.matchAll(/^[ \t]*Exec[A-Z][A-Za-z]*[ \t]*=[ \t]*([-@:+!|]*)([^\s"'\\%$]+)(?=\s|$)/gm);
  const names = [...commands].filter(([, prefixes]) => !prefixes!.includes('-')).map(([, , name]) => name!);
  return [...new Set(names.filter(name => name.startsWith('/') || !name.includes('/')))];
}
