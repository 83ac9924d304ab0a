import { type Place, type Problem, ProblemError } from '../problem.ts';
import { isEncrypted } from '../util/encrypted-text.ts';
import type { Problems } from '../util/problem-collector.ts';
import { isMap, type Plain, type Value } from '../value.ts';
import { type Doc, parseYaml } from '../yaml/document.ts';
import { readText } from '../yaml/source-files.ts';
import type { Path } from '../yaml/source-text.ts';
import type { Runtime } from './expression.ts';
import { compileTree, evaluateTree, type Tree, type Written } from './template-tree.ts';

/** A variable as set at one level. */
export interface Variable {
  name: string;
  /** The level that set it, in words: `group web`, `host web1`, `vars/common.yml`, `play`, `--var`. */
  level: string;
  tree: Tree;
  at: Place;
  /** The scope of the names in its value; its own scope if left out. */
  scope?: VariableScope;
}

/** The reserved names of expressions, which no variable can have. */
const reserved = new Set(['vars', 'facts', 'host', 'hosts', 'groups', 'secrets', 'env']);

/** Reports a reserved name. */
export function refuseReserved(name: string, at: Place, problems: Problems): void {
  if (!reserved.has(name)) return;
  const message = `A variable cannot be called "${name}": expressions use that name already.`;
  problems.report('invalid-value', message, at, `Choose another, such as app_${name}.`);
}

/** Reads the map of variables at `path` of `doc`. Values that are not a map are left to validation. */
export function readVariables(doc: Doc, path: Path, level: string, problems: Problems): Variable[] {
  const data = doc.get(path);
  if (!isMap(data)) return [];
  return Object.entries(data).map(([name, value]) => {
    refuseReserved(name, doc.place([...path, name], 'key'), problems);
    return variable(name, level, doc, [...path, name], value as Plain, problems);
  });
}

/**
 * Reads variables of an inventory of Ansible. They can have any name (the variable `hosts` is `vars.hosts`). They can also
 * use features that only Ansible has, which are a problem once the value is used.
 */
export function ansibleVariables(doc: Written, path: Path, level: string, data: unknown): Variable[] {
  if (!isMap(data)) return [];
  return Object.entries(data).map(([name, value]) =>
    variable(name, level, doc, [...path, name], value as Plain, 'deferred'),
  );
}

/** Returns a variable whose texts and numbers are secret. */
export function secretVariable(variable: Variable): Variable {
  const { name, tree } = variable;
  return tree.kind === 'secret' ? variable : { ...variable, tree: { kind: 'secret', tree, label: name } };
}

function variable(
  name: string,
  level: string,
  doc: Written,
  path: Path,
  value: Plain,
  problems: Problems | 'deferred',
): Variable {
  refuseEncrypted(doc, path, value, problems);
  const tree = compileTree(doc, path, value, problems, name);
  const made = { name, level, at: doc.place(path, 'key'), tree };
  return namesPassword(name) && value !== null ? secretVariable(made) : made;
}

/** Refuses values of files of secrets, which only the entry `secrets` of a play decrypts. */
function refuseEncrypted(doc: Written, path: Path, value: Plain, problems: Problems | 'deferred'): void {
  if (typeof value === 'string' && isEncrypted(value) && !/\s/.test(value)) {
    const message = `"${path.join('.')}" is an encrypted value of a file of secrets, and no variable is decrypted.`;
    const hint = 'Name the file under secrets: of the play, and write "{{ secrets.NAME }}".';
    const problem: Problem = { code: 'secrets-damaged', message, hint, at: doc.place(path) };
    if (problems === 'deferred') throw new ProblemError(problem);
    problems.add(problem);
  } else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value))
      refuseEncrypted(doc, [...path, Array.isArray(value) ? Number(key) : key], inner as Plain, problems);
}

/** Whether a variable holds a password by which Ansible logs in or becomes another account. */
export function namesPassword(name: string): boolean {
  return /^ansible_\w*pass(?:word|phrase)?$/.test(name);
}

/** Reads a file that holds a map of variables. */
export function readVariablesFile(
  file: string,
  shown: string,
  at: Place | undefined,
  problems: Problems,
): Variable[] {
  const text = problems.attempt(() => readText(file, shown, at));
  const doc = text === undefined ? undefined : problems.attempt(() => parseYaml(text, shown));
  if (doc === undefined || doc.data === null) return [];
  if (!isMap(doc.data))
    problems.report('wrong-type', 'A file of variables is a map of names and values.', doc.place([]));
  return readVariables(doc, [], shown, problems);
}

