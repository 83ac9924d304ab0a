import type { Effect } from '../engine/effect.ts';
import { shellCommand } from '../engine/quote.ts';
import { type RunStep, stateDirectory } from '../engine/step.ts';
import { removeHalfMadeCluster } from './_postgres.ts';

/** No question is asked, a changed configuration file is kept, and no service is restarted behind the plan's back. */
const environment = {
  DEBIAN_FRONTEND: 'noninteractive',
  APT_LISTCHANGES_FRONTEND: 'none',
  NEEDRESTART_SUSPEND: '1',
  UCF_FORCE_CONFFOLD: '1',
  LC_ALL: 'C.UTF-8',
};

/** Downloads and maintainer scripts of a large installation may take this long. */
export const installTimeoutS = 3600;

const run = (step: Omit<RunStep, 'do' | 'env'>): RunStep => ({ do: 'run', env: environment, ...step });

const quietApt = 'apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold';

/** `apt-get VERB` that asks nothing and waits for the lock, as a step. */
export function aptGet(lockTimeoutS: number, touches: Effect, ...words: readonly string[]): RunStep {
  const options = [`DPkg::Lock::Timeout=${lockTimeoutS}`, 'Dpkg::Use-Pty=0', 'Acquire::Retries=2'];
  const command = [...quietApt.split(' '), ...options.flatMap(option => ['-o', option]), ...words];
  return run({ command, timeoutS: installTimeoutS, touches: [touches] });
}

/**
 * The names of the packages that an installation brings, as long as it goes on. When it is cut off, those that were
 * only recommended would else be missing for good: apt takes them along with what is new, and leaves them out with what
 * is there.
 */
export const installationFile = `${stateDirectory}/packages`;

/** Notes them; what is cut off then is completed by `prepare`. */
export function noteInstallation(words: readonly string[]): RunStep {
  const simulation = shellCommand(['apt-get', '-q', '-s', 'install', ...words]);
  return run({
    label: 'note which packages come with these',
    command: `mkdir -p -m 0700 ${stateDirectory}
${simulation} 2>/dev/null | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p' >${installationFile}.new
if [ -s ${installationFile}.new ]; then
  sync -- ${installationFile}.new && mv -fT -- ${installationFile}.new ${installationFile}
else
  rm -f -- ${installationFile}.new
fi`,
    touches: [],
  });
}

/** Marks packages as held or not, or as asked for by name. */
export const aptMark = (verb: 'hold' | 'unhold' | 'manual', names: readonly string[]): RunStep => {
  const sets = verb === 'manual' ? { automatic: false } : { held: verb === 'hold' };
  return run({ command: ['apt-mark', verb, ...names], touches: [{ on: 'mark', names, sets }] });
};

/**
 * Waits until nobody holds a lock of dpkg or apt, then completes what an interrupted run has left half-done.
 * apt-get waits for dpkg's lock by itself, but not for that of the lists, and cannot say who holds it. A lock counts
 * as held when the process that /proc/locks names for its inode has the lock's file open.
 */
export function prepare(lockTimeoutS: number): RunStep {
  return run({
    label: 'wait for the package lock and finish what dpkg has begun',
    timeoutS: installTimeoutS,
    touches: [{ on: 'removal', path: installationFile }],
    command: `holder() {
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock; do
    inode=$(stat -c %i "$lock" 2>/dev/null) || continue
    for pid in $(awk -v i="$inode" '$2 == "POSIX" { n = split($6, at, ":"); if (at[n] == i) print $5 }' /proc/locks); do
      for fd in /proc/"$pid"/fd/*; do
        if [ "$fd" -ef "$lock" ]; then echo "$(cat /proc/"$pid"/comm) (pid $pid)"; return; fi
      done
    done
  done
  return 1
}
broken() { dpkg-query -W -f='\${db:Status-Abbrev} \${Package}\\n' | grep -E '^.([HUFWt]|.R)'; }
end=$(($(date +%s) + ${Math.ceil(lockTimeoutS)}))
while who=$(holder); do
  if [ "$(date +%s)" -ge "$end" ]; then
    echo "the package lock is held by $who, and was not let go within ${lockTimeoutS} s" >&2
    exit 75
  fi
  sleep 1
done
if broken >/dev/null || [ -n "$(ls /var/lib/dpkg/updates 2>/dev/null)" ]; then
  ${removeHalfMadeCluster}
  dpkg --force-confdef --force-confold --configure -a
  # What was cut off while it was unpacked has to be fetched and unpacked again, from lists that may be missing.
  if cut=$(dpkg-query -W -f='\${db:Status-Abbrev} \${binary:Package}\n' | sed -nE 's/^.(H|.R). *//p') && [ -n "$cut" ]; then
    apt-get -q update >/dev/null 2>&1
    ${quietApt} --reinstall install $cut
  elif broken >/dev/null; then
    ${quietApt} --fix-broken install
  fi
fi
if [ -f ${installationFile} ]; then
  ${quietApt} --mark-auto install $(cat ${installationFile})
  # It may not be possible any more: then what is declared is all that counts.
  rm -f ${installationFile}
fi
if which=$(broken); then
  printf 'packages are half-installed or half-configured, and dpkg --configure -a could not complete them:\\n%s\\n' "$which" >&2
  exit 76
fi`,
  });
}

/** Fetches the package lists; the directory's time says when, because apt leaves it alone when nothing is new. */
export const refresh = run({
  label: 'apt-get update',
  command: 'apt-get -q -o Acquire::Retries=2 --error-on=any update && touch /var/lib/apt/lists',
  timeoutS: installTimeoutS,
  touches: [{ on: 'package-lists' }],
});

/** Prints how many seconds ago the package lists were fetched, or `none`, or `changed` when the sources are newer. */
export const listsAge = `d=/var/lib/apt/lists
case "$(echo $d/*_*)" in "$d/*_*") echo none; exit ;; esac
[ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d -newer $d 2>/dev/null)" ] || { echo changed; exit; }
fetched=$(stat -c %Y $d /var/lib/apt/periodic/update-success-stamp 2>/dev/null | sort -n | tail -n 1)
echo $(($(date +%s) - fetched))`;
