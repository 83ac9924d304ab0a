import { resolve } from 'node:path';
import type { Written } from '../expression/template-tree.ts';
import { ansibleVariables } from '../expression/variables.ts';
import { type Place, ProblemError } from '../problem.ts';
import { runProgramNow } from '../util/child-process.ts';
import type { Problems } from '../util/problem-collector.ts';
import { isMap, type Plain, type Value } from '../value.ts';
import { InventorySource, setGroupVariable } from './inventory-model.ts';

type Call = (...args: string[]) => string;

/** Time limit of an inventory program, including its calls for single hosts. */
const longestMs = 60_000;

/** Returns a function that calls an inventory program, for `readProgram`. It throws a ProblemError. */
export function inventoryProgram(path: string, shown: string): Call {
  const deadline = Date.now() + longestMs;
  return (...args) => {
    const limits = { cwd: '.', timeoutMs: Math.max(1, deadline - Date.now()) };
    const { exit, how, stdout, stderr } = runProgramNow([resolve(path), ...args], limits);
    if (exit === 0) return stdout.toString();
    const cause = stderr.toString().trim().slice(-2000);
    throw new ProblemError({
      code: 'inventory-program',
      message: `The inventory program "${[shown, ...args].join(' ')}" ${how}.`,
      ...(cause !== '' && { cause }),
    });
  };
}

/** Whether data is the output of an inventory program, saved in a file. */
export function isDynamic(data: unknown): boolean {
  return isMap(data) && isMap(data['_meta']);
}

/** Reads the output of an inventory program with --list and, without `_meta` in it, with --host for each host. */
export function readProgram(call: Call, shown: string, problems: Problems): InventorySource {
  const list = parse(call('--list'), `${shown} --list`);
  return readDynamic(
    list,
    { place: () => ({ file: `${shown} --list`, line: 1, column: 1 }) },
    problems,
    host => {
      const printed = call('--host', host);
      return printed.trim() === '' ? {} : parse(printed, `${shown} --host ${host}`);
    },
  );
}

function parse(text: string, what: string): { [key: string]: Plain } {
  const refuse = (message: string, cause?: string): never => {
    throw new ProblemError({ code: 'inventory-program', message, ...(cause && { cause }) });
  };
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (thrown) {
    const start = text.trim().split('\n')[0]!.slice(0, 200);
    const message = text.trim() === '' ? `${what} printed nothing.` : `The output of ${what} is not JSON.`;
    return refuse(message, start && `${(thrown as Error).message}\n${start}`);
  }
  return isMap(data)
    ? (data as { [key: string]: Plain })
    : refuse(`${what} must print a map of groups in JSON.`);
}

/** Reads groups in the form of inventory programs. Without `_meta`, `variablesOf` returns the variables of a host. */
export function readDynamic(
  list: { [key: string]: Value },
  doc: Pick<Written, 'place'>,
  problems: Problems,
  variablesOf: (host: string) => unknown = () => ({}),
): InventorySource {
  const at = doc.place([]);
  const source = new InventorySource(at.file, true);
  const written: Written = { place: (...where) => doc.place(...where), within: () => () => at };
  const wrong = (group: string, message: string) =>
    problems.report('inventory-program', `The group "${group}" in ${at.file} ${message}.`, located(at));
  source.group('ungrouped', at);
  for (const [name, data] of Object.entries(list)) {
    if (name === '_meta') continue;
    const group = source.group(name, at);
    const keys = isMap(data) ? ['hosts', 'vars', 'children'].filter(key => Object.hasOwn(data, key)) : [];
    // A list names the hosts. A map without the known keys is a host with the name of the group, and its variables.
    const {
      hosts = [],
      vars = {},
      children = [],
    } = (!isMap(data) ? { hosts: data } : keys.length > 0 ? data : { hosts: [name], vars: data }) as {
      [key: string]: Value;
    };
    if (!isNames(hosts)) wrong(name, 'needs a list of names as its hosts');
    else
      for (const host of hosts) {
        source.host(host, at);
        group.hosts.push({ name: host, at });
      }
    if (!isMap(vars)) wrong(name, 'needs a map as its vars');
    else
      for (const each of ansibleVariables(written, [name, 'vars'], `group ${name}`, vars))
        setGroupVariable(group, each);
    if (!isNames(children)) wrong(name, 'needs a list of names as its children');
    else
      for (const child of children) {
        source.group(child, at);
        group.groups.push({ name: child, at });
      }
  }
  const meta = isMap(list['_meta']) ? list['_meta']['hostvars'] : undefined;
  for (const [name, host] of source.hosts) {
    const vars = meta === undefined ? variablesOf(name) : isMap(meta) ? meta[name] : undefined;
    host.vars.push(...ansibleVariables(written, ['_meta', 'hostvars', name], `host ${name}`, vars));
  }
  return source;
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(each => typeof each === 'string');
}

/** Returns a place without line and column, because no person wrote the output of a program. */
function located(at: Place): Place | undefined {
  return at.text === undefined ? undefined : at;
}
