import { anyOf, flag, listOf, oneOf, text } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { command, content, Missing, path, program, unit } from '../engine/probe.ts';
import { scriptBeside } from '../engine/util/text-beside.ts';
import * as nft from './_firewall-nft.ts';
import { type Declared, problemOf, ruleOf, shown } from './_firewall-rules.ts';
import * as state from './_firewall-state.ts';
import * as steps from './_firewall-steps.ts';
import * as ufw from './_firewall-ufw.ts';

const port = (what: string) =>
  anyOf(
    [
      { type: 'integer', minimum: 1, maximum: 65535 },
      {
        type: 'string',
        pattern: '^(any|[0-9]{1,5}(:[0-9]{1,5})?(,[0-9]{1,5}(:[0-9]{1,5})?)*)(/(tcp|udp))?$',
      },
    ],
    `Ports and protocol of the packets that ${what}: 22/tcp, 80,443/tcp, 60000:61000/udp, 53 for both protocols, or any.`,
  );
const address = { type: 'string', minLength: 2 } as const;

const args = {
  backend: oneOf(['nftables', 'ufw'], 'Program that holds the rules.'),
  rules: listOf(
    {
      type: 'object',
      properties: {
        allow: port('pass'),
        deny: port('are dropped'),
        limit: port('pass, unless an address opens more than six connections in half a minute'),
        from: { ...address, description: 'Address or network of the sender; without it, any.' },
        to: { ...address, description: 'Address or network of the receiver; without it, any.' },
        on: text('Network interface; without it, any.', { pattern: '^[A-Za-z0-9._@-]{1,15}$' }),
        direction: oneOf(['in', 'out'], 'Whether packets come in or go out.', { default: 'in' }),
        comment: text('Note beside the rule.', { pattern: '^[^"\'\\\\\\n]{1,120}$' }),
      },
      additionalProperties: false,
    },
    'All rules: each has one of `allow`, `deny` and `limit`, and may have `from`, `to`, `on`, `direction` and `comment`. The first one that matches a packet decides.',
  ),
  incoming: oneOf(['deny', 'allow'], 'What happens to incoming packets that no rule matches.', {
    default: 'deny',
  }),
  outgoing: oneOf(['allow', 'deny'], 'What happens to outgoing packets that no rule matches.', {
    default: 'allow',
  }),
  exclusive: flag(
    'Whether ufw loses all other rules. With `false` they stay, behind these. The table of nftables never has others.',
    { default: true },
  ),
  enabled: flag(
    'Whether the firewall is in force, now and at boot. With `false`, ufw keeps its rules for later.',
    {
      default: true,
    },
  ),
} as const;
const scripts = {
  nftables: scriptBeside(import.meta.url, './firewall-nft.sh'),
  ufw: scriptBeside(import.meta.url, './firewall-ufw.sh'),
};
const waysIn = scriptBeside(import.meta.url, './firewall-way.sh');
const published = scriptBeside(import.meta.url, './firewall-published.sh');

/** What can change the rules in force. */
const changers = [
  'packages',
  'nft',
  'iptables',
  'ip6tables',
  'ufw',
  'nftables',
  '/etc/ufw',
  '/etc/default/ufw',
];

const nftProbes = {
  file: content(nft.rulesFile),
  folder: path('/etc/nftables.d'),
  unitText: content(nft.unitFile),
  link: path(nft.unitLink),
  unit: unit(nft.unitName),
  needsUfw: content(ufw.conf),
  needsUfwUnit: unit('ufw.service'),
};
const ufwProbes = {
  conf: content(ufw.conf),
  defaults: content(ufw.defaults),
  rules4: content(ufw.fileOf(4)),
  rules6: content(ufw.fileOf(6)),
  unit: unit('ufw.service'),
  needsNftables: unit('nftables.service'),
  needsOwn: unit(nft.unitName),
};
type Read = state.Read;

