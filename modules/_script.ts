import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Obstacle } from '../engine/module.ts';
import { headOf, textOf } from '../engine/module-kit/state-text.ts';
import type { Content } from '../engine/probe.ts';
import { stateDirectory } from '../engine/state-directory.ts';
import type { RunStep, Step } from '../engine/step.ts';

/** A script of the controller with its arguments. */
export interface Script {
  script: string;
  content: NonNullable<RunStep['script']>['content'];
  args: readonly string[];
  interpreter?: string | undefined;
}

/** Bytes of a script that hold its first line. Linux reads no more of them. */
const lineBytes = 256;

/** Returns the program that runs a script, with its arguments: the declared one, that of its first line, or sh. */
export function interpreterOf({ content, interpreter }: Script): string[] {
  if (interpreter !== undefined) return [interpreter];
  const [, program, rest = ''] =
    /^#![ \t]*([^\s]+)[ \t]*([^\r\n]*)/.exec(headOf(content, lineBytes).toString('latin1')) ?? [];
  if (program === undefined) return ['sh'];
  const argument = rest.trim();
  if (posix.basename(program) !== 'env' || argument === '') return [program, ...(argument ? [argument] : [])];
  // The program that env would start is one whose absence a plan can show.
  return argument.startsWith('-S') ? argument.slice(2).trim().split(/\s+/) : [argument];
}

/** Returns the obstacles of a script that no interpreter can run. */
export function unrunnable({ script, content }: Script): (Obstacle | false)[] {
  const start = headOf(content, lineBytes).toString('latin1');
  return [
    start.startsWith('\x7fELF') && {
      says: `${script} is a program, not a script.`,
      fix: 'Put it on the host with a `file` of mode: "0755", and run it by its path.',
    },
    /^#![^\n]*\r\n/.test(start) && {
      says: `${script} has the line ends of Windows, which no interpreter of the host understands.`,
      fix: `Convert it, for example with: sed -i 's/\\r$//' ${script}`,
    },
  ];
}

/** Returns all texts of a script that a plan may search for the names of things. */
export const wordsOf = ({ content, script, args }: Script): string =>
  [script, ...args, content.toString()].join('\n');

/** Returns the digest of a script with everything that decides about its run. */
export const digestOf = (script: Script): string =>
  sha256(JSON.stringify([textOf(script.content).sha256, interpreterOf(script), script.args]));

const folder = `${stateDirectory}/scripts`;

/**
 * Returns the file of the host with the last runs of a script: a line `NAME TAB DIGEST` for each resource. The digest is
 * that of the last successful run, or `-` after a run that did not end well.
 */
export const runsOf = ({ script }: Pick<Script, 'script'>): string =>
  `${folder}/${posix.basename(script)}.${sha256(script).slice(0, 12)}`;

/** The most resources whose last run is kept for one script. */
const mostLines = 200;

/** Returns the last run of the resource `name`: its digest, `-`, or undefined if the script never ran. */
export function lastRun(runs: Content | null, name: string): string | undefined {
  return linesOf(runs)
    .map(line => line.split('\t'))
    .find(([of]) => of === encodeURIComponent(name))?.[1];
}

/** Returns the steps that note the beginning of a run, and its success. A run that is cut off between them is not kept. */
export function noting(script: Script, runs: Content | null, name: string): { begin: Step[]; end: Step } {
  const own = encodeURIComponent(name);
  const others = linesOf(runs).filter(line => line.split('\t')[0] !== own);
  const note = (digest: string): Step => ({
    do: 'write',
    path: runsOf(script),
    content: [...others.slice(1 - mostLines), `${own}\t${digest}`].map(line => `${line}\n`).join(''),
    owner: 'root',
    group: 'root',
    mode: '0600',
  });
  return {
    begin: [{ do: 'directory', path: folder, owner: 'root', group: 'root', mode: '0700' }, note('-')],
    end: note(digestOf(script)),
  };
}

const linesOf = (runs: Content | null): string[] =>
  (runs?.bytes?.toString() ?? '').split('\n').filter(line => line !== '');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
