import { randomBytes } from 'node:crypto';
import type { Probe } from '../probe.ts';
import type { Plain } from '../value.ts';
import { compile, type Section } from './compile.ts';
import { decode, type Reading } from './decode.ts';
import { decodeFacts, factsScript } from './facts.ts';

/** What was read of a host: every probe's result, found again by the probe itself. */
export class Observed {
  readonly #results: ReadonlyMap<string, Reading>;
  readonly facts: Readonly<Record<string, Plain>>;
  constructor(results: ReadonlyMap<string, Reading>, facts: Readonly<Record<string, Plain>>) {
    this.#results = results;
    this.facts = facts;
  }
  /** undefined = was not asked for. */
  of(probe: Probe): Reading | undefined {
    return this.#results.get(keyOf(probe));
  }
}

/** A script that reads, and how to understand what it prints. */
export interface Reader {
  script: string;
  decode(answer: { stdout: Buffer; stderr: Buffer }): Observed;
}

/**
 * Merges probes and facts into one script of a fixed handful of processes. Every section of the answer ends with a
 * mark that holds a random number, so that nothing a host prints can be taken for the next section.
 */
export function reader(probes: Iterable<Probe>, facts: ReadonlySet<string> = new Set()): Reader {
  const distinct = new Map<string, Probe>();
  for (const probe of probes) distinct.set(keyOf(probe), probe);
  const nonce = randomBytes(12).toString('hex');
  const sections = compile([...distinct.values()], nonce);
  const factsNeeded = facts.size > 0;
  const parts = [`r_k=${nonce}`, ...sections.map((section, i) => `${section.script}\nr_mark ${i}`)];
  if (factsNeeded) parts.push(`${factsScript(facts)}\nr_mark ${sections.length}`);
  return {
    script: parts.join('\n'),
    decode(answer) {
      const outputs = split(answer.stdout, answer.stderr, nonce);
      const results = new Map<string, Reading>();
      sections.forEach((section: Section, i) => {
        const output = outputs[i] ?? {
          stdout: Buffer.alloc(0),
          stderr: 'the answer of the host breaks off here',
          exit: 1,
        };
        for (const [probe, result] of decode(section, output, nonce)) results.set(keyOf(probe), result);
      });
      const read = factsNeeded ? decodeFacts(outputs[sections.length]?.stdout.toString() ?? '', facts) : {};
      return new Observed(results, read);
    },
  };
}

/** What one section printed. */
export interface Output {
  stdout: Buffer;
  stderr: string;
  exit: number;
}

function keyOf(probe: Probe): string {
  return JSON.stringify(probe);
}

/** Cuts both streams at the marks `\nNONCE INDEX EXIT\n`. */
function split(stdout: Buffer, stderr: Buffer, nonce: string): Output[] {
  const errors = cut(stderr, nonce);
  return cut(stdout, nonce).map(({ bytes, exit }, i) => ({
    stdout: bytes,
    stderr: errors[i]?.bytes.toString() ?? '',
    exit,
  }));
}

function cut(stream: Buffer, nonce: string): { bytes: Buffer; exit: number }[] {
  const parts: { bytes: Buffer; exit: number }[] = [];
  const mark = Buffer.from(`\n${nonce} `);
  let start = 0;
  let from = 0;
  for (;;) {
    const at = stream.indexOf(mark, from);
    const end = at < 0 ? -1 : stream.indexOf('\n', at + mark.length);
    if (end < 0) return parts;
    from = at + mark.length;
    // Within a section, `NONCE end` and the like divide it further.
    const [index, exit] = stream.subarray(from, end).toString().split(' ').map(Number);
    if (index !== parts.length || exit === undefined) continue;
    parts.push({ bytes: stream.subarray(start, at), exit });
    start = end + 1;
    from = end;
  }
}
