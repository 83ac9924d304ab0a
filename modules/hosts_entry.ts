import { listOf, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { type Content, command, content, path } from '../engine/probe.ts';
import { ipVersion, normalIp } from '../engine/util/ip-address.ts';
import { holds, linesAbout, withEntry, withoutEntry } from './_hosts-file.ts';

const file = '/etc/hosts';

const args = {
  ip: text('Address, IPv4 or IPv6.', { pattern: '^[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?$' }),
  names: listOf(
    { type: 'string', pattern: '^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$' },
    'Names of the address. The first one is the canonical name.',
    { minItems: 1 },
  ),
} as const;
type Arguments = Given<typeof args, 'ip' | 'names'>;

/** One entry of /etc/hosts. Its line ends with a mark, so that a new address of its names replaces the old one. */
export const hosts_entry = defineModule({
  name: 'hosts_entry',
  summary: 'Names of an address in /etc/hosts. Other lines of the file stay unchanged.',
  args,
  required: ['ip', 'names'],
  absent: 'takes the names from the address',
  examples: {
    'A database host': { ip: '10.0.0.5', names: ['db.internal', 'db'] },
    'An IPv6 address': { ip: 'fd00::5', names: ['db.internal'] },
    'A name that is gone': { ip: '10.0.0.4', names: ['old.internal'], state: 'absent' },
  },
  identity: ({ ip, names }) => `${normalIp(ip)} ${names[0]}`,
  refine: ({ ip, names }) => [
    ipRefusal(ip),
    new Set(names.map(lower)).size < names.length && { at: 'names', says: 'A name occurs twice.' },
    names.some(name => lower(name) === 'localhost') &&
      !/^(127\.|::1$)/.test(normalIp(ip)) && {
        at: 'names',
        says: 'localhost must be a loopback address, such as 127.0.0.1.',
      },
  ],
  probes: () => ({
    content: content(file),
    needsFile: path(file),
    needsCloudInit: command(cloudInit, { about: ['/etc/cloud'] }),
  }),
  actual: ({ content }, args) => {
    const { mine } = linesAbout(textOf(content), args);
    const [line] = mine;
    if (line === undefined) return null;
    // Debian's own lines may hold the entry, with further names.
    const isHeld = mine.length === 1 && holds(line, args);
    const found = isHeld ? args : line;
    return {
      ip: normalIp(found.ip),
      names: [...found.names],
      ...(mine.length > 1 && { lines: mine.length }),
    };
  },
  desired: ({ ip, names }, read) => ({
    ip: normalIp(ip),
    names: [...names],
    ...(read && linesAbout(textOf(read.content), { ip, names }).mine.length > 1 && { lines: 1 }),
  }),
  obstacles: (args, { content, needsFile, needsCloudInit }, { kind }) => {
    const { others } = linesAbout(textOf(content), args);
    const [other] = kind === 'remove' ? [] : others;
    const managed =
      needsCloudInit?.stdout
        .trim()
        .split('\n')
        .at(-1)
        ?.replace(/^.*:\s*|["'\s]/g, '') ?? '';
    const isOverwritten =
      /^(true|template)$/i.test(managed) || (managed === 'localhost' && normalIp(args.ip) === '127.0.1.1');
    const isHeaded = managed === '' && /'manage_etc_hosts' as True/.test(textOf(content));
    return [
      other !== undefined && {
        says: `${file} already gives ${args.names.find(name => other.names.map(lower).includes(lower(name)))} another address, in the line \`${other.text.trim()}\`.`,
        fix: `Remove it in an earlier resource, with\n    hosts_entry: { ip: ${other.ip}, names: [${args.names.filter(name => other.names.map(lower).includes(lower(name))).join(', ')}], state: absent }`,
      },
      needsCloudInit &&
        (isOverwritten || isHeaded) && {
          says: `cloud-init writes ${file} at every boot, because of manage_etc_hosts: the entry would be lost.`,
          fix: 'Turn it off in an earlier resource, with\n    file: { path: /etc/cloud/cloud.cfg.d/99-hosts.cfg, content: "manage_etc_hosts: false\\n" }',
        },
      needsFile?.type === 'link' && {
        says: `${file} is a link to ${needsFile.target}, which would be replaced by a file.`,
        fix: 'Replace it in an earlier resource.',
      },
      content?.bytes === undefined && content !== null && { says: `${file} is too large to be edited.` },
    ];
  },
  steps: (_diff, args, { content }) => [
    { do: 'write', path: file, content: Buffer.from(withEntry(textOf(content), args), 'latin1') },
  ],
  remove: (args, { content }) => [
    { do: 'write', path: file, content: Buffer.from(withoutEntry(textOf(content), args), 'latin1') },
  ],
  removal: {
    refine: ({ ip }) => [ipRefusal(ip)],
    actual: ({ content }: { content: Content | null }, args) => {
      const lines = linesAbout(textOf(content), args).mine.filter(({ ip }) => ip === normalIp(args.ip));
      const names = lines
        .flatMap(line => line.names)
        .filter(name => args.names.map(lower).includes(lower(name)));
      return names.length > 0 ? { ip: normalIp(args.ip), names } : null;
    },
    claims: args => presenceOf(args, 'no'),
  },
  claims: args => ({
    ...pathClaims(file, 'file'),
    ...presenceOf(args, 'yes'),
    ...Object.fromEntries(
      args.names.map(name => [
        `the entry for ${lower(name)} as IPv${ipVersion(args.ip)} in ${file}`,
        `${normalIp(args.ip)} ${args.names.join(' ')}`,
      ]),
    ),
  }),
});

/** The settings of cloud-init for /etc/hosts. The last one holds. */
const cloudInit =
  "grep -shE '^[[:space:]]*manage_etc_hosts:' /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d/*.cfg";

const lower = (name: string) => name.toLowerCase();
const ipRefusal = (ip: string) => ipVersion(ip) === 0 && { at: 'ip', says: `${ip} is no address.` };

/** Bytes beyond ASCII are written back as they are. */
const textOf = (content: Content | null) => content?.bytes?.toString('latin1') ?? '';

const presenceOf = ({ ip, names }: Arguments, is: 'yes' | 'no') =>
  Object.fromEntries(names.map(name => [`whether ${normalIp(ip)} is ${lower(name)} in ${file}`, is]));
