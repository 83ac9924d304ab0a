import type { ArgumentsOf } from '../schema-types.ts';

const text = { type: 'string' } as const;
const digest = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const;
const count = { type: 'integer', minimum: 0 } as const;

const change = {
  type: 'object',
  additionalProperties: false,
  required: ['key'],
  description: 'One key that differs; a side without the key is left out.',
  properties: { key: text, before: digest, after: digest },
} as const;

const resource = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'module', 'status', 'declared', 'diff', 'predicted_from'],
  properties: {
    name: text,
    module: text,
    status: { enum: ['unchanged', 'changed', 'failed', 'skipped', 'unknown', 'would_change'] },
    declared: {
      ...digest,
      description: 'Digest of the arguments and other keys of the resource on this host.',
    },
    diff: {
      anyOf: [
        {
          type: 'object',
          additionalProperties: false,
          required: ['kind', 'changes'],
          properties: {
            kind: { enum: ['create', 'update', 'remove', 'write'] },
            changes: { type: 'array', items: change },
          },
        },
        { type: 'null' },
      ],
    },
    open: { type: 'boolean', description: 'Whether both a change and no change agree with the plan.' },
    predicted_from: {
      type: 'array',
      items: text,
      description: 'Resources that the difference was predicted from; empty if it was read.',
    },
  },
} as const;

const host = {
  type: 'object',
  additionalProperties: false,
  required: ['resources'],
  properties: {
    machine_id: {
      ...digest,
      description: 'Digest of the /etc/machine-id of the host; left out if there is none.',
    },
    host_key: {
      ...text,
      description: 'Fingerprint of the key of the host; left out if the transport has none.',
    },
    resources: { type: 'array', items: resource },
  },
} as const;

/**
 * JSON Schema (draft-07) of a saved plan. Paths are relative to the folder of the plan's file. Every digest is an
 * HMAC-SHA256 with the plan's salt, in hexadecimal digits.
 */
export const planSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'A plan of reconcile, as saved by reconcile plan -o',
  type: 'object',
  additionalProperties: false,
  required: [
    'format',
    'version',
    'id',
    'created',
    'program',
    'salt',
    'playbook',
    'options',
    'plays',
    'digest',
  ],
  properties: {
    format: { type: 'string', const: 'reconcile plan' },
    version: { type: 'integer', const: 1 },
    id: { type: 'string', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' },
    created: { ...count, description: 'Seconds since 1970, by the clock of the controller.' },
    program: { ...text, description: 'Version of the program that made the plan.' },
    salt: digest,
    playbook: { ...text, description: 'Path of the playbook, relative to the folder of this file.' },
    options: {
      type: 'object',
      additionalProperties: false,
      required: ['inventory', 'vars'],
      description: 'Options of the command that made the plan.',
      properties: {
        inventory: {
          type: 'array',
          items: text,
          description: 'Paths relative to the folder of this file, or lists such as `web1,web2`.',
        },
        limit: text,
        tags: { type: 'array', items: text },
        skip_tags: { type: 'array', items: text },
        vars: {
          type: 'array',
          items: text,
          description: 'The name of each -e, without its value, or `@` and the path of its file.',
        },
      },
    },
    plays: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'on_failed_check', 'hosts'],
        properties: {
          name: text,
          on_failed_check: text,
          hosts: { type: 'object', additionalProperties: host },
        },
      },
    },
    digest: { ...digest, description: 'Digest of everything above.' },
  },
} as const;

/** A saved plan. */
export type SavedPlan = ArgumentsOf<typeof planSchema>;

/** The part of a saved plan about one host. */
export type SavedHost = SavedPlan['plays'][number]['hosts'][string];
export type SavedResource = SavedHost['resources'][number];
