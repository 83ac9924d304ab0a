import { reactionsOf } from '../plan/reactions.ts';

import type { Problem } from '../problem.ts';
import { shellQuote } from '../quote.ts';
import { answersOf, type Resource } from '../resource.ts';
import type { Step } from '../step.ts';
import type { Visit } from '../visit.ts';
import { journalLibrary } from './journal.ts';

/** Seconds after which a change that nobody has confirmed puts itself back. */
export const armedS = 45;
/** Seconds that at least remain for the proof when the change is made. */
export const proofS = 25;

/** What decides whether anybody can get in or become root. A path that ends with a slash stands for all below it. */
const riskyPaths = [
  '/etc/ssh/',
  '/etc/sudoers',
  '/etc/sudoers.d/',
  '/etc/doas.conf',
  '/etc/pam.d/',
  '/etc/security/',
  '/etc/passwd',
  '/etc/shadow',
  '/etc/group',
  '/etc/nsswitch.conf',
  '/etc/hosts.allow',
  '/etc/hosts.deny',
  '/etc/nftables.conf',
  '/etc/nftables.d/',
  '/etc/iptables/',
  '/etc/ufw/',
  '/etc/default/ufw',
  '/etc/network/',
  '/etc/netplan/',
  '/etc/systemd/network/',
  '/etc/NetworkManager/',
];
const riskyUnits =
  /^(sshd?|nftables|iptables|netfilter-persistent|ufw|firewalld|networking|systemd-networkd|NetworkManager)\.(service|socket)$/;

const unitFile = '/etc/systemd/system/reconcile-put-back.service';
const unitLink = '/etc/systemd/system/multi-user.target.wants/reconcile-put-back.service';

/**
 * Shell functions for a change that puts itself back: a watcher on the host, a systemd unit where there is systemd so
 * that it is there after a reboot too, waits for the journal `armed` to go away. When its time is over, or the host was
 * restarted, it undoes what the journal holds. While the journal is `held`, what was done so far has been proven, and it
 * waits as long as the session that goes on with it is alive. A watcher of an earlier change may still be there: a
 * journal without a deadline is one that is only being begun, before anything is done.
 */
export const riskyLibrary = `
r_armed() { ( flock 8 && [ -d "$r_home/armed" ] && "$@" ) 8<"$r_home/armed"; }
r_arm() { r_armed r_armed_anew "$@"; }
r_armed_anew() {
  r_j=$r_home/armed
  r_deadline "$2" && rm -f -- "$r_j/held" || return
  [ ! -f "$r_j/put-back" ] || return 0
  printf '%s\\n' 'r_put_back; r_c=$?; r_stand_down; (exit $r_c)' >"$r_j/again"
  printf '%s\\nr_home=\${0%%/armed/put-back}\\nr_watch\\n' "$1" >"$r_j/put-back" && sync -- "$r_j"/* "$r_j" || return
  if [ "$r_home" = /var/lib/reconcile ] && [ -d /run/systemd/system ]; then
    printf '%s\\n' '[Unit]' 'Description=Puts back a change that nobody has confirmed' '[Service]' \\
      "ExecStart=/bin/sh $r_j/put-back" 'Restart=on-failure' >${unitFile} &&
      mkdir -p ${unitLink.replace(/\/[^/]*$/, '')} && ln -sfn ${unitFile} ${unitLink} && sync -- ${unitFile} &&
      systemctl daemon-reload && systemctl restart reconcile-put-back.service
  else setsid sh "$r_j/put-back" </dev/null >/dev/null 2>&1 8>&- & fi
}
r_deadline() {
  IFS=' .' read -r r_u r_q </proc/uptime
  r_at_least=$((r_u + $1))
  if r_deadline_is && [ "$r_until" -gt "$r_at_least" ]; then return; fi
  printf '%s %s\\n' "\${r_me%%.*}" "$r_at_least" >"$r_home/armed/deadline.new" &&
    mv -fT -- "$r_home/armed/deadline.new" "$r_home/armed/deadline"
}
r_deadline_is() { read -r r_b r_until 2>/dev/null <"$r_home/armed/deadline" && [ "$r_b" = "\${r_me%%.*}" ]; }
r_due() {
  [ -f "$r_home/armed/deadline" ] || return 1
  if [ -f "$r_home/armed/held" ] && read -r r_by <"$r_home/armed/by" && ! r_dead "armed.$r_by.x"; then return 1; fi
  IFS=' .' read -r r_u r_q </proc/uptime
  ! r_deadline_is || [ "$r_u" -ge "$r_until" ]
}
r_watch() {
  while [ -d "$r_home/armed" ]; do
    if r_armed r_due; then
      echo 'nobody has shown that this host can still be entered: the change is put back'
      r_armed r_fall_back
    fi
    sleep 1
  done
}
r_fall_back() { r_undo=$r_home/armed; r_again; }
r_hold() { r_armed touch -- "$r_home/armed/held"; }
r_disarm() { r_armed r_disarmed; }
r_disarmed() { rm -rf -- "$r_home/armed"; r_stand_down; }
r_stand_down() {
  [ -f ${unitFile} ] && [ "$r_home" = /var/lib/reconcile ] || return 0
  rm -f -- ${unitFile} ${unitLink}
  systemctl daemon-reload
}
`;

