import type { Lease } from '../lease.ts';
import type { Origin } from '../plan/saved-plan.ts';
import type { Answer, Session } from '../transport/connect.ts';
import { decodeLease, decodeOrigin, origin } from './host-lease.ts';

/** What each account of a host is asked first. It is sent together with the first request, so it costs no round trip. */
export class Greeting {
  readonly #leases: Promise<Answer | undefined>[] = [];
  readonly #origins: Promise<Answer | undefined>[] = [];
  #skewS: Promise<number> | undefined;
  /** The id of the saved plan that is made or applied: then `origin` is asked, too. */
  plan: string | undefined;

  ask(session: Session): void {
    const send = (script: string, what: string) => session.run({ script, what }).catch(() => undefined);
    this.#skewS ??= send('date +%s', 'reading the clock').then(answer =>
      /^\d+$/.test(answer?.stdout.toString().trim() ?? '')
        ? Number(answer?.stdout) - Math.floor(Date.now() / 1000)
        : 0,
    );
    this.#leases.push(send('r_show', 'reading the lease'));
    if (this.plan !== undefined) this.#origins.push(send(origin(this.plan), 'reading which host it is'));
  }

  /** The lease that somebody held. */
  async lease(): Promise<Lease | undefined> {
    const answers = await Promise.all(this.#leases);
    return answers.map(answer => answer && decodeLease(answer.stdout.toString())).find(Boolean);
  }

  /** By how many seconds the host's clock is ahead of the one here, as far as the time of an answer tells. */
  async skewS(): Promise<number> {
    return (await this.#skewS) ?? 0;
  }

  /** Which machine it is, and whether any account has applied the plan. */
  async origin(): Promise<Origin> {
    const answers = await Promise.all(this.#origins);
    const origins = answers.map(answer => (answer ? decodeOrigin(answer.stdout.toString()) : {}));
    return Object.assign({}, ...origins);
  }
}
