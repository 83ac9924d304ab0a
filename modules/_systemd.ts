import { shellQuote } from '../engine/quote.ts';
import type { RunStep } from '../engine/step.ts';

const suffixes = /\.(service|socket|timer|path|target|mount|automount|swap|slice|scope|device)$/;

/** A unit's full name: `nginx` → `nginx.service`, as systemctl reads it. */
export const unitName = (name: string): string => (suffixes.test(name) ? name : `${name}.service`);

/** Whether it stands for many units, e.g. `worker@.service`; systemd knows only its instances. */
export const isTemplate = (name: string): boolean => /@\.[a-z]+$/.test(name);

export const daemonReload: RunStep = {
  do: 'run',
  command: ['systemctl', 'daemon-reload'],
  undo: { after: ['systemctl', 'daemon-reload'] },
};

/** Seconds that a unit may take to start; systemd itself gives up after 90 where the unit does not say otherwise. */
export const startLimitS = 300;

/**
 * Starts or restarts a unit and looks again after `settleS` seconds: it must be active, still the same process, and
 * systemd must not have restarted it. Otherwise the last lines of its journal go to stderr and the step fails. A unit
 * whose `systemctl reload` is over may tell only then that it reloads, as sshd does: that is waited for.
 */
export function startAndSettle(verb: 'start' | 'restart' | 'reload', unit: string, settleS: number): RunStep {
  const command = `u=${shellQuote(unit)}
began=$(date +%s)
fail() {
  printf '%s; its journal ends with:\\n' "$u $1" >&2
  journalctl -u "$u" \${down:+-u "$down"} --since "@$began" -n 20 --no-pager -o cat >&2
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
${verb === 'reload' ? '' : 'systemctl reset-failed -- "$u" 2>/dev/null\n'}timeout ${startLimitS} systemctl ${verb} -- "$u"
case $? in
  0) ;;
  124) fail 'did not ${verb} within ${startLimitS} s' ;;
  *) fail 'did not ${verb}' ;;
esac
up || fail "is $(state) right after its ${verb}"
first=$(seen)
case $first in *MainPID=[1-9]*) sleep ${settleS} ;; esac
up || fail "did not stay up for ${settleS} s after its ${verb}: it is $(state)"
[ "$(seen)" = "$first" ] || fail 'ended within ${settleS} s after its ${verb} and had to be started again'`;
  return {
    do: 'run',
    label: `systemctl ${verb} ${unit}`,
    timeoutS: startLimitS + settleS + 30,
    command,
    // What was put back must come up as well as what is new.
    undo: verb === 'start' ? { before: ['systemctl', 'stop', '--', unit] } : { after: command },
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
