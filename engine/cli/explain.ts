import { explanations, type ProblemCode, ProblemError } from '../problem.ts';
import { remedies } from '../remedies.ts';
import { columnsOf } from '../report/columns.ts';
import { paint, span, wrap } from '../report/style.ts';
import { didYouMean } from '../util/did-you-mean.ts';
import { asTyped } from '../util/own-command.ts';
import { columnsOfOutput, type Io, isColorful } from './io.ts';

/** Prints the meaning, the usual causes and the remedy of a problem code, or the meanings of all codes. */
export async function explain(code: string | undefined, io: Io): Promise<number> {
  const { warnings } = await import('../validate/lint/lint.ts');
  const known: Readonly<Record<string, string>> = { ...explanations, ...warnings };
  // A code is often copied together with its brackets.
  const wanted = code?.replace(/^\[|\]$/g, '');
  if (wanted !== undefined && !Object.hasOwn(known, wanted)) {
    const hint = didYouMean(wanted, Object.keys(known)) ?? '`reconcile explain` lists all codes.';
    throw new ProblemError({ code: 'usage', message: `There is no problem code "${wanted}".`, hint });
  }
  if (wanted !== undefined) {
    const remedy: string | undefined = remedies[wanted as ProblemCode];
    const paragraphs = [known[wanted]!, ...(remedy === undefined ? [] : [asTyped(remedy)])];
    const filled = paragraphs.map(text =>
      wrap([span(text)], columnsOfOutput(io.stdout))
        .map(line => `${paint(line, false)}\n`)
        .join(''),
    );
    io.stdout.write(`${paint([span(wanted, 'bold')], isColorful(io.stdout, io.env))}\n${filled.join('\n')}`);
    return 0;
  }
  const codes = Object.keys(known);
  const indent = Math.max(...codes.map(columnsOf)) + 2;
  const color = isColorful(io.stdout, io.env);
  for (const each of codes) {
    wrap([span(known[each]!)], Math.max(30, columnsOfOutput(io.stdout) - indent)).forEach((words, i) => {
      const name = i === 0 ? each : '';
      io.stdout.write(
        paint([span(name, 'bold'), span(' '.repeat(indent - name.length)), ...words], color) + '\n',
      );
    });
  }
  return 0;
}