/** The packet filter of a host. One resource has all rules, so that a rule that is no longer declared goes. */
export const firewall = defineModule({
  name: 'firewall',
  summary:
    'The packet filter of a host, by nftables or ufw: which packets pass, for IPv4 and IPv6, now and at boot.',
  args,
  required: ['backend'],
  examples: {
    'A web server': {
      backend: 'nftables',
      rules: [{ allow: '22/tcp', comment: 'SSH' }, { allow: '80,443/tcp' }],
    },
    'A database for one network, by ufw': {
      backend: 'ufw',
      rules: [{ allow: '22/tcp' }, { allow: '5432/tcp', from: '10.0.0.0/8' }],
    },
    'A host that opens few connections itself': {
      backend: 'nftables',
      outgoing: 'deny',
      rules: [
        { allow: '22/tcp' },
        { allow: 53, direction: 'out' },
        { allow: '80,443/tcp', direction: 'out' },
      ],
    },
    'No firewall': { backend: 'nftables', enabled: false },
  },
  together: [
    'Loopback, established connections, errors and pings, the neighbours of IPv6, and DHCP always pass.',
    'nftables has its own table `inet reconcile`; other tables, as of Docker or Fail2ban, stay. A packet passes only if all tables let it pass.',
    'Forwarded packets have no rules: nftables leaves them as they are, and ufw has its own default for them. The ports that Docker publishes are open in spite of `incoming: deny`.',
    '`reconcile-firewall.service` loads the table of nftables at boot, and again after `nftables.service`, whose usual configuration flushes all tables. `nftables.service` itself stays as it is.',
    'Each run opens at least two connections, so a `limit` for the port of SSH can turn away the third run in half a minute.',
    'Every change of the rules is risky: the host reverts it by itself, unless a new connection proves that it can still be entered.',
  ],
  identity: () => 'host',
  refine: ({ backend, rules = [], exclusive }) => {
    const labels = rules.map(rule => (problemOf(rule) === undefined ? matchOf(rule) : undefined));
    const twice = labels.find((one, i) => one !== undefined && labels.indexOf(one) < i);
    return [
      ...rules.map(rule => {
        const says = problemOf(rule);
        return says !== undefined && { at: 'rules', says };
      }),
      twice !== undefined && {
        at: 'rules',
        says: `Two rules are for ${twice}; the second one never applies.`,
      },
      backend === 'nftables' &&
        !exclusive && {
          at: 'exclusive',
          says: 'Only ufw takes exclusive: false. The table of nftables is reconcile’s own.',
        },
    ];
  },
  probes: ({ backend }) => ({
    program: program(backend === 'ufw' ? 'ufw' : 'nft'),
    found: command(scripts[backend], { about: changers }),
    way: command(waysIn, { about: [] }),
    needsPublished: command(published, { about: ['docker', 'packages', 'units'] }),
    ipv6: path('/proc/net/if_inet6'),
    ...(backend === 'nftables' ? nftProbes : ufwProbes),
    needsFirewalld: unit('firewalld.service'),
  }),
  actual: (read, args) => {
    const { backend } = args;
    if (read.program === null)
      return backend === 'ufw' ? Missing.fromPackages('ufw', 'ufw') : Missing.fromPackages('nft', 'nftables');
    return backend === 'nftables' ? state.ofNft(read as Read, args) : state.ofUfw(read as Read, args);
  },
  fresh: () => ({ in_force: false, at_boot: false }),
  desired: (args, read) => state.desired(args, read as Read | undefined),
  obstacles: (args, read) => [
    read.program !== null &&
      read.found.exit !== 0 && {
        says: `This host cannot use ${args.backend}: ${read.found.stderr.trim().split('\n')[0]}`,
        fix: 'A container needs the capability CAP_NET_ADMIN, and the modules of its machine’s kernel.',
      },
    args.enabled && state.shutOut(args, read as Read),
    args.enabled && state.rival(args.backend, read as Read),
    args.enabled && state.pastTheRules(args, read as Read),
  ],
  steps: (diff, args, read) =>
    args.backend === 'nftables' ? steps.ofNft(args, read as Read) : steps.ofUfw(diff, args, read as Read),
  claims: ({ backend, enabled }) =>
    backend === 'nftables' ? pathClaims(nft.rulesFile, enabled ? 'file' : 'nothing') : {},
});

/** Returns a rule without its verdict and its comment. */
const matchOf = (rule: Declared) => shown({ ...ruleOf(rule), comment: '' }).replace(/^\S+ /, '');
