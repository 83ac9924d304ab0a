import { shellQuote } from '../engine/quote.ts';
import type { CheckedStep, Step } from '../engine/step.ts';
import { isTemplate, readable, unitFile } from '../engine/steps/unit-steps.ts';
import { filled, scriptBeside, withVariables } from '../engine/util/text-beside.ts';
import { isPrefix, isQuadlet, type placeOf, type UnitNames } from './_unit-names.ts';
import { programsOf } from './_unit-text.ts';

const unitScript = scriptBeside(import.meta.url, './systemd-verify.sh');
const dropInScript = scriptBeside(import.meta.url, './drop-in-verify.sh');
const quadletScript = scriptBeside(import.meta.url, './quadlet-verify.sh');

/** The program that makes services from files of Quadlet. */
export const generator = '/usr/lib/systemd/system-generators/podman-system-generator';

/** Returns the step that writes the file of a unit, a drop-in or Quadlet, and has systemd or Podman verify it. */
export function writeVerified(
  { name, of }: UnitNames,
  { path, unit }: ReturnType<typeof placeOf>,
  bytes: Extract<CheckedStep['steps'][number], { do: 'write' }>['content'],
): Step {
  const [script, label] = isQuadlet(name)
    ? [
        withVariables(quadletScript, { q_file: path, q_generator: generator }),
        'podman-system-generator --dryrun',
      ]
    : [of === undefined ? verifyUnit(name) : verifyDropIn(of, path), `systemd-analyze verify ${unit}`];
  return {
    do: 'checked',
    steps: [{ do: 'write', path, content: bytes, ...readable }],
    by: ['sh', '-c', script],
    label,
    // The programs of a template's instances are unknown.
    programs: isTemplate(unit) || isPrefix(unit) ? [] : programsOf(String(bytes)),
  };
}

const literal = (text: string) => text.replace(/[.[\]\\]/g, '\\$&');

/** Complaints about other units, which a later resource may create. */
const othersMissing = ['Unit [^ ]* not found', 'not loaded, socket cannot be started'];

/**
 * Returns the shell that verifies a unit. Every complaint about this unit counts, even one that systemd would ignore. A
 * missing other unit does not count: a later resource may create it. For a template, the verified instance is made up,
 * so a missing program does not count.
 */
function verifyUnit(name: string): string {
  const unit = literal(name).replace('@\\.', '@[^:]*\\.');
  const others = [...othersMissing, ...(isTemplate(name) ? ['not executable'] : [])];
  return filled(unitScript, {
    ...{ file: shellQuote(unitFile(name)), others: others.join('|') },
    of_file: shellQuote(`^${literal(unitFile(name))}:`),
    of_unit: shellQuote(`^${unit}:`),
  });
}

/** Returns the shell that verifies a drop-in together with its unit. */
const verifyDropIn = (of: string, path: string): string =>
  withVariables(dropInScript, {
    v_unit: of,
    v_source: of.replace(/@.*(?=\.)/, '@'),
    v_stand_in: isPrefix(of) ? of.replace(/(?=\.[a-z]+$)/, 'x') : '',
    v_of_file: `^${literal(path)}:`,
    v_of_unit: `^${literal(of).replace(/([-@])(?=\\\.[a-z]+$)/, '$1[^:]*')}: .*(Refusing|Failed to)`,
  });
