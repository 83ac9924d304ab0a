import { type CommandResult, noSuchPlace } from '../probe.ts';
import { shellQuote } from '../quote.ts';
import type { Of, ProbeKind } from './probe-kind.ts';

/** The limit of the output. The rest is dropped. */
const outputLimitBytes = 65_536;

export const command: ProbeKind<'command'> = {
  compile: probes => probes.map(probe => ({ probes: [probe], script: scriptOf(probe) })),
  decode(probes, output) {
    const value: CommandResult = {
      exit: output.exit,
      stdout: cut(output.stdout.toString()),
      stderr: cut(output.stderr),
    };
    return probes.map(probe => [probe, { value }]);
  },
  key: ({ script, as, cwd, timeoutS, planned = [] }) =>
    JSON.stringify([script, as ?? null, cwd ?? null, timeoutS, ...planned]),
};

/** The script reaches its shell by a pipe, because every account of the host can see arguments. */
function scriptOf(probe: Of<'command'>): string {
  const account = probe.as === undefined ? '' : `r_as ${shellQuote(probe.as)} `;
  const shell = `${account}timeout -k 5 ${probe.timeoutS} sh -s`;
  const enter =
    probe.cwd === undefined ? '' : `cd -- ${shellQuote(probe.cwd)} 2>/dev/null || exit ${noSuchPlace}\n`;
  const { planned } = probe;
  const words = planned === undefined ? '' : `r_planned=${shellQuote(planned.join(' '))}\n`;
  return `${enter}printf '%s\\n' ${shellQuote(`{\n${words}${probe.script}\n} </dev/null`)} | ${shell}`;
}

/** Cuts a text and ends it with `…`, so that masking knows that a secret may be cut off there. */
function cut(text: string): string {
  return text.length > outputLimitBytes ? `${text.slice(0, outputLimitBytes)}…` : text;
}
