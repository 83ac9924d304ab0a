/** Writes docs/module-contract.md from the declarations and doc comments of the files that modules are written with. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A declaration or a member: its signature on one line, and its doc comment as one paragraph. */
interface Described {
  signature: string;
  doc: string;
}

/** An exported declaration with the members of an interface or the alternatives of a union. */
interface Declaration extends Described {
  name: string;
  members: readonly Described[];
}

const sections: readonly { title: string; file: string; intro: string; omits?: readonly string[] }[] = [
  {
    title: 'The definition',
    file: 'engine/module-kit/define-module.ts',
    intro:
      'A module exports one constant, `defineModule({ … })`. The object in braces is the definition. In signatures, `Given<A, R>` are the arguments with their defaults, and `Read<P>` are the readings, both by name. `Partly` is a state, and `Conditional<T>` is a list; the engine leaves out undefined values of both, and `false` in the list.',
    omits: ['Given'],
  },
  {
    title: 'Arguments',
    file: 'engine/module-kit/argument.ts',
    intro:
      'Each function returns a JSON Schema for `args`. `description` is a sentence, and `more` adds keywords of JSON Schema, such as `default` or `pattern`.',
  },
  {
    title: 'Probes',
    file: 'engine/probe.ts',
    intro:
      'Each function with the result `Probe<T>` describes one thing to read, and `T` is the type of its reading.',
    omits: ['Readings'],
  },
  {
    title: 'Steps',
    file: 'engine/step.ts',
    intro: 'A step is a plain object, and `do` names its kind.',
    omits: ['stateDirectory'],
  },
  {
    title: 'Effects',
    file: 'engine/effect.ts',
    intro:
      'The engine knows the effects of every step except `run`. A `run` step lists its effects in `touches`, and `kind` names the kind of each.',
  },
  {
    title: 'Other types',
    file: 'engine/module.ts',
    intro: 'These types occur in the signatures above.',
    omits: ['Module', 'PlannedDiff', 'Example', 'ArgumentsSchema', 'typeClaim', 'presenceClaim'],
  },
];

/** Returns the page, without the note that it is generated. */
export function moduleContract(): string {
  const intro =
    'The reference of everything that a module consists of. [Writing a module](guide/writing-a-module.md) explains the parts in their order, with an example.';
  return `# The contract of a module\n\n${intro}\n\n${sections.map(sectionText).join('\n')}`;
}

function sectionText({ title, file, intro, omits = [] }: (typeof sections)[number]): string {
  const source = readFileSync(join(import.meta.dirname, '..', file), 'utf8');
  const shown = declarationsIn(source, file).filter(({ name }) => !omits.includes(name));
  const link = `From [${file}](../${file}). ${intro}`;
  return `## ${title}\n\n${link}\n\n${shown.map(declarationText).join('')}`;
}

function declarationText({ signature, doc, members }: Declaration): string {
  const lines = members.map(member => `  ${itemText(member)}`);
  return `${itemText({ signature, doc })}${lines.join('')}`;
}

function itemText({ signature, doc }: Described): string {
  return `- \`${signature}\`${doc === '' ? '' : `: ${doc}`}\n`;
}

/** Returns the exported declarations of a file. Throws for one without a doc comment. */
export function declarationsIn(source: string, file: string): Declaration[] {
  const starts = [...source.matchAll(/^export (?:interface|type|const|function|class) (\w+)/gm)];
  return starts.map(({ 1: name, index }) => {
    const doc = docBefore(source.slice(0, index));
    if (doc === '') throw new Error(`${file}: ${name} has no doc comment`);
    return { name: name!, doc, ...shapeOf(declarationAt(source, index), name!) };
  });
}