/** Reads one `--var`: `NAME=VALUE` with a value typed as YAML types scalars, or `@FILE`. */
export function readVariableOption(option: string, problems: Problems): Variable[] {
  if (option.startsWith('@')) return readVariablesFile(option.slice(1), option.slice(1), undefined, problems);
  const [, name, value] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(option) ?? [];
  if (name === undefined || value === undefined) {
    problems.report(
      'usage',
      `--var takes NAME=VALUE or @FILE, not "${option}".`,
      undefined,
      `Write: --var ${/^\w+$/.test(option) ? option : 'NAME'}=VALUE`,
    );
    return [];
  }
  const doc = problems.attempt(() => typedValue(value, `--var ${name}`));
  if (doc === undefined) return [];
  const at = doc.place([]);
  refuseReserved(name, at, problems);
  return [{ name, level: '--var', at, tree: compileTree(doc, [], doc.data, problems) }];
}

/** Returns a typed value for numbers, booleans, null, [lists] and {maps}, and the text itself for everything else. */
function typedValue(value: string, file: string): Doc {
  if (/^\s*(\[|\{(?![{%#]))/.test(value)) return parseYaml(value, file);
  try {
    const doc = parseYaml(value, file);
    if (value.trim() !== '' && (doc.data === null || typeof doc.data !== 'object')) return doc;
  } catch (thrown) {
    if (!(thrown instanceof ProblemError)) throw thrown;
  }
  return parseYaml(JSON.stringify(value), file);
}

/**
 * The names that expressions can use on one host. Each variable is evaluated once, at its first use, so variables can refer to
 * one another in any order.
 */
export class VariableScope extends Map<string, Value> {
  readonly #fixed: Map<string, Value>;
  readonly #variables: Variables;

  private constructor(fixed: Map<string, Value>, variables: Variables) {
    super();
    this.#fixed = fixed;
    this.#variables = variables;
  }

  /** Returns a scope of `variables`, weakest first. The names in `fixed` are stronger than all of them. */
  static of(
    fixed: ReadonlyMap<string, Value>,
    variables: Iterable<Variable>,
    runtime: Runtime,
  ): VariableScope {
    const lazy = new Variables(variables, runtime);
    const scope = new VariableScope(new Map([...fixed, ['vars', lazy.values]]), lazy);
    lazy.scope = scope;
    return scope;
  }

  /** Returns the scope with further names, as inside a loop. Variables do not see them. */
  with(names: Readonly<Record<string, Value>>): VariableScope {
    return new VariableScope(new Map([...this.#fixed, ...Object.entries(names)]), this.#variables);
  }

  /** Returns the scope of a component: `variables` and the names of the host, and no others of this scope. */
  inside(variables: Iterable<Variable>, runtime: Runtime): VariableScope {
    const fixed = [...this.#fixed].filter(([name]) => reserved.has(name));
    return VariableScope.of(new Map(fixed), variables, runtime);
  }

  /** Adds a name that is stronger than the variables, and that they see. */
  override set(name: string, value: Value): this {
    this.#fixed.set(name, value);
    return this;
  }

  override get(name: string): Value | undefined {
    return this.#fixed.has(name) ? this.#fixed.get(name) : this.#variables.get(name);
  }

  override has(name: string): boolean {
    return this.#fixed.has(name) || Object.hasOwn(this.#variables.values, name);
  }

  override keys(): MapIterator<string> {
    return new Set([...this.#fixed.keys(), ...Object.keys(this.#variables.values)]).keys();
  }
}

class Variables {
  /** A getter for each variable, as `vars` in expressions. */
  readonly values: { [name: string]: Value } = {};
  scope!: VariableScope;
  readonly #evaluating: Variable[] = [];

  constructor(variables: Iterable<Variable>, runtime: Runtime) {
    const strongest = new Map([...variables].map(variable => [variable.name, variable]));
    for (const variable of strongest.values()) {
      let value: Value | undefined;
      let endless: ProblemError | undefined;
      const get = () => {
        // An evaluation that exceeded its limit is not repeated.
        if (endless !== undefined) throw endless;
        try {
          return (value ??= this.#evaluate(variable, runtime));
        } catch (thrown) {
          if (
            thrown instanceof ProblemError &&
            thrown.problems.some(({ code }) => code === 'expression-limit')
          )
            endless = thrown;
          throw thrown;
        }
      };
      Object.defineProperty(this.values, variable.name, { get, enumerable: true });
    }
  }

  get(name: string): Value | undefined {
    return Object.hasOwn(this.values, name) ? this.values[name] : undefined;
  }

  #evaluate(variable: Variable, runtime: Runtime): Value {
    const start = this.#evaluating.indexOf(variable);
    if (start >= 0) {
      const circle = [...this.#evaluating.slice(start), variable].map(({ name }) => name).join(' → ');
      const at = this.#evaluating[start]!.at;
      const message =
        start === this.#evaluating.length - 1
          ? `The variable ${variable.name} refers to itself.`
          : `These variables refer to one another in a circle: ${circle}.`;
      const hint = 'Give one of them another name, or a value that needs none of them.';
      throw new ProblemError({ code: 'variable-cycle', message, hint, at });
    }
    this.#evaluating.push(variable);
    try {
      return evaluateTree(variable.tree, variable.scope ?? this.scope, runtime);
    } finally {
      this.#evaluating.pop();
    }
  }
}
