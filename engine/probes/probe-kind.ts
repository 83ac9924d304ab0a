import type { Missing, Probe } from '../probe.ts';
import type { Problem } from '../problem.ts';

/** A probe of one kind. */
export type Of<K extends Probe['kind']> = Extract<Probe, { kind: K }>;

/** A part of the reading script, and the probes that its output answers. */
export interface Part<P> {
  probes: readonly P[];
  script: string;
}

/** What one part of the reading script printed. */
export interface Output {
  stdout: Buffer;
  stderr: string;
  exit: number;
}

/** A probe's result as decoded (probe.ts says what each kind gives), or why there is none. */
export type Reading = { value: unknown } | { missing: Missing } | { problem: Problem };

/** How probes of one kind are read. */
export interface ProbeKind<K extends Probe['kind']> {
  /** The scripts for distinct probes, as few as possible. `nonce` is a random number for marks within an output. */
  compile(probes: readonly Of<K>[], nonce: string): Part<Of<K>>[];
  /** The readings of the probes of one part, from what its script printed. */
  decode(probes: readonly Of<K>[], output: Output, nonce: string): [Of<K>, Reading][];
  /** The same for probes that have the same reading, and for no others of the kind. */
  key(probe: Of<K>): string;
}
