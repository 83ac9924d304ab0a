import { accountKey } from '../host.ts';
import type { ConnectedHost } from '../hosts/connected-host.ts';
import { type Holder, leasedScript } from '../hosts/host-lease.ts';
import { type Problem, problemsOf } from '../problem.ts';
import type { Resource } from '../resource.ts';

/** The changes of a play on a host, after they were reverted. */
export interface Reverted {
  /** Resources whose files, links and units have their earlier state again. */
  restored: readonly string[];
  /** Resources whose change cannot be reverted. */
  irreversible: readonly string[];
  /** The problem if some changes could not be reverted. */
  error?: Problem;
}

/** Time limit of a revert, which may restore thousands of files. Each of its commands has a shorter one. */
const revertTimeoutS = 1800;

/** The changes of a play with `on_failed_check: revert` on one host, and their revert. */
export class PlayRevert {
  readonly #noted = new Map<string, { resource: Resource; reversible: boolean }>();

  /** Notes a resource before its change. The script of a reversible change writes the journal itself. */
  note(resource: Resource, reversible: boolean): void {
    // The resources under `after` bring a host back that has left.
    if (!reversible && resource.visit !== undefined) return;
    this.#noted.set(resource.name, { resource, reversible });
  }

  /** Reverts the journals of all accounts. Returns undefined if there are no `changed` resources and no errors. */
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
      noted.filter(each => each.reversible).map(({ resource }) => [accountKey(resource.become), resource]),
    );
    connected.forget();
    const errors = await Promise.all(
      [...accounts.values()].map(({ become }) => revertAccount(connected, become ?? false, holder)),
    );
    const error = errors.find(each => each !== undefined);
    if (changed.size === 0 && error === undefined) return undefined;
    return { restored: names(true), irreversible: names(false), ...(error && { error }) };
  }
}

// The journal first records that it is being reverted, so that a later session continues after a cut.
const script = `r_journal=$r_home/revert
[ -d "$r_journal" ] || exit 0
printf '%s\\n' r_revert | r_seal "$r_journal/again" && r_again`;

async function revertAccount(
  connected: ConnectedHost,
  become: Parameters<ConnectedHost['tell']>[0],
  holder: Holder,
): Promise<Problem | undefined> {
  try {
    const leased = leasedScript(script, holder, revertTimeoutS);
    const answer = await connected.tell(become, leased, 'reverting', revertTimeoutS);
    if (answer.exit === 0) return undefined;
    const cause = answer.stderr.toString().trim();
    const message = 'Some changes of the play could not be reverted.';
    return { code: 'not-put-back', message, ...(cause && { cause }) };
  } catch (thrown) {
    return problemsOf(thrown)[0];
  }
}
