import type { ConnectedHost } from '../hosts/connected-host.ts';
import { reactionsByCause } from '../plan/reactions.ts';
import type { Problem } from '../problem.ts';
import type { Resource } from '../resource.ts';
import type { Step } from '../step.ts';
import { isRisky } from '../steps/risky-steps.ts';

/** Seconds after which the host reverts an unproven change. */
export const armedS = 45;

/** Minimum of seconds that remain for the proof after the change. */
export const proofS = 25;

/** The risky changes of a run on one host, and the proof that they lock nobody out. */
export class Risk {
  readonly #connected: ConnectedHost;
  /** Later resources that make an armed change take effect. */
  readonly #outstanding = new Set<string>();
  /** Resources whose change the host reverts if the next change is not proven harmless. */
  readonly #armed = new Set<string>();
  /** The last resource with a risky change. Its account holds the journal. */
  #account: Resource | undefined;
  /** Names of the resources whose change was reverted. */
  readonly reverted = new Set<string>();

  constructor(connected: ConnectedHost) {
    this.#connected = connected;
  }

  /** Names of the resources whose change the host reverts at its next boot. */
  get armed(): string[] {
    return [...this.#armed];
  }

  /** Whether a later resource has yet to make an armed change take effect. */
  get awaitsOthers(): boolean {
    return this.#outstanding.size > 0;
  }

  /** Whether the change of a resource is risky, or makes an armed change take effect. */
  concerns(resource: Resource, steps: readonly Step[]): boolean {
    if (this.#outstanding.has(resource.name)) return true;
    return isRisky(resource, steps, this.#connected.login);
  }

  /**
   * Proves, after the armed change of a resource, that a new connection reaches its account. Without the proof, or if the
   * change failed, reverts all changes since the first armed one. Returns the problem, or undefined if it is proven.
   */
  async prove(resource: Resource, later: readonly Resource[], failed: boolean): Promise<Problem | undefined> {
    this.#account = resource;
    this.#armed.add(resource.name);
    const obstacle = failed ? undefined : await this.#connected.sessions.tryToEnter(resource.become ?? false);
    if (failed || obstacle !== undefined) {
      this.#outstanding.clear();
      const isReverted = await this.#ask('r_armed r_revert_armed', 'reverting the change');
      const problem = obstacle && this.#lockedOut(obstacle, isReverted);
      this.#disarmed(isReverted);
      return problem;
    }
    this.#outstanding.delete(resource.name);
    for (const { by } of reactionsByCause([resource, ...later]).get(resource.name) ?? [])
      this.#outstanding.add(by);
    return this.#confirm();
  }

  /**
   * Confirms the changes once no resource in `later` makes them take effect: a restart may be skipped, or need nothing.
   * Returns the problem, or undefined.
   */
  async onlyAwaits(later: readonly Resource[]): Promise<Problem | undefined> {
    const names = new Set(later.map(({ name }) => name));
    for (const name of this.#outstanding) if (!names.has(name)) this.#outstanding.delete(name);
    return this.awaitsOthers ? undefined : this.#confirm();
  }

  async #confirm(): Promise<Problem | undefined> {
    const isProven = !this.awaitsOthers;
    const isConfirmed = await this.#ask(isProven ? 'r_disarm' : 'r_hold', 'confirming the change');
    const problem = isConfirmed ? undefined : this.#lockedOut(undefined, true);
    if (isProven || !isConfirmed) this.#disarmed(!isConfirmed);
    return problem;
  }

  /** Reverts, at the end of the run, the changes that did not take effect. Returns the problem, or undefined. */
  async finish(): Promise<Problem | undefined> {
    if (!this.awaitsOthers) return undefined;
    const isReverted = await this.#ask('r_armed r_revert_armed', 'reverting a change');
    const end = isReverted ? `${this.#names()} was reverted` : `The host reverts ${this.#names()}`;
    const message = `The run ended before ${[...this.#outstanding].join(', ')}. ${end}.`;
    this.#disarmed(isReverted);
    return { code: 'put-back', message };
  }

  #disarmed(isReverted: boolean): void {
    if (isReverted) for (const name of this.#armed) this.reverted.add(name);
    this.#armed.clear();
  }

  #names(): string {
    return [...this.#armed].join(', ');
  }

  #lockedOut(obstacle: Problem | undefined, isReverted: boolean): Problem {
    const end = isReverted
      ? `Reverted: ${this.#names()}.`
      : `The revert was not confirmed. The host tries it by itself within ${armedS} s: ${this.#names()}.`;
    return {
      code: 'locked-out',
      message: `After this change, no new connection to the host succeeded. ${end}`,
      hint: 'The inventory says how to enter the host. To move a port or an account, let the old and the new one work first.',
      ...(obstacle && { cause: [obstacle.message, obstacle.cause].filter(Boolean).join('\n') }),
    };
  }

  async #ask(script: string, what: string): Promise<boolean> {
    const { become } = this.#account!;
    const answer = await this.#connected.tell(become ?? false, script, what).catch(() => undefined);
    return answer?.exit === 0;
  }
}
