import type { Missing, Probe } from '../probe.ts';
import type { Problem } from '../problem.ts';

/** A probe of one kind. */
export type Of<K extends Probe['kind']> = Extract<Probe, { kind: K }>;

/** A part of the reading script, and the probes that its output answers. */
export interface Part<P> {
  probes: readonly P[];
  script: string;
}

/** The output of one part of the reading script. */
export interface Output {
  stdout: Buffer;
  stderr: string;
  exit: number;
}

/** The decoded result of a probe (probe.ts defines the result of each kind), or the reason why there is none. */
export type Reading = { value: unknown } | { missing: Missing } | { problem: Problem };

/** The shell and the decoder of one kind of probe. */
export interface ProbeKind<K extends Probe['kind']> {
  /** Returns as few scripts as possible for distinct probes. `nonce` is a random number for marks within an output. */
  compile(probes: readonly Of<K>[], nonce: string): Part<Of<K>>[];
  /** Returns the readings of the probes of one part, from the output of its script. */
  decode(probes: readonly Of<K>[], output: Output, nonce: string): [Of<K>, Reading][];
  /** Returns a key that is equal for probes with the same reading, and different for all others of the kind. */
  key(probe: Of<K>): string;
}
