import { randomBytes } from 'node:crypto';
import type { Probe } from '../probe.ts';
import { type Problem, ProblemError } from '../problem.ts';
import type { Plain } from '../value.ts';
import { decodeFacts, factsScript } from './fact-probes.ts';
import type { Output, Reading } from './probe-kind.ts';
import { compile, decode, keyOf, type Section } from './probe-kinds.ts';

/** The readings of a host, by their probes. */
export class Observed {
  readonly #results: Map<string, Reading>;
  readonly facts: Readonly<Record<string, Plain>>;
  /** The time of the reading, in seconds of the host's clock. */
  readonly atS: number;
  constructor(
    results = new Map<string, Reading>(),
    facts: Readonly<Record<string, Plain>> = {},
    atS: number = 0,
  ) {
    this.#results = results;
    this.facts = facts;
    this.atS = atS;
  }
  /** Adds later readings, which replace earlier ones. */
  add(later: Observed): void {
    for (const [key, result] of later.#results) this.#results.set(key, result);
  }
  /** Returns the reading of a probe, or undefined if it was not read. */
  of(probe: Probe): Reading | undefined {
    return this.#results.get(keyOf(probe));
  }
}

/** A reading script and its decoder. */
export interface Reader {
  script: string;
  decode(answer: { stdout: Buffer }): Observed;
}

const cut: Problem = {
  code: 'read-failed',
  message: 'The answer of the host breaks off, or is too long.',
};

/** The number of sections that run at the same time. */
const lanes = 6;

/** The time of a section in relation to that of a `find`. */
const shares: { readonly [K in Probe['kind']]?: number } = { unit: 4, candidate: 8, sql: 8, command: 8 };

/**
 * Merges probes and facts into one script with a small fixed number of processes. The answer to each section ends with marks
 * that hold a random number, so no output of a host can be taken for another section.
 */
export function reader(probes: Iterable<Probe>, facts: ReadonlySet<string> = new Set()): Reader {
  const distinct = new Map<string, Probe>();
  for (const probe of probes) distinct.set(keyOf(probe), probe);
  const nonce = randomBytes(12).toString('hex');
  const sections = compile([...distinct.values()], nonce);
  const factsNeeded = facts.size > 0;
  const scripts = [
    ...sections.map(({ script, probes }) => ({ script, share: shares[probes[0]!.kind] ?? 1 })),
    { script: 'date +%s', share: 1 },
    ...(factsNeeded ? [{ script: factsScript(facts), share: 1 }] : []),
  ];
  const [clock, factual] = [sections.length, sections.length + 1];
  return {
    script: `r_k=${nonce}\n${together(scripts)}`,
    decode(answer) {
      const outputs = split(answer.stdout, nonce);
      const results = new Map<string, Reading>();
      sections.forEach((section: Section, i) => {
        const output = outputs.get(i);
        // A section without an answer is unknown, not absent.
        if (output === undefined)
          for (const probe of section.probes) results.set(keyOf(probe), { problem: cut });
        else for (const [probe, result] of decode(section, output, nonce)) results.set(keyOf(probe), result);
      });
      if (factsNeeded && !outputs.has(factual)) throw new ProblemError(cut);
      const read = factsNeeded ? decodeFacts(outputs.get(factual)?.stdout.toString() ?? '', facts) : {};
      return new Observed(results, read, Number(outputs.get(clock)?.stdout ?? 0));
    },
  };
}

/**
 * Returns the sections as lanes of a pipeline, which run at the same time and take about as long. Each lane prints its own
 * answers and then passes on those of the lanes before it, so no file is needed. The stderr of a section follows its stdout.
 */
function together(scripts: readonly { script: string; share: number }[]): string {
  const all = Array.from({ length: Math.min(lanes, scripts.length) }, () => ({ scripts: '', share: 0 }));
  for (const [i, { script, share }] of [...scripts.entries()].toSorted(([, a], [, b]) => b.share - a.share)) {
    const lane = all.reduce((least, one) => (one.share < least.share ? one : least));
    lane.scripts += `r_e=$({\n${script}\n} 2>&1 >&4 4>&-); r_mark ${i}\n`;
    lane.share += share;
  }
  return all
    .map(({ scripts }, i) => `{ {\n${scripts}} 4>&1 </dev/null${i === 0 ? '' : '; cat'}; }`)
    .join(' | ');
}

/** Cuts an answer at the marks `\nNONCE INDEX EXIT\n` behind each section's stdout and `\nNONCE .\n` behind its stderr. */
function split(answer: Buffer, nonce: string): Map<number, Output> {
  const outputs = new Map<number, Output>();
  const mark = Buffer.from(`\n${nonce} `);
  const close = Buffer.from(`\n${nonce} .\n`);
  let start = 0;
  let from = 0;
  for (;;) {
    const at = answer.indexOf(mark, from);
    const end = at < 0 ? -1 : answer.indexOf('\n', at + mark.length);
    const stop = end < 0 ? -1 : answer.indexOf(close, end);
    if (stop < 0) return outputs;
    from = at + mark.length;
    // Within a section, `NONCE end` and the like divide it further.
    const [index, exit] = answer.subarray(from, end).toString().split(' ').map(Number);
    if (Number.isNaN(index) || exit === undefined) continue;
    const stderr = answer.subarray(end + 1, stop).toString();
    outputs.set(index!, { stdout: answer.subarray(start, at), stderr, exit });
    start = from = stop + close.length;
  }
}
