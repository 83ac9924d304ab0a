import type { Lease } from '../lease.ts';
import type { Origin } from '../plan/saved-plan.ts';
import type { Problem } from '../problem.ts';
import type { Answer, Session } from '../transport/connect.ts';
import { decodeOrigin, distrustProblem, originScript, shownLease } from './host-lease.ts';

/** The first questions to each account of a host. They go out with the first request and cost no round trip. */
export class Greeting {
  readonly #leases: Promise<Answer | undefined>[] = [];
  readonly #origins: Promise<Answer | undefined>[] = [];
  #skewS: Promise<number> | undefined;
  /** The ID of the saved plan of this run. With it, `ask` also asks for the origin. */
  savedPlanId: string | undefined;

  ask(session: Session): void {
    const send = (script: string, what: string) => session.run({ script, what }).catch(() => undefined);
    const shown = send('date +%s; r_show', 'reading the clock and the lease');
    this.#skewS ??= shown.then(answer => {
      const [clock = ''] = answer?.stdout.toString().split('\n') ?? [];
      return /^\d+$/.test(clock) ? Number(clock) - Math.floor(Date.now() / 1000) : 0;
    });
    this.#leases.push(shown);
    if (this.savedPlanId !== undefined)
      this.#origins.push(send(originScript(this.savedPlanId), 'reading the origin'));
  }

  /** Returns the lease that a run held then, or undefined if there was none. */
  async lease(): Promise<Lease | undefined> {
    const answers = await Promise.all(this.#leases);
    return answers
      .map(answer => answer && shownLease(answer.stdout.toString().replace(/^.*\n/, '')))
      .find(Boolean);
  }

  /** Returns the problem of a state directory that is not to be believed. */
  async distrust(): Promise<Problem | undefined> {
    const answers = await Promise.all(this.#leases);
    return answers.map(answer => answer && distrustProblem(answer)).find(Boolean);
  }

  /** Returns the seconds by which the host's clock is ahead of the controller's, as precise as an answer is fast. */
  async skewS(): Promise<number> {
    return (await this.#skewS) ?? 0;
  }

  /** Returns the identity of the machine, and the run that has applied the plan to any of its accounts. */
  async origin(): Promise<Origin> {
    const answers = await Promise.all(this.#origins);
    const origins = answers.map(answer => (answer ? decodeOrigin(answer.stdout.toString()) : {}));
    return Object.assign({}, ...origins);
  }
}
