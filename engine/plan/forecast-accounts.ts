import type { Effect } from '../effect.ts';
import type { GroupState, UserState } from '../probe.ts';
import type { Laying, Predicted } from './forecast-types.ts';

type Change = Extract<Effect, { kind: 'account' | 'membership' }> & Pick<Laying, 'by' | 'maybe'>;

/** The accounts and groups of a host after the planned steps. */
export class AccountForecast {
  readonly #changes: Change[];

  constructor(from?: AccountForecast) {
    this.#changes = from === undefined ? [] : [...from.#changes];
  }

  lay(effect: Effect, { by, maybe }: Laying): void {
    if (effect.kind === 'account' || effect.kind === 'membership')
      this.#changes.push({ ...effect, by, maybe });
  }

  /** Returns the predicted line of an account or a group, by its name or number; `read` is the present line. */
  line(database: 'passwd' | 'group', name: string, read: string[] | null): Predicted<string[] | null> {
    let seen: Predicted<string[] | null> = { value: read, from: [], open: false };
    for (const change of this.#changes) {
      if (change.kind !== 'account' || change.database !== database) continue;
      const { by, line, maybe } = change;
      if (change.name !== name && line?.[2] !== name) {
        // A new account has the next free number, perhaps this one.
        const mayHave = /^\d+$/.test(name) && line?.[2] === '' && seen.value === null;
        if (mayHave) seen = { value: null, from: [...seen.from, by], open: true };
        continue;
      }
      const value = line === null ? null : [...(line ?? seen.value ?? [name])];
      const open = (seen.open || (value === null) !== (seen.value === null)) && maybe;
      seen = { value, from: [...(maybe ? seen.from : []), by], open };
    }
    return seen;
  }

  /** Returns the predicted account; `read` is the present one. */
  user(name: string, read: UserState | null): Predicted<UserState | null> {
    return this.#after('passwd', name, read, (value, { user, group, is }) =>
      user === name ? { ...value, groups: withItem(value.groups, group, is) } : value,
    );
  }

  /** Returns the predicted group; `read` is the present one. */
  group(name: string, read: GroupState | null): Predicted<GroupState | null> {
    return this.#after('group', name, read, (value, { user, group, is }) =>
      group === name ? { ...value, members: withItem(value.members, user, is) } : value,
    );
  }

  #after<T extends UserState | GroupState>(
    database: 'passwd' | 'group',
    name: string,
    read: T | null,
    moved: (value: T, change: Extract<Change, { kind: 'membership' }>) => T,
  ): Predicted<T | null> {
    let seen: Predicted<T | null> = { value: read, from: [], open: false };
    for (const change of this.#changes) {
      const { by, maybe } = change;
      if (change.kind === 'account') {
        if (change.database !== database || change.name !== name) continue;
        const isGone = change.line === null && !maybe;
        seen = { value: isGone ? null : seen.value, from: [...seen.from, by], open: !isGone };
      } else if (seen.value !== null) {
        const value = moved(seen.value, change);
        if (value !== seen.value) seen = { value, from: [...seen.from, by], open: seen.open || maybe };
      }
    }
    return seen;
  }

  /** Returns the resources that make or change an account or a group, by its token, such as `passwd:app`; `passwd:*` for all. */
  changing(token: string): string[] {
    return this.#changes.flatMap(change =>
      change.kind === 'account' && [change.name, '*'].some(name => `${change.database}:${name}` === token)
        ? [change.by]
        : [],
    );
  }
}

const withItem = (list: readonly string[], item: string, is: boolean): string[] =>
  [...list.filter(one => one !== item), ...(is ? [item] : [])].toSorted();
