import { runtime } from '../expression/controller-values.ts';
import { compile, placeIn, type Template } from '../expression/expression.ts';
import { evaluateTree, isConstant, referencesOf } from '../expression/template-tree.ts';
import type { VariableScope } from '../expression/variables.ts';
import type { Refusal } from '../module.ts';
import type { ResourceText } from '../playbook/entry-text.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { UnknownArgument, unlessUnknown } from '../resource.ts';
import { complete, validate } from '../schema/json-schema.ts';
import type { Schema } from '../schema/schema.ts';
import { Redactor } from '../secrets/redaction.ts';
import { memoized } from '../util/memoized.ts';
import { Problems } from '../util/problem-collector.ts';
import {
  isMap,
  Secret,
  type SecretText,
  Unknown,
  type UnopenedSecret,
  unopenedSecretIn,
  type Value,
} from '../value.ts';
import { type PlaybookFiles, shownPath } from '../yaml/source-files.ts';
import { exposedSecrets, holdsSecret, unsaltedPasswords } from './exposed-secrets.ts';
import { checkReferences } from './required-names.ts';

/** The arguments of a resource for one host. */
export interface Arguments {
  /** The arguments for the module: in clear, with defaults. Reading an unknown argument throws UnknownArgument. */
  args: Record<string, unknown>;
  incomplete: boolean;
  /** A secret in the arguments that could not be opened. */
  unopenedSecret?: UnopenedSecret | undefined;
  /** The secret texts in the arguments. */
  secrets: readonly SecretText[];
}

/** The sources of arguments in a play. */
export interface Sources {
  files: PlaybookFiles;
  templates: Templates;
  /** True before any contact to a host: then unreached references are checked, too. */
  offline: boolean;
}

/** Template files, each compiled once. */
export class Templates {
  readonly #compiled = new Map<string, Template>();
  readonly #files: PlaybookFiles;

  constructor(files: PlaybookFiles) {
    this.#files = files;
  }

  get(path: string): Template {
    let template = this.#compiled.get(path);
    if (template === undefined) {
      const text = this.#files.bytes(path).toString('utf8');
      template = compile(text, placeIn(shownPath(path), text));
      this.#compiled.set(path, template);
    }
    return template;
  }
}

/** The arguments that are the same for all hosts of a play, by their texts. */
const common = memoized((_: PlaybookFiles) => new WeakMap<ResourceText, Arguments>());

/** Returns the evaluated and checked arguments. Throws a ProblemError with all mistakes, in which secrets are masked. */
export function readArguments(text: ResourceText, scope: VariableScope, sources: Sources): Arguments {
  if (!isCommon(text)) return evaluated(text, scope, sources);
  const known = common(sources.files);
  const read = known.get(text) ?? evaluated(text, scope, sources);
  known.set(text, read);
  return read;
}

/** Whether arguments have neither templates nor the hosts of the inventory. */
function isCommon({ args, module }: ResourceText): boolean {
  if (!isConstant(args) || !isMap(args.value)) return false;
  const rendered = module.files?.template === true && args.value['template'] !== undefined;
  return !rendered && module.files?.inventory !== true;
}

function evaluated(text: ResourceText, scope: VariableScope, sources: Sources): Arguments {
  const { module, doc, path } = text;
  const schema = module.args as unknown as Schema;
  const secrets: SecretText[] = [];
  const wrong = new Problems();
  if (sources.offline) wrong.attempt(() => checkReferences(referencesOf(text.args), scope));
  const values = spread(wrong.attempt(() => evaluateTree(text.args, scope, runtime)) ?? {}, schema);
  wrong.done();
  const holders = Object.entries(values as object).flatMap(([name, value]) =>
    holdsSecret(value) ? [name] : [],
  );
  const completed = complete(schema, clear(values, secrets), () => undefined) as Record<string, unknown>;
  const problems = validate(schema, completed, { doc, path, label: module.name }, 'unknown');
  problems.push(...unsaltedPasswords(text, values as object));
  if (problems.length === 0) {
    for (const { at, says } of refusals(text, sealed(completed)))
      problems.push({
        code: 'invalid-value',
        message: says,
        at: at !== undefined && Object.hasOwn(values as object, at) ? doc.place([...path, at]) : text.at,
        hint: `\`reconcile modules ${module.name}\` ${module.together.length > 0 ? 'shows which arguments go together' : 'describes the arguments'}.`,
      });
  }
  if (problems.length === 0) {
    const before = secrets.length;
    addContent(text, completed, scope, sources, secrets);
    if (secrets.length > before) holders.push('content');
    problems.push(...exposedSecrets(text, holders, sealed(completed)));
  }
  if (problems.length === 0) {
    const unopened = unopenedSecretIn(completed);
    return {
      args: sealed(completed),
      incomplete: holdsUnknown(completed),
      unopenedSecret: unopened,
      secrets,
    };
  }
  throw new ProblemError(...problems.map(problem => maskProblem(problem, secrets)));
}

