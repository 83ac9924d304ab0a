import type { Turnstile } from '../apply/apply-options.ts';
import type { Resource } from '../resource.ts';
import { HostSlots } from './host-slots.ts';

/** The hosts that apply a resource with `at_once`. */
interface Users {
  slots: HostSlots;
  /** The host on which the resource failed. */
  failedOn?: string;
}

/** Limits how many hosts of a play apply a resource with `at_once` at the same time. */
export class AtOnce {
  readonly #users = new Map<string, Users>();

  /** Returns the turnstile of a host at a resource; undefined if the resource has no limit. */
  turnstile(host: string, { name, atOnce }: Resource): Turnstile | undefined {
    if (atOnce === undefined) return undefined;
    const users = this.#users.get(atOnce.key) ?? { slots: new HostSlots(atOnce.most) };
    this.#users.set(atOnce.key, users);
    let free: (() => void) | undefined;
    return {
      async enter() {
        free ??= await users.slots.next();
        if (users.failedOn === undefined) return undefined;
        const message = `${name} failed on ${users.failedOn}, so no other host begins it (at_once).`;
        return { code: 'at-once-stopped', message };
      },
      leave(isFailed) {
        if (free === undefined) return;
        if (isFailed) users.failedOn ??= host;
        free();
      },
    };
  }
}
