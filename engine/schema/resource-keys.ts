import type { Schema } from './schema.ts';

const name = { type: 'string', minLength: 1 };
const names = { type: 'array', items: name };
const variables = {
  type: 'object',
  description: 'Variables by name. Values may hold templates that use other variables and facts.',
};

/** A duration as text: `30s`, `5m`, `1h`, `2d`. */
const duration = { type: 'string', pattern: '^[0-9]+(ms|s|m|h|d)$' };

const become = {
  description: 'The account that does the work: true is root by sudo, false is the login itself.',
  anyOf: [
    { type: 'boolean' },
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        user: { ...name, description: 'The account to become; root when left out.', default: 'root' },
        method: { enum: ['sudo', 'doas', 'su'], description: 'How to become it.', default: 'sudo' },
      },
    },
  ],
} satisfies Schema;

/** The keys of a resource that are not its module. */
export const resourceKeys: Readonly<Record<string, Schema>> = {
  name: { ...name, description: 'What it is called in plans and by needs and restart_on; unique in a play.' },
  when: {
    type: ['string', 'boolean'],
    description: 'An expression without {{ }} that is true or false; false skips the resource.',
  },
  loop: {
    type: ['array', 'object'],
    description:
      'Repeats the resource for each element: `item` and `index`, and `key` for a map, are its values.',
  },
  tags: {
    type: 'array',
    items: name,
    description: 'Words to select it by with --tags and --skip-tags. `always` and `never` are special.',
  },
  needs: { ...names, description: 'Names of resources that must hold first, beyond those that are derived.' },
  become,
  register: {
    type: 'string',
    pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
    description: 'A variable that keeps the outcome for later expressions.',
  },
  retry: {
    type: 'object',
    description: 'How often to try when it fails.',
    additionalProperties: false,
    required: ['attempts'],
    properties: {
      attempts: { type: 'integer', minimum: 1, maximum: 1000, description: 'How many times at most.' },
      delay: { ...duration, default: '5s', description: 'The pause between two attempts, such as 5s or 1m.' },
    },
  },
  on_failure: {
    enum: ['stop', 'continue'],
    default: 'stop',
    description: 'Whether this host stops when the resource fails, or goes on.',
  },
  run_once: {
    type: 'boolean',
    description:
      'Does it on the first host of the play that can be reached, for all of them. The others wait for it, and have what it registers.',
  },
  delegate_to: {
    ...name,
    description:
      'Does it on another host of the inventory. Expressions are still those of the host that it is for.',
  },
  include: {
    ...name,
    description:
      'A component file in the place of a module, relative to the file that this stands in. Its resources are called `NAME / …`; NAME alone means all of them.',
  },
  with: {
    type: 'object',
    description: 'What the component is given, by the names under its `params`.',
  },
  risky: {
    type: 'boolean',
    description:
      'Whether the host puts the change back by itself unless a new connection shows that nobody is locked out. True by itself for SSH, sudo, firewall and network files and services.',
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
    type: { enum: Object.keys(parameterTypes), description: 'What kind of value it takes.' },
    description: { ...name, description: 'What it is for, in a sentence.' },
    default: {
      description:
        'Its value where an include gives none; without a default it must be given. May hold templates that use other parameters and facts. null: it may be left out, and is null then.',
    },
    enum: { type: 'array', minItems: 1, description: 'The values that it can have.' },
    items: { enum: Object.keys(parameterTypes), description: 'What kind of elements a list has.' },
  },
};

/** The keys of a component file. `resources` are looked into one by one. */
export const componentKeys: Readonly<Record<string, Schema>> = {
  description: { ...name, description: 'What the component is for.' },
  params: {
    type: ['object', 'null'],
    additionalProperties: parameter,
    description: 'What an include gives it in `with`, by name. No other variables are seen inside.',
  },
  resources: { type: 'array', description: 'Its resources, in order, as in a play; includes, too.' },
};

/** The keys of a play. `resources` and `checks` are looked into one by one. */
export const playKeys: Readonly<Record<string, Schema>> = {
  name: { ...name, description: 'A title, shown first in every plan.' },
  hosts: {
    anyOf: [name, { ...names, minItems: 1 }],
    description:
      'A pattern that selects hosts and groups of the inventory: `web,db`, `web:&prod`, `web:!web1`, `web*`, `all`.',
  },
  become,
  vars: variables,
  vars_files: {
    ...names,
    description: 'Files of variables, relative to the playbook; later ones are stronger.',
  },
  secrets: {
    type: 'array',
    description:
      'Where secrets come from; their values are under `secrets.` Files are relative to the playbook and may be encrypted by `reconcile secrets`, age, SOPS or Ansible Vault.',
    items: {
      anyOf: [
        { ...name, description: 'A file.' },
        {
          type: 'object',
          additionalProperties: false,
          required: ['command'],
          description: 'A program of this computer that prints secrets, such as `[pass, show, db]`.',
          properties: {
            command: { ...names, minItems: 1, description: 'The program and its arguments; no shell.' },
            as: { ...name, description: 'The name of the one secret that it prints; else it prints a map.' },
            timeout: { ...duration, default: '30s', description: 'How long it may take.' },
          },
        },
      ],
    },
  },
  resources: { type: 'array', description: 'What the hosts shall be like, in order.' },
  checks: {
    type: 'array',
    description:
      'Checks that run last and show that the result works: http_check, pg_check, or a command that only looks.',
  },
  on_failed_check: {
    enum: ['stop', 'revert'],
    default: 'stop',
    description:
      'What a failed check, or a failed resource before it, does: stop leaves the host as it is, revert puts back the files, links and units that this play changed on the host.',
  },
};

/** Keys of a later version: said so in place of being unknown. */
export const laterKeys: Readonly<Record<string, string>> = {
  rollout: 'Use --limit to apply to some of the hosts first.',
};

const hostSettings: Readonly<Record<string, Schema>> = {
  port: {
    type: 'integer',
    minimum: 1,
    maximum: 65535,
    description: 'The port of its SSH server; as ~/.ssh/config says, or 22, when left out.',
  },
  user: {
    ...name,
    description:
      'The account to log in as; as ~/.ssh/config says, or your own account’s name, when left out.',
  },
  identity_file: { ...name, description: 'A private key to log in with.' },
  proxy_jump: { ...name, description: 'Hosts to connect through, as with ssh -J; `none` for none.' },
  host_key_checking: {
    enum: ['strict', 'accept-new'],
    description: 'Whether a host that known_hosts does not have is refused, or its key is recorded.',
  },
  transport: {
    enum: ['ssh', 'openssh', 'local', 'docker', 'podman', 'nspawn'],
    default: 'ssh',
    description:
      'How to reach it: the built-in SSH client, the ssh command, this computer, or a container by name.',
  },
  become,
};

const hostSchema: Schema = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    address: { ...name, description: 'A DNS name or IP address; the host’s own name when left out.' },
    ...hostSettings,
    host_key: {
      ...name,
      pattern: '^(ssh|ecdsa|sk)-\\S+ \\S+',
      description: 'Its public key, `ssh-ed25519 AAAA…`; no other is accepted.',
    },
    vars: variables,
  },
};

const groupSchema: Schema = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    hosts: { ...names, description: 'Hosts of the group.' },
    groups: { ...names, description: 'Groups whose hosts belong to it, too; their variables are stronger.' },
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
