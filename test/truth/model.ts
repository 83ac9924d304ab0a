import type { Ran } from '../e2e/reconcile.ts';
import type { Case } from './case.ts';
import type { TruthHost } from './hosts.ts';

/** Reads what the model needs, and returns what it holds against a check of the case. */
export async function compareWithModel(
  _host: TruthHost,
  _subject: Case,
): Promise<(check: Ran) => { kind: string; details: string[] }[]> {
  return () => [];
}