/** Returns the doc comment at the end of a text, as one paragraph; empty without one. */
function docBefore(text: string): string {
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:\/\/[^\n]*\s*)*$/.exec(text)?.[1] ?? '';
  return comment
    .replaceAll(/^\s*\* ?/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Returns the text of a declaration. The formatter puts an empty line or the next declaration behind it. */
function declarationAt(source: string, index: number): string {
  if (source.startsWith('export class', index)) return source.slice(index, source.indexOf('\n}\n', index));
  const lines = source.slice(index).split('\n');
  const end = lines.findIndex(
    (line, i) => i > 0 && (line === '' || /^(?:\/|export |const |type )/.test(line)),
  );
  return lines.slice(0, end < 0 ? undefined : end).join('\n');
}

function shapeOf(text: string, name: string): { signature: string; members: Described[] } {
  if (/^export interface/.test(text))
    return { signature: oneLine(/^export (interface [^{]*)/.exec(text)![1]!), members: membersOf(text) };
  if (/^export class/.test(text)) return { signature: `class ${name}`, members: methodsOf(text, name) };
  const union = /^export type (\w+) =\n(?= {2}(?:\||\/\*))/.exec(text);
  if (union) return { signature: `type ${union[1]}`, members: alternativesOf(text.slice(union[0].length)) };
  if (/^export type/.test(text)) return { signature: oneLine(text.slice('export '.length)), members: [] };
  if (/^export function/.test(text)) return { signature: `${name}(definition)`, members: [] };
  return { signature: constantSignature(text, name), members: [] };
}

/** Returns the members of an interface: lines that are indented by two, and the deeper ones behind them. */
function membersOf(text: string): Described[] {
  const body = text.slice(text.indexOf('{\n') + 2, text.lastIndexOf('\n}'));
  return partsOf(body, /^ {2}(?=\w)/);
}

/** Returns the alternatives of a union: lines that begin with a bar, and the deeper ones behind them. */
function alternativesOf(body: string): Described[] {
  return partsOf(body.replace(/;\s*$/, ''), /^ {2}\| /);
}

function partsOf(body: string, begins: RegExp): Described[] {
  const parts: { doc: string; lines: string[] }[] = [];
  let before = '';
  for (const line of body.split('\n')) {
    if (begins.test(line)) {
      parts.push({ doc: docBefore(before), lines: [line.replace(begins, '')] });
      before = '';
    } else if (/^ {2}(?:\/| \*)/.test(line)) before += `${line}\n`;
    else parts.at(-1)?.lines.push(line);
  }
  return parts.map(({ doc, lines }) => {
    const text = lines.join('\n');
    return { doc: [doc, ...innerDocs(text)].filter(Boolean).join(' '), signature: oneLine(text) };
  });
}

/** Returns the doc comments of the members of an object type within a member, each after the name of its member. */
function innerDocs(text: string): string[] {
  const names = text.matchAll(/\*\/\s*(?:\/\/[^\n]*\s*)*(\w+)/g);
  return [...names].map(({ 1: name, index }) => `\`${name}\`: ${docBefore(text.slice(0, index + 2))}`);
}

function methodsOf(text: string, name: string): Described[] {
  const found = text.matchAll(/^ {2}(?:static )?(\w+)(\([^)]*\))/gm);
  return [...found].map(({ 0: whole, 1: method, 2: parameters, index }) => {
    const call = whole.includes('static') ? `${name}.${method}` : `new ${name}`;
    return { signature: oneLine(`${call}${parameters}`), doc: docBefore(text.slice(0, index)) };
  });
}

/** Returns a function with its parameters, with the bounds in place of type parameters; or a value. */
function constantSignature(text: string, name: string): string {
  const [, generics = '', parameters, result = ''] =
    /^export const \w+ = (?:<([\s\S]*?)>)?(\((?:[^()]|\([^()]*\))*\))(?:: ([\s\S]*?))? =>/.exec(text) ?? [];
  if (parameters !== undefined) {
    const bounds = [...generics.matchAll(/(\w+) extends ([\s\S]*?)(?= = None|, const|$)/g)];
    const bare = oneLine(parameters).replaceAll(/ = \{\}/g, '');
    const plain = bounds.reduce(
      (sum, [, letter, bound]) => sum.replaceAll(new RegExp(`\\b${letter}\\b`, 'g'), oneLine(bound!)),
      bare,
    );
    return `${name}${plain}${result === '' ? '' : `: ${oneLine(result)}`}`;
  }
  if (/^export const \w+ = (?:`|[^;]*\$\{)/.test(text)) return `${name}: string`;
  const value = oneLine(/^export const \w+ = ([\s\S]*?)(?: as const[\s\S]*)?;?$/.exec(text)![1]!);
  return `${name} = ${value}`;
}

/** Returns a text without comments and line breaks, and without the comma or semicolon that only a line break needs. */
function oneLine(text: string): string {
  return text
    .replaceAll(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[,;] (?=[)}\]])/g, ' ')
    .replaceAll(/\( | \)|< (?=\w)| >/g, bracket => bracket.trim())
    .replace(/[;{]\s*$/, '')
    .trim();
}
