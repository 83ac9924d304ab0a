import type { ConnectedHost } from '../hosts/connected-host.ts';
import { type Holder, leased } from '../hosts/host-lease.ts';
import { type Problem, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';

/** What was put back on a host after a failure. */
export interface Reverted {
  /** Resources whose files, links and units are again as they were. */
  restored: readonly string[];
  /** Resources whose change stays, because it cannot be undone. */
  kept: readonly string[];
  /** Why some of it could not be put back. */
  error?: Problem;
}

/** Restoring takes no longer than its own commands may, and those are few. */
const revertTimeoutS = 600;

/** What a play that is put back when it fails has changed on one host. */
export class Reversal {
  readonly #noted = new Map<string, { resource: Resource; reversible: boolean }>();

  /** Before the change of a resource; what is reversible is kept in the journal by its own script. */
  note(resource: Resource, reversible: boolean): void {
    this.#noted.set(resource.name, { resource, reversible });
  }

  /** Puts back all that was kept, account by account; undefined when none of `changed` had to be. */
  async revert(
    connected: ConnectedHost,
    holder: Holder,
    changed: ReadonlySet<string>,
  ): Promise<Reverted | undefined> {
    const noted = [...this.#noted.values()];
    const names = (reversible: boolean) =>
      noted
        .filter(each => each.reversible === reversible && changed.has(each.resource.name))
        .map(({ resource }) => resource.name);
    const accounts = new Map(
      noted
        .filter(each => each.reversible)
        .map(({ resource }) => [JSON.stringify(resource.become), resource]),
    );
    connected.forget();
    const errors = await Promise.all(
      [...accounts.values()].map(({ become }) => putBack(connected, become ?? false, holder)),
    );
    const error = errors.find(each => each !== undefined);
    if (changed.size === 0 && error === undefined) return undefined;
    return { restored: names(true), kept: names(false), ...(error && { error }) };
  }
}

// What it does is written down first, so that a later session goes on with it after a cut.
const script = `r_undo=$r_home/revert
[ -d "$r_undo" ] || exit 0
printf '%s\\n' r_put_back >"$r_undo/again" && sync -- "$r_undo/again" "$r_undo" && r_again`;

async function putBack(
  connected: ConnectedHost,
  become: Parameters<ConnectedHost['tell']>[0],
  holder: Holder,
): Promise<Problem | undefined> {
  try {
    const answer = await connected.tell(become, leased(script, holder, revertTimeoutS), 'putting back');
    if (answer.exit === 0) return undefined;
    const cause = answer.stderr.toString().trim();
    return { code: 'not-put-back', message: 'Not all of it could be put back.', ...(cause && { cause }) };
  } catch (thrown) {
    return problemsOf(thrown)[0];
  }
}