/** The command of an `arm` step; `library` is what a shell needs besides to undo a journal by itself. */
export function armCommand(library: string, afterS: number): string {
  return `r_arm ${shellQuote(library + journalLibrary + riskyLibrary)} ${afterS}`;
}

/** What of a run on one host could lock everybody out, and the proof that it does not. */
export class Risk {
  readonly #visit: Visit;
  /** Resources still to come that make an armed change take effect. */
  readonly #outstanding = new Set<string>();
  /** Resources whose change is put back if the next one is not proven harmless. */
  readonly #armed = new Set<string>();
  #account: Resource | undefined;
  /** Names of the resources whose change was put back. */
  readonly putBack = new Set<string>();

  constructor(visit: Visit) {
    this.#visit = visit;
  }

  /** Whether the change of a resource has to put itself back unless it is proven harmless. */
  concerns(resource: Resource, steps: readonly Step[]): boolean {
    if (this.#outstanding.has(resource.name)) return true;
    if (resource.risky !== undefined) return resource.risky;
    const units = answersOf(resource).map(({ unit }) => unit());
    return units.some(unit => riskyUnits.test(unit)) || pathsOf(steps).some(isRisky);
  }

  /**
   * After the armed change of a resource: shows over a new connection that the host can be entered and the account
   * reached. Otherwise, or when the change itself failed, everything since the first armed change is put back.
   */
  async settle(
    resource: Resource,
    later: readonly Resource[],
    failed: boolean,
  ): Promise<Problem | undefined> {
    this.#account = resource;
    this.#armed.add(resource.name);
    const obstacle = failed ? undefined : await this.#visit.shells.obstacle(resource.become ?? false);
    if (failed || obstacle !== undefined) {
      this.#outstanding.clear();
      const undone = await this.#ask('r_armed r_fall_back', 'putting the change back');
      const problem = obstacle && this.#lockedOut(obstacle, undone);
      this.#over(undone);
      return problem;
    }
    this.#outstanding.delete(resource.name);
    for (const { by } of reactionsOf([resource, ...later]).get(resource.name) ?? [])
      this.#outstanding.add(by);
    const done = this.#outstanding.size === 0;
    const kept = await this.#ask(done ? 'r_disarm' : 'r_hold', 'confirming the change');
    const problem = kept ? undefined : this.#lockedOut(undefined, true);
    if (done || !kept) this.#over(!kept);
    return problem;
  }

  /** At the end: what was proven only in part, because the run stopped before it took effect, is put back. */
  async finish(): Promise<Problem | undefined> {
    if (this.#outstanding.size === 0) return undefined;
    const undone = await this.#ask('r_armed r_fall_back', 'putting a change back');
    const message = `${[...this.#outstanding].join(', ')} was not reached, so that ${this.#names()} ${undone ? 'was put back' : 'puts itself back'}.`;
    this.#over(undone);
    return { code: 'put-back', message };
  }

  /** Nothing is armed any more. */
  #over(undone: boolean): void {
    if (undone) for (const name of this.#armed) this.putBack.add(name);
    this.#armed.clear();
  }

  #names(): string {
    return [...this.#armed].join(', ');
  }

  #lockedOut(obstacle: Problem | undefined, undone: boolean): Problem {
    const end = undone
      ? `Put back: ${this.#names()}.`
      : `It was not seen to be put back; the host tries by itself within ${armedS} s: ${this.#names()}.`;
    return {
      code: 'locked-out',
      message: `After this change nobody could get in as before. ${end}`,
      hint: 'The inventory says how the host is entered. To move a port or an account, let both work first.',
      ...(obstacle && { cause: [obstacle.message, obstacle.cause].filter(Boolean).join('\n') }),
    };
  }

  async #ask(script: string, what: string): Promise<boolean> {
    const { become } = this.#account!;
    const answer = await this.#visit.tell(become ?? false, script, what).catch(() => undefined);
    return answer?.exit === 0;
  }
}

function pathsOf(steps: readonly Step[]): string[] {
  return steps.flatMap(step =>
    step.do === 'checked' ? pathsOf(step.steps) : 'path' in step ? [step.path] : [],
  );
}

function isRisky(path: string): boolean {
  return (
    /\/\.ssh(\/|$)/.test(path) ||
    riskyPaths.some(
      risky => path === risky.replace(/\/$/, '') || (risky.endsWith('/') && path.startsWith(risky)),
    )
  );
}
