import { durationPattern } from '../util/duration.ts';
import type { Schema } from './schema.ts';

export const name = { type: 'string', minLength: 1 };
export const names = { type: 'array', items: name };
export const variables = {
  type: 'object',
  description: 'Variables by name. Values may contain templates with other variables and facts.',
};

/** A duration as text: `30s`, `5m`, `1h`, `2d`. */
const duration = { type: 'string', pattern: durationPattern };

const shareWords = 'A number of hosts such as 2, or a percentage such as "25%".';

const numberOfHosts = (minimum: 0 | 1) => ({ type: 'integer', minimum, description: shareWords });

/** A percentage as text, at least `least`. */
const share = (least: 0 | 1) => ({
  type: 'string',
  pattern: `^(100|[${least}-9]|[1-9][0-9])%$`,
  description: shareWords,
});

export const become = {
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
  at_once: {
    type: 'integer',
    minimum: 1,
    description:
      'Maximum number of hosts that apply the resource at the same time. After a failure on one host, no other host begins it.',
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
export const notForIncludes: readonly string[] = [
  'register',
  'retry',
  'risky',
  'run_once',
  'at_once',
  'delegate_to',
];

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
  rollout: {
    type: 'object',
    additionalProperties: false,
    required: ['batches'],
    description: 'Applies to the hosts in batches, and stops when too many hosts fail.',
    properties: {
      batches: {
        type: 'array',
        minItems: 1,
        items: { anyOf: [numberOfHosts(1), share(1)] },
        description:
          'Sizes of the batches, as numbers or as percentages of the hosts of the play, such as `[1, "25%"]`. The last one repeats.',
      },
      max_failures: {
        anyOf: [numberOfHosts(0), share(0)],
        default: 0,
        description:
          'Number or percentage of hosts that may fail, be reverted or be unreachable. One more stops the roll-out.',
      },
      pause: { ...duration, description: 'Time between two batches, such as 30s or 5m.' },
      confirm: {
        type: 'boolean',
        default: false,
        description: 'Whether to ask on the terminal before the next batch.',
      },
      before: {
        type: 'array',
        description:
          'Resources for a host that needs a change, before its other resources, such as leaving a load balancer.',
      },
      after: {
        type: 'array',
        description: 'Resources after the checks of a host hold, such as coming back to a load balancer.',
      },
    },
  },
  on_failed_check: {
    enum: ['stop', 'revert'],
    default: 'stop',
    description:
      'Reaction to a failed check, or to a failed resource before it: stop leaves the host unchanged, revert restores the files, links and units that this play changed on the host.',
  },
};

/** The keys of a file with several plays. */
export const playbookKeys: Readonly<Record<string, Schema>> = {
  name: playKeys['name']!,
  plays: { type: 'array', minItems: 1, description: 'Plays, run in order.' },
  any_failure: {
    enum: ['continue', 'stop'],
    default: 'continue',
    description:
      'Reaction to a host that failed in a play: `continue` runs the next plays on the other hosts, `stop` ends the run after that play.',
  },
};
