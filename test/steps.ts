/**
 * Counts what a program does: every function that is entered and every round of a loop is a step. A count is the same on
 * every machine, whatever else it does meanwhile, so that tests can hold it against a limit; seconds are not.
 */
import { createRequire } from 'node:module';
import { build } from 'esbuild';
import { parseAst } from 'vitest/node';
import { textsBeside } from '../scripts/texts-beside.mjs';

/** The type of `globalThis.steps` in a program built by `counting`. */
export interface Steps {
  /** The steps since the last `begin`. */
  count(): number;
  /** Counts from 0 again. From more than `limit` on, every step throws. */
  begin(limit?: number): void;
}

const counter = `'use strict';
let steps$ = 0, stepLimit$ = Infinity;
const step$ = () => {
  if (++steps$ > stepLimit$) throw new Error('more than ' + stepLimit$ + ' steps');
};
globalThis.steps = {
  count: () => steps$,
  begin: (limit = Infinity) => { [steps$, stepLimit$] = [0, limit]; },
};
`;

/** Bundles a TypeScript module and what it imports into the text of one CommonJS program that counts its steps. */
export async function counting(entry: string): Promise<string> {
  const { outputFiles } = await build({
    ...{ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', target: 'node20' },
    plugins: [textsBeside],
    write: false,
  });
  const code = outputFiles[0]!.text;
  const insertions: [at: number, text: string][] = [];
  visit(parseAst(code), insertions);
  insertions.sort(([a], [b]) => a - b);
  let [counted, end] = [counter, 0];
  for (const [at, text] of insertions) {
    counted += code.slice(end, at) + text;
    end = at;
  }
  return counted + code.slice(end);
}

/** Loads a TypeScript module, and counts the steps of what it does. */
export async function counted<Exports>(entry: string): Promise<{ exports: Exports; steps: Steps }> {
  const module = { exports: {} as Exports };
  const load = new Function('module', 'exports', 'require', await counting(entry));
  load(module, module.exports, createRequire(entry));
  return { exports: module.exports, steps: (globalThis as unknown as { steps: Steps }).steps };
}

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
const loops = new Set([
  ...['WhileStatement', 'DoWhileStatement'],
  ...['ForStatement', 'ForInStatement', 'ForOfStatement'],
]);

interface Node {
  type: string;
  start: number;
  end: number;
  body?: Node;
}

/** Where the statements of a block begin: a directive such as 'use strict' is one only in front of them. */
function afterDirectives({ start, body }: Node): number {
  const directives = (body as unknown as (Node & { directive?: string })[]).filter(
    each => 'directive' in each,
  );
  return directives.at(-1)?.end ?? start + 1;
}

function visit(node: unknown, insertions: [at: number, text: string][]): void {
  if (Array.isArray(node)) for (const each of node) visit(each, insertions);
  if (typeof node !== 'object' || node === null || !('type' in node)) return;
  const { type, body } = node as Node;
  if (body !== undefined && (functions.has(type) || loops.has(type))) {
    const [before, after] = loops.has(type) ? ['{ step$(); ', ' }'] : ['(step$(), ', ')'];
    if (body.type === 'BlockStatement') insertions.push([afterDirectives(body), ' step$(); ']);
    else insertions.push([body.start, before], [body.end, after]);
  }
  for (const inner of Object.values(node)) visit(inner, insertions);
}
