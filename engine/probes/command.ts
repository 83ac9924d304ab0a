import { type CommandResult, noSuchPlace } from '../probe.ts';
import { shellQuote } from '../quote.ts';
import type { Of, Output, ProbeKind } from './probe-kind.ts';

/** The limit of the output. The rest is dropped. */
const outputLimitBytes = 65_536;

export const command: ProbeKind<'command'> = {
  compile: probes => probes.map(probe => ({ probes: [probe], script: scriptOf(probe) })),
  decode(probes, output, nonce) {
    const value = ended(output, nonce);
    const problem = { code: 'read-failed', message: 'The command of a reading was cut off.' } as const;
    return probes.map(probe => [probe, value === undefined ? { problem } : { value }]);
  },
  key: ({ script, as, cwd, timeoutS, detaches = false, planned = [] }) =>
    JSON.stringify([script, as ?? null, cwd ?? null, timeoutS, detaches, ...planned]),
};

/** The script reaches its shell by a pipe, because every account of the host can see arguments. */
function scriptOf(probe: Of<'command'>): string {
  const account = probe.as === undefined ? '' : `r_as ${shellQuote(probe.as)} `;
  const shell = `${account}timeout -k 5 ${probe.timeoutS} sh -s`;
  const { planned } = probe;
  const words = planned === undefined ? '' : `r_planned=${shellQuote(planned.join(' '))}\n`;
  const asking = `printf '%s\\n' ${shellQuote(`{\n${words}${probe.script}\n} </dev/null`)} | ${shell}`;
  const entering =
    probe.cwd === undefined
      ? `${asking}; r_ended $?`
      : `if cd -- ${shellQuote(probe.cwd)} 2>/dev/null; then ${asking}; r_ended $?; else r_ended ${noSuchPlace}; fi`;
  if (!probe.detaches) return entering;
  // A process that the script leaves behind may keep its outputs open, so they end at a mark.
  const ending = `{ ${entering}; printf '\\n%s exit\\n' "$r_k" >&2; } 2>&1 >&5 5>&-`;
  return `{ ${ending} | sed -n "/^$r_k exit/q;p" >&2 5>&-; } 5>&1 | sed "/^$r_k exit/q"`;
}

/** Returns the output before the mark of `r_ended`, and the exit code in it. */
function ended(output: Output, nonce: string): CommandResult | undefined {
  const mark = `\n${nonce} exit `;
  const at = output.stdout.lastIndexOf(mark);
  if (at < 0) return undefined;
  return {
    exit: Number.parseInt(output.stdout.toString('latin1', at + mark.length), 10),
    stdout: cut(output.stdout.toString('utf8', 0, at)),
    stderr: cut(output.stderr),
  };
}

/** Cuts a text and ends it with `…`, so that masking knows that a secret may be cut off there. */
function cut(text: string): string {
  return text.length > outputLimitBytes ? `${text.slice(0, outputLimitBytes)}…` : text;
}
