import type { InventoryHost } from '../engine/module.ts';
import { absolutePath, flag, listOf, text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { isHashOf, type SshKey, shownKey, sshKey } from '../engine/module-kit/ssh-key.ts';
import { type Content, content } from '../engine/probe.ts';

/** The keys by which SSH recognizes other hosts. Keys are declared; none is asked for over the network. */
export const known_hosts = defineModule({
  name: 'known_hosts',
  summary: 'The keys of other hosts that SSH clients on this host accept.',
  args: {
    name: text(
      'Name or address of the host, with another port as `[host]:2222`. Several are separated by commas.',
      {
        pattern: '^[^\\s,|*?!#@]+(,[^\\s,|*?!#@]+)*$',
      },
    ),
    keys: listOf(
      { type: 'string', description: 'A public key, `ssh-ed25519 AAAA…`.' },
      'All keys of the host. Other keys of this host are removed.',
      { minItems: 1, uniqueItems: true },
    ),
    from_inventory: flag('Whether the hosts are those of the inventory, with the `host_key` of each.'),
    path: {
      ...absolutePath,
      description: 'The file. The default is that of all accounts.',
      default: '/etc/ssh/ssh_known_hosts',
    },
  },
  absent: 'removes all keys of the host',
  examples: {
    'A host that backups go to': {
      name: 'backup.example.com',
      keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPD0tO7H5DNQmGZz4RPDU9Hbta1bLPbqkEbMzS7mJqmE'],
    },
    'All hosts of the inventory': { from_inventory: true },
    'A host that is gone': { name: 'old.example.com', state: 'absent' },
  },
  files: { inventory: true },
  alternatives: { 'one host': ['name', 'keys'], 'all hosts': ['from_inventory'] },
  identity: ({ name, path }) => `${name ?? 'inventory'}${path === usualPath ? '' : ` in ${path}`}`,
  refine: ({ name, keys, from_inventory, hosts }) => [
    !from_inventory && (!name || !keys) && { says: 'Give name and keys, or from_inventory: true.' },
    ...(keys ?? [])
      .filter(key => keyIn(key) === undefined)
      .map(key => ({ at: 'keys', says: `This is no public key: ${key.slice(0, 60)}` })),
    ...(hosts?.some(host => host.host_key) === false
      ? [{ at: 'from_inventory', says: 'No host of the inventory has a host_key.' }]
      : []),
  ],
  probes: ({ path }) => ({ file: content(path) }),
  actual({ file }, args) {
    const wanted = declared(args);
    const names = wanted.flatMap(one => one.names);
    const found = linesOf(file).flatMap(line => named(line, names).map(name => shown(name, line.key)));
    return found.length === 0 ? null : { keys: sorted(found) };
  },
  desired: args => ({
    keys: sorted(
      declared(args).flatMap(({ names, keys }) => names.flatMap(name => keys.map(key => shown(name, key)))),
    ),
  }),
  steps(_diff, args, { file }) {
    const wanted = declared(args);
    const added = wanted.flatMap(({ names, keys }) =>
      keys.map(key => `${names.join(',')} ${key.type} ${key.base64}`),
    );
    return [
      written(
        args.path,
        file,
        wanted.flatMap(one => one.names),
        added,
      ),
    ];
  },
  removal: {
    refine: ({ name }) => [name === undefined && { says: 'Give the name.' }],
    actual({ file }: { file: Content | null }, { name = '' }) {
      const names = name.toLowerCase().split(',');
      const found = linesOf(file).flatMap(line => named(line, names).map(one => shown(one, line.key)));
      return found.length === 0 ? null : { keys: sorted(found) };
    },
  },
  remove: ({ name = '', path }, { file }) => [written(path, file, name.toLowerCase().split(','), [])],
});

const usualPath = '/etc/ssh/ssh_known_hosts';

/** A line of a known_hosts file. `names` is empty for a comment. */
interface Line {
  text: string;
  marker: string;
  names: string[];
  key: SshKey;
}

interface Host {
  names: string[];
  keys: SshKey[];
}

type Args = { name?: string; keys?: readonly string[]; hosts?: readonly InventoryHost[] };

/** Returns the declared hosts with the names by which SSH looks them up. */
function declared({ name, keys = [], hosts = [] }: Args): Host[] {
  const own = name === undefined ? [] : [{ names: name.toLowerCase().split(','), keys: parsed(keys) }];
  const others = hosts.flatMap(({ name, address, port, host_key }) => {
    const at = (one: string) => (port === 22 ? one : `[${one}]:${port}`).toLowerCase();
    return host_key === null
      ? []
      : [{ names: [...new Set([at(name), at(address)])], keys: parsed([host_key]) }];
  });
  return [...own, ...others];
}

/** Returns the key in a public key's text. */
function keyIn(text: string): SshKey | undefined {
  const [type = '', base64 = ''] = text.trim().split(/\s+/);
  return sshKey(type, base64);
}

const parsed = (keys: readonly string[]) => keys.flatMap(key => keyIn(key) ?? []);
const sorted = (list: readonly string[]) => [...new Set(list)].toSorted();

const shown = (name: string, key: SshKey): string => `${name} ${shownKey(key)}`;

const linesOf = (text: Content | null) =>
  text?.bytes?.length ? text.bytes.toString().replace(/\n$/, '').split('\n').map(lineIn) : [];

function lineIn(text: string): Line {
  const words = text.trim().split(/\s+/);
  const marker = words[0]?.startsWith('@') ? words.shift()! : '';
  const [names = '', type = '', base64 = ''] = words;
  return { text, marker, names: names.startsWith('#') ? [] : names.split(','), key: { type, base64 } };
}

/** Returns those of `names` that a line without a marker is for. A hashed line is for one name: sshd(8). */
function named({ marker, names: [first = '', ...more] }: Line, names: readonly string[]): string[] {
  if (marker !== '') return [];
  if (!first.startsWith('|1|'))
    return names.filter(name => [first, ...more].some(one => one.toLowerCase() === name));
  return names.filter(name => isHashOf(first, name));
}

/** Writes the file without the keys of `names`, and with the lines `added`. Other names keep their lines. */
function written(path: string, text: Content | null, names: readonly string[], added: readonly string[]) {
  const kept = linesOf(text).flatMap(line => {
    const own = named(line, names);
    if (own.length === 0) return [line.text];
    const others = line.names.filter(name => !name.startsWith('|') && !own.includes(name.toLowerCase()));
    return others.length === 0 ? [] : [`${others.join(',')} ${line.key.type} ${line.key.base64}`];
  });
  return { do: 'write', path, content: [...kept, ...added].map(line => `${line}\n`).join('') } as const;
}
