import type { Effect } from '../effect.ts';
import type { Owed } from '../probe.ts';
import type { Laying, Predicted } from './forecast-types.ts';

type Note = { unit: string; by: string; open: boolean; owed?: Owed };

/** The notes of owed work after the planned steps. */
export class NoteForecast {
  readonly #notes: Note[];

  constructor(from?: NoteForecast) {
    this.#notes = from === undefined ? [] : [...from.#notes];
  }

  owed(unit: string, read: readonly Owed[]): Predicted<Owed[]> {
    let owed = [...read];
    let from: string[] = [];
    let open = false;
    for (const note of this.#notes.filter(each => each.unit === unit)) {
      // A note that may be removed may also remain. A certain note stays certain beside an open one.
      const [isOwed, adds] = [owed.length > 0, note.owed !== undefined];
      open = note.open && (open || isOwed !== adds);
      owed = note.owed === undefined ? [] : [...owed, note.owed];
      from = adds ? [...from, note.by] : [note.by];
    }
    return { value: owed, from: [...new Set(from)], open };
  }

  lay(effect: Effect, { by, maybe }: Laying): void {
    if (effect.kind !== 'note') return;
    const { unit, owed } = effect;
    this.#notes.push({ unit, by, open: maybe, ...(owed && { owed: { ...owed, sinceS: null } }) });
  }
}