/** Returns a problem with its secret texts masked. */
export function maskProblem({ hint, ...problem }: Problem, secrets: readonly SecretText[]): Problem {
  return {
    ...problem,
    message: mask(problem.message, secrets),
    ...(hint === undefined ? {} : { hint: mask(hint, secrets) }),
  };
}

/** Returns a text with its secret texts replaced by their labels. */
export function mask(text: string, secrets: readonly SecretText[]): string {
  if (secrets.length === 0) return text;
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret.text, secret.label);
  return redactor.with(secrets).mask(text);
}

/** Returns wholly unknown arguments as a map of unknown arguments. */
function spread(value: Value, schema: Schema): Value {
  if (!(value instanceof Unknown)) return value;
  return Object.fromEntries(Object.keys(schema.properties ?? {}).map(name => [name, value]));
}

/** Returns a value with its secrets in clear, and adds them to `secrets`. Unknowns stay. */
export function clear(value: Value, secrets: SecretText[]): unknown {
  if (value instanceof Secret) {
    for (const part of value.parts) if (typeof part !== 'string' && part.text !== '') secrets.push(part);
    return value.reveal();
  }
  if (Array.isArray(value)) return value.map(element => clear(element, secrets));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, clear(inner, secrets)]));
}

/** Reads the file that `src`, another argument or `template` names, or the hosts of the inventory, if the module takes one of these. */
function addContent(
  { module, doc, path }: ResourceText,
  args: Record<string, unknown>,
  scope: VariableScope,
  { files, templates, offline }: Sources,
  secrets: SecretText[],
): void {
  const { template } = args;
  const { src: file = 'src' } = module.files ?? {};
  const src = args[file];
  if (module.files?.inventory === true && args['from_inventory'] === true)
    args['hosts'] = Object.values(scope.get('hosts') as { [name: string]: Value }).map(host => {
      const { name, address, port, host_key } = host as { [key: string]: Value };
      return { name, address, port, host_key };
    });
  const place = (key: string) => doc.place([...path, key]);
  if (module.files?.tree === true) {
    args['files'] =
      typeof src === 'string' ? files.tree(files.find(src, place('src'), 'folder'), place('src')) : src;
  } else if (module.files?.src !== undefined && src !== undefined && args['content'] === undefined) {
    if (typeof src === 'string')
      args['content'] = files.content(files.find(src, place(file), 'file'), place(file));
    else if (src instanceof Unknown) args['content'] = src;
  }
  if (module.files?.template !== true || template === undefined || args['content'] !== undefined) return;
  if (typeof template !== 'string') {
    args['content'] = template;
    return;
  }
  const compiled = templates.get(files.find(template, place('template'), 'template'));
  if (offline) checkReferences(compiled.references, scope);
  args['content'] = clear(compiled.render(scope, runtime), secrets);
}

/** Returns the same data, in which reading an Unknown throws UnknownArgument. */
function sealed<T>(value: T, argument?: string): T {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value) || !holdsUnknown(value))
    return value;
  const copy = (Array.isArray(value) ? [] : {}) as T & object;
  for (const [key, inner] of Object.entries(value)) {
    const get = (): never => {
      throw new UnknownArgument(argument ?? key, inner.from);
    };
    if (inner instanceof Unknown) Object.defineProperty(copy, key, { get, enumerable: true });
    else
      Object.defineProperty(copy, key, {
        value: sealed(inner, argument ?? key),
        enumerable: true,
        writable: true,
        configurable: true,
      });
  }
  return copy;
}

function holdsUnknown(value: unknown): boolean {
  if (value instanceof Unknown) return true;
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false;
  return Object.values(value).some(holdsUnknown);
}

function refusals({ module }: ResourceText, args: Record<string, unknown>): Refusal[] {
  return unlessUnknown(() => module.refine(args)) ?? [];
}
