import type { Runtime } from '../expression/expression.ts';
import { evaluateTree } from '../expression/template-tree.ts';
import { type Variable, VariableScope } from '../expression/variables.ts';
import type { Become, Host } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';
import type { SecretSink } from '../secrets/redaction.ts';
import { type Plain, reveal, Secret, Unknown, UnopenedSecret } from '../value.ts';
import { ansibleNames } from './ansible-names.ts';
import type { Setting } from './inventory-model.ts';
import { splitAddress } from './inventory-names.ts';

type Reader = (value: Plain, name: string) => Host[Setting['key']] | undefined;

const password: Reader = (value, name) => (value === null ? undefined : new Secret(String(value), name));
const text: Reader = value => (value === null || value === '' ? undefined : String(value));

/** Variables of Ansible for the connection to a host. Of several for the same setting, Ansible takes the first one here. */
const settings: readonly (readonly [names: readonly string[], key: Setting['key'], read: Reader])[] = [
  [['ansible_ssh_host', 'ansible_host'], 'address', address],
  [['ansible_ssh_port', 'ansible_port'], 'port', port],
  [['ansible_ssh_user', 'ansible_user'], 'user', text],
  [['ansible_ssh_password', 'ansible_ssh_pass', 'ansible_password'], 'password', password],
  [['ansible_become_pass', 'ansible_become_password'], 'becomePassword', password],
  [['ansible_ssh_private_key_file', 'ansible_private_key_file'], 'identityFile', text],
  [['ansible_connection'], 'transport', transport],
  [['ansible_ssh_common_args', 'ansible_ssh_extra_args'], 'proxyJump', value => jumpOf(String(value))],
];
const becoming = ['ansible_become', 'ansible_become_user', 'ansible_become_method'] as const;
const looked = new Set([...settings.flatMap(([names]) => names), ...becoming]);

/** Whether a variable is a setting of the connection to a host. */
export function setsConnection({ name }: Variable): boolean {
  return looked.has(name);
}

/**
 * Returns the connection settings in the variables of a host, and the problems of unusable ones. Their templates see the
 * other `variables`, but no facts.
 */
export function connectionOf(
  host: string,
  groups: readonly string[],
  connecting: readonly Variable[],
  variables: () => readonly Variable[],
  { runtime, secrets }: { runtime: Runtime; secrets?: SecretSink | undefined },
): { settings: Setting[]; problems: Problem[] } {
  const found = new Map(connecting.map(variable => [variable.name, variable]));
  const result: { settings: Setting[]; problems: Problem[] } = { settings: [], problems: [] };
  if (found.size === 0) return result;
  let scope: VariableScope | undefined;
  const evaluated = (variable: Variable): Plain => {
    const value = plain(variable);
    if (value === null || typeof value !== 'object') return value;
    throw new Refused(`${variable.name} must be one value, not a ${Array.isArray(value) ? 'list' : 'map'}`);
  };
  const plain = (variable: Variable): Plain => {
    if (variable.tree.kind === 'constant') return variable.tree.value;
    scope ??= VariableScope.of(new Map(Object.entries(ansibleNames(host, groups))), variables(), runtime);
    const value = evaluateTree(variable.tree, scope, runtime);
    if (value instanceof UnopenedSecret) throw new ProblemError(value.problem);
    if (value instanceof Unknown)
      throw new Refused(`${variable.name} depends on ${value.from}, which is not known yet`);
    const revealed = reveal(value);
    for (const { text, label } of revealed.secrets) secrets?.add(text, label);
    return revealed.value;
  };
  const attempt = (variable: Variable, key: Setting['key'], read: Reader) => {
    const { level, at } = variable;
    try {
      const value = read(evaluated(variable), variable.name);
      if (value !== undefined) result.settings.push({ key, value, level, at });
    } catch (thrown) {
      if (thrown instanceof ProblemError) result.problems.push(...thrown.problems);
      else if (thrown instanceof Refused)
        result.problems.push({ code: 'invalid-value', message: `${thrown.message}.`, at });
      else throw thrown;
    }
  };
  for (const [names, key, read] of settings) {
    const variable = names.map(name => found.get(name)).find(each => each !== undefined);
    if (variable !== undefined) attempt(variable, key, read);
  }
  const become = found.get('ansible_become');
  if (become !== undefined) {
    attempt(become, 'become', value => {
      if (!truth(value)) return false;
      const [user, method] = [found.get('ansible_become_user'), found.get('ansible_become_method')];
      return {
        user: user === undefined ? 'root' : String(evaluated(user)),
        method: method === undefined ? 'sudo' : becomeMethod(evaluated(method)),
      };
    });
  }
  return result;
}

/** The reason why a value cannot be used, without the place and the full stop. */
class Refused extends Error {}

function address(value: Plain, name: string): Host['address'] | undefined {
  const given = text(value, name);
  if (typeof given !== 'string') return undefined;
  const { address, port } = splitAddress(given);
  if (port !== undefined)
    throw new Refused(`${name} "${given}" has a port in it: set ansible_port to ${port}`);
  return address;
}

function port(value: Plain): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= 65535) return number;
  throw new Refused(`ansible_port must be a port from 1 to 65535, not "${value}"`);
}

const transports: Readonly<Record<string, Host['transport']>> = {
  ssh: 'ssh',
  smart: 'ssh',
  paramiko: 'ssh',
  paramiko_ssh: 'ssh',
  local: 'local',
  docker: 'docker',
  docker_api: 'docker',
  podman: 'podman',
};

function transport(value: Plain): Host['transport'] {
  const known = transports[String(value).replace(/^.*\./, '')];
  if (known !== undefined) return known;
  throw new Refused(`ansible_connection "${value}" is not known here: ssh, local, docker and podman are`);
}

function becomeMethod(value: Plain): Become['method'] {
  const name = String(value).replace(/^.*\./, '');
  if (name === 'sudo' || name === 'doas' || name === 'su') return name;
  throw new Refused(`ansible_become_method "${value}" is not known here: sudo, doas and su are`);
}

function truth(value: Plain): boolean {
  if (typeof value === 'boolean') return value;
  if (/^(?:y|yes|on|1|true|t)$/i.test(String(value))) return true;
  if (/^(?:n|no|off|0|false|f|null|)$/i.test(String(value))) return false;
  throw new Refused(`ansible_become must be true or false, not "${value}"`);
}

/** Returns the jump host in options of ssh: of ProxyJump, -J, or a ProxyCommand `ssh -W`. */
export function jumpOf(options: string): string | undefined {
  const jump = /(?:^|\s)(?:-J\s*|-o\s*["']?ProxyJump[ =])["']?([\w.@:,[\]-]+)/i.exec(options)?.[1];
  if (jump !== undefined) return jump;
  const command = /ProxyCommand[ =]["']?(ssh [^"']*)/i.exec(options)?.[1];
  if (command === undefined) return undefined;
  const [, user] = /\s-l\s*(\S+)/.exec(command) ?? [];
  const [, number] = /\s-p\s*(\d+)/.exec(command) ?? [];
  const rest = command
    .replace(/^ssh/, '')
    .replaceAll(/\s-(?:W\s*["']?%h:%p["']?|[lp]\s*\S+|q)(?=\s|$)/g, '')
    .trim();
  // A jump cannot replace any other command.
  if (!/^[\w.@-]+$/.test(rest) || !/-W\s*["']?%h:%p/.test(command)) return undefined;
  return `${user === undefined || rest.includes('@') ? '' : `${user}@`}${rest}${number === undefined ? '' : `:${number}`}`;
}
