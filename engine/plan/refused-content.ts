import { isUtf8 } from 'node:buffer';
import { posix } from 'node:path';
import type { Obstacle } from '../module.ts';
import { command, contentLimitBytes } from '../probe.ts';
import { shellQuote } from '../quote.ts';
import type { Step } from '../step.ts';
import type { Outlook } from './outlook.ts';

/** Exit codes of a shell that cannot run a program: an earlier resource may bring it. */
const notRun = [126, 127];

/**
 * Whether the command that checks a file refuses its new content now. A copy is checked that stands alone in a temporary
 * directory: elsewhere, or after what earlier resources do, the command may accept it.
 */
export function refusedContent(
  { path, content, validate, timeoutS }: Extract<Step, { do: 'write' }>,
  { foresee }: Outlook,
): Obstacle | undefined {
  const bytes = Buffer.from(content as Uint8Array);
  const isText = isUtf8(bytes) && !bytes.includes(0) && bytes.length <= contentLimitBytes;
  if (validate === undefined || !isText) return undefined;
  const script = `umask 077
r_copies=$(mktemp -d) || exit 0
trap 'rm -rf -- "$r_copies"' EXIT
r_copy=$r_copies/${shellQuote(posix.basename(path))}
printf %s ${shellQuote(bytes.toString())} >"$r_copy" || exit 0
${validate.replaceAll('%s', '"$r_copy"')}`;
  const { reading } = foresee(command(script, { about: [], ...(timeoutS !== undefined && { timeoutS }) }));
  if (!('value' in reading)) return undefined;
  const { exit, stdout, stderr } = reading.value as { exit: number; stdout: string; stderr: string };
  if (exit === 0 || notRun.includes(exit)) return undefined;
  const [said] = `${stderr}\n${stdout}`.trim().split('\n');
  return { says: `\`${validate}\` refuses the new content now${said ? `: ${said}` : ''}.`, unsure: true };
}
