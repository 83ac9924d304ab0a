import { durationPattern } from '../util/duration.ts';
import type { Schema } from './schema.ts';

const name = { type: 'string', minLength: 1 };
const names = { type: 'array', items: name };
const variables = {
  type: 'object',
  description: 'Variables by name. Values may contain templates with other variables and facts.',
};

/** A duration as text: `30s`, `5m`, `1h`, `2d`. */
const duration = { type: 'string', pattern: durationPattern };

const become = {
  description: 'Account that makes the changes: true = root by sudo, false = the login account.',
  anyOf: [
    { type: 'boolean' },
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        user: { ...name, description: 'Account to become; default root.', default: 'root' },
        method: {
          enum: ['sudo', 'doas', 'su'],
          description: 'Program that switches to the account.',
          default: 'sudo',
        },
      },
    },
  ],
} satisfies Schema;

/** The keys of a resource that are not its module. */
export const resourceKeys: Readonly<Record<string, Schema>> = {
  name: { ...name, description: 'Name in plans, in needs and in restart_on; unique in a play.' },
  when: {
    type: ['string', 'boolean'],
    description: 'An expression without {{ }} that is true or false; false skips the resource.',
  },
  loop: {
    type: ['array', 'object'],
    description:
      'List or map for whose elements the resource is repeated, with the values `item` and `index`, and `key` for a map.',
  },
  tags: {
    type: 'array',
    items: name,
    description: 'Words for --tags and --skip-tags. `always` and `never` are special.',
  },
  needs: { ...names, description: 'Names of resources that must hold first, besides the derived ones.' },
  become,
  register: {
    type: 'string',
    pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
    description: 'Variable that keeps the outcome for later expressions.',
  },
  retry: {
    type: 'object',
    description: 'Repeated attempts after a failure.',
    additionalProperties: false,
    required: ['attempts'],
    properties: {
      attempts: { type: 'integer', minimum: 1, maximum: 1000, description: 'Maximum number of attempts.' },
      delay: { ...duration, default: '5s', description: 'Time between two attempts, such as 5s or 1m.' },
    },
  },
  on_failure: {
    enum: ['stop', 'continue'],
    default: 'stop',
    description: 'Whether the host stops or continues after a failure of the resource.',
  },
  run_once: {
    type: 'boolean',
    description:
      'Whether only the first reachable host of the play applies the resource. The other hosts wait for it and receive its registered outcome.',
  },
  delegate_to: {
    ...name,
    description:
      'Another host of the inventory, on which the resource is applied. Its expressions still belong to the host of the play.',
  },
  include: {
    ...name,
    description:
      'Component file instead of a module, relative to this file. Its resources have the names `NAME / …`; NAME alone means all of them.',
  },
  with: {
    type: 'object',
    description: 'Values for the parameters of the component, by their names under its `params`.',
  },
  risky: {
    type: 'boolean',
    description:
      'Whether the host reverts the change unless a new connection proves that nobody is locked out; default true for files and services of SSH, sudo, firewall and network.',
  },
};

/** The keys of a resource that an include cannot have. */
export const notForIncludes: readonly string[] = ['register', 'retry', 'risky', 'run_once', 'delegate_to'];

