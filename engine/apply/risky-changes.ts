import type { ConnectedHost } from '../hosts/connected-host.ts';
import { reactionsByCause } from '../plan/reactions.ts';
import type { Problem } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { Step } from '../step.ts';
import { isRisky } from '../steps/risky-steps.ts';

/** Seconds after which a change that nobody has confirmed puts itself back. */
export const armedS = 45;

/** Seconds that at least remain for the proof when the change is made. */
export const proofS = 25;

/** What of a run on one host could lock everybody out, and the proof that it does not. */
export class Risk {
  readonly #connected: ConnectedHost;
  /** Resources still to come that make an armed change take effect. */
  readonly #outstanding = new Set<string>();
  /** Resources whose change is put back if the next one is not proven harmless. */
  readonly #armed = new Set<string>();
  #account: Resource | undefined;
  /** Names of the resources whose change was put back. */
  readonly putBack = new Set<string>();

  constructor(connected: ConnectedHost) {
    this.#connected = connected;
  }

  /** Whether the change of a resource has to put itself back unless it is proven harmless. */
  concerns(resource: Resource, steps: readonly Step[]): boolean {
    if (this.#outstanding.has(resource.name)) return true;
    return isRisky(resource, steps);
  }

  /**
   * After the armed change of a resource: shows over a new connection that the host can be entered and the account
   * reached. Otherwise, or when the change itself failed, everything since the first armed change is put back.
   */
  async prove(resource: Resource, later: readonly Resource[], failed: boolean): Promise<Problem | undefined> {
    this.#account = resource;
    this.#armed.add(resource.name);
    const obstacle = failed ? undefined : await this.#connected.sessions.obstacle(resource.become ?? false);
    if (failed || obstacle !== undefined) {
      this.#outstanding.clear();
      const undone = await this.#ask('r_armed r_fall_back', 'putting the change back');
      const problem = obstacle && this.#lockedOut(obstacle, undone);
      this.#over(undone);
      return problem;
    }
    this.#outstanding.delete(resource.name);
    for (const { by } of reactionsByCause([resource, ...later]).get(resource.name) ?? [])
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
    const answer = await this.#connected.tell(become ?? false, script, what).catch(() => undefined);
    return answer?.exit === 0;
  }
}
