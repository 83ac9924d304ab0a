import { become, name, names, variables } from './resource-keys.ts';
import type { Schema } from './schema.ts';

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
