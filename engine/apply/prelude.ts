import { readLibrary } from '../plan/probes/library.ts';
import { journalLibrary } from './journal.ts';
import { leaseLibrary } from './lease.ts';
import { outcomeLibrary } from './outcome.ts';
import { riskyLibrary } from './risky.ts';
import { stepLibrary } from './step-library.ts';

/** Every shell function that scripts call; a session defines them once. */
export const prelude =
  readLibrary + stepLibrary + journalLibrary + leaseLibrary + outcomeLibrary + riskyLibrary;