/** The words for types of parameters, and the JSON Schema of each. */
export const parameterTypes: Readonly<Record<string, Schema>> = {
  string: { type: 'string' },
  integer: { type: 'integer' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  list: { type: 'array' },
  map: { type: 'object' },
};

const parameter: Schema = {
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  properties: {
    type: { enum: Object.keys(parameterTypes), description: 'Type of the value.' },
    description: { ...name, description: 'Purpose of the parameter, in a sentence.' },
    default: {
      description:
        'Its value where an include gives none; without a default it must be given. May hold templates that use other parameters and facts. null: it may be left out, and is null then.',
    },
    enum: { type: 'array', minItems: 1, description: 'Allowed values.' },
    items: { enum: Object.keys(parameterTypes), description: 'Type of the elements of a list.' },
  },
};

/** The keys of a component file. `resources` are looked into one by one. */
export const componentKeys: Readonly<Record<string, Schema>> = {
  description: { ...name, description: 'Purpose of the component.' },
  params: {
    type: ['object', 'null'],
    additionalProperties: parameter,
    description:
      'Parameters by name, to which an include gives values in `with`. No other variables are visible inside.',
  },
  resources: {
    type: 'array',
    description: 'Resources of the component, in order, as in a play; includes too.',
  },
};

/** The keys of a play. `resources` and `checks` are looked into one by one. */
export const playKeys: Readonly<Record<string, Schema>> = {
  name: { ...name, description: 'Title, shown first in every plan.' },
  hosts: {
    anyOf: [name, { ...names, minItems: 1 }],
    description:
      'Pattern that selects hosts and groups of the inventory: `web,db`, `web:&prod`, `web:!web1`, `web*`, `all`.',
  },
  become,
  vars: variables,
  vars_files: {
    ...names,
    description: 'Files of variables, relative to the playbook; later ones override earlier ones.',
  },
  secrets: {
    type: 'array',
    description:
      'Sources of the secrets, whose values are under `secrets.` Files are relative to the playbook and may be encrypted by `reconcile secrets`, age, SOPS or Ansible Vault.',
    items: {
      anyOf: [
        { ...name, description: 'A file.' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['command'],
          description: 'Program on this computer that prints secrets, such as `[pass, show, db]`.',
          properties: {
            command: {
              ...names,
              minItems: 1,
              description: 'Program with its arguments; it runs without a shell.',
            },
            as: {
              ...name,
              description: 'Name of the one secret that the program prints; without it, the output is a map.',
            },
            timeout: { ...duration, default: '30s', description: 'Time limit of the program.' },
          },
        },
      ],
    },
  },
  resources: { type: 'array', description: 'Resources of the hosts, in the order of their application.' },
  checks: {
    type: 'array',
    description:
      'Checks that run last and prove the result: http_check, pg_check, or a command that changes nothing.',
  },
  on_failed_check: {
    enum: ['stop', 'revert'],
    default: 'stop',
    description:
      'Reaction to a failed check, or to a failed resource before it: stop leaves the host unchanged, revert restores the files, links and units that this play changed on the host.',
  },
};

/** Keys of a later version, which have a message of their own. */
export const laterKeys: Readonly<Record<string, string>> = {
  rollout: 'Use --limit to apply to some of the hosts first.',
};

const hostSettings: Readonly<Record<string, Schema>> = {
  port: {
    type: 'integer',
    minimum: 1,
    maximum: 65535,
    description: 'Port of the SSH server; default from ~/.ssh/config, or 22.',
  },
  user: {
    ...name,
    description: 'Login account; default from ~/.ssh/config, or the name of your own account.',
  },
  identity_file: { ...name, description: 'Private key for the login.' },
  proxy_jump: { ...name, description: 'Hosts to connect through, as with ssh -J; `none` for none.' },
  host_key_checking: {
    enum: ['strict', 'accept-new'],
    description: 'Whether a host that is missing in known_hosts is refused, or its key is recorded.',
  },
  transport: {
    enum: ['ssh', 'openssh', 'local', 'docker', 'podman', 'nspawn'],
    default: 'ssh',
    description:
      'Connection to the host: the built-in SSH client, the ssh command, this computer, or a container by name.',
  },
  become,
};

const hostSchema: Schema = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    address: { ...name, description: 'DNS name or IP address; default: the name of the host.' },
    ...hostSettings,
    host_key: {
      ...name,
      pattern: '^(ssh|ecdsa|sk)-\\S+ \\S+',
      description: 'Public key of the host, `ssh-ed25519 AAAA…`; no other is accepted.',
    },
    vars: variables,
  },
};

const groupSchema: Schema = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    hosts: { ...names, description: 'Hosts of the group.' },
    groups: {
      ...names,
      description: 'Groups whose hosts belong to this group too; their variables are stronger.',
    },
    vars: variables,
  },
};

/** An inventory file. */
export const inventoryFileSchema: Schema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    defaults: {
      type: ['object', 'null'],
      additionalProperties: false,
      properties: hostSettings,
      description: 'Settings of every host that does not set them itself.',
    },
    hosts: { type: ['object', 'null'], additionalProperties: hostSchema, description: 'The hosts by name.' },
    groups: {
      type: ['object', 'null'],
      additionalProperties: groupSchema,
      description: 'Groups of hosts by name.',
    },
    vars: { ...variables, description: 'Variables of all hosts: the weakest level.' },
  },
};
