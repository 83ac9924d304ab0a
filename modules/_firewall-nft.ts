import { familyOf, type Rule, rangesOf, shown } from './_firewall-rules.ts';

/** The table of `firewall` in the words of nft, spelled as `nft list` spells it, so that both can be compared by line. */

export const table = 'inet reconcile';
export const rulesFile = '/etc/nftables.d/reconcile.nft';
export const unitName = 'reconcile-firewall.service';
export const unitFile = `/etc/systemd/system/${unitName}`;
export const unitLink = `/etc/systemd/system/sysinit.target.wants/${unitName}`;

/**
 * The unit loads the table at boot, and again after nftables.service, whose usual configuration and whose stop flush all
 * tables. Stopping the unit itself removes nothing.
 */
export const unitText = `[Unit]
Description=Firewall rules declared by reconcile
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service

[Service]
Type=oneshot
RemainAfterExit=yes
StandardInput=null
ProtectSystem=full
ProtectHome=true
ExecStart=/usr/sbin/nft -f ${rulesFile}
ExecReload=/usr/sbin/nft -f ${rulesFile}

[Install]
WantedBy=sysinit.target
`;

export interface Firewall {
  incoming: 'allow' | 'deny';
  outgoing: 'allow' | 'deny';
  rules: readonly Rule[];
}

type Lines = readonly string[];

const limited = (family: 4 | 6): Lines => [
  `type ipv${family}_addr`,
  'size 65535',
  'flags dynamic,timeout',
  'timeout 1m',
];

const always: Lines = ['ct state established,related accept'];
const neighbours = 'nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert';
const errors = 'destination-unreachable, packet-too-big, time-exceeded, parameter-problem';

/** The packets without which a network does not work: errors, pings, the neighbours of IPv6, and DHCP. */
const input: Lines = [
  ...always,
  'ct state invalid drop',
  'iifname "lo" accept',
  'icmp type { destination-unreachable, echo-request, time-exceeded, parameter-problem } accept',
  `icmpv6 type { ${errors}, echo-request, mld-listener-query, ${neighbours} } accept`,
  'udp sport 67 udp dport 68 accept',
  'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept',
  'jump incoming',
];
const output: Lines = [
  ...always,
  'oifname "lo" accept',
  `icmpv6 type { ${errors}, mld-listener-query, mld-listener-report, ${neighbours}, mld2-listener-report } accept`,
  'udp sport 68 udp dport 67 accept',
  'udp sport 546 udp dport 547 accept',
  'jump outgoing',
];

const hook = (name: 'input' | 'output', policy: 'allow' | 'deny') =>
  `type filter hook ${name} priority filter; policy ${policy === 'allow' ? 'accept' : 'drop'};`;

/** Returns the blocks of the table: the lines of each chain and set. */
function blocksOf({ incoming, outgoing, rules }: Firewall): Record<string, Lines> {
  const chain = (out: boolean) => rules.filter(rule => rule.out === out).flatMap(linesOf);
  return {
    ...(rules.some(({ verdict }) => verdict === 'limit') && {
      'set limited4': limited(4),
      'set limited6': limited(6),
    }),
    'chain input': [hook('input', incoming), ...input],
    'chain output': [hook('output', outgoing), ...output],
    'chain incoming': chain(false),
    'chain outgoing': chain(true),
  };
}

/** Returns the file. It takes the place of the old table in one transaction: no packet meets a host without rules. */
export function render(firewall: Firewall): string {
  const blocks = Object.entries(blocksOf(firewall)).map(
    ([name, lines]) => `\t${name} {\n${lines.map(line => `\t\t${line}\n`).join('')}\t}\n`,
  );
  return `table ${table}\ndelete table ${table}\ntable ${table} {\n${blocks.join('\n')}}\n`;
}

/** Returns the lines of a rule. A limited one drops what is over the rate of its address, and allows the rest. */
function linesOf(rule: Rule): string[] {
  const { verdict, from, to, on, out, comment } = rule;
  const address = (word: string, at: string | undefined) =>
    at && `${familyOf({ from: at, to }) === 6 ? 'ip6' : 'ip'} ${word} ${at}`;
  const match = [
    on && `${out ? 'oifname' : 'iifname'} "${on}"`,
    address('saddr', from),
    address('daddr', to),
    portsOf(rule),
  ];
  const line = (end: string) => [...match, end, comment && `comment "${comment}"`].filter(Boolean).join(' ');
  const families = ([4, 6] as const).filter(one => [undefined, one].includes(familyOf(rule)));
  const over = (family: 4 | 6) =>
    `ct state new update @limited${family} { ${family === 4 ? 'ip' : 'ip6'} saddr limit rate over 12/minute burst 6 packets } drop`;
  if (verdict === 'limit') return [...families.map(family => line(over(family))), line('accept')];
  return [line(verdict === 'allow' ? 'accept' : 'drop')];
}

function portsOf({ ports, proto }: Rule): string | undefined {
  if (ports === 'any') return undefined;
  const all = rangesOf(ports).map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`));
  const set = all.length === 1 ? all[0] : `{ ${all.join(', ')} }`;
  return proto === 'any' ? `meta l4proto { tcp, udp } th dport ${set}` : `${proto} dport ${set}`;
}

/** Returns the blocks of a table as `nft -s -t list table` prints it. */
function parsed(listing: string): Map<string, string[]> {
  const blocks = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of listing.split('\n').map(one => one.trim())) {
    const name = /^((?:chain|set|map|flowtable|counter|quota|limit|ct \w+) \S+) \{$/.exec(line)?.[1];
    if (name !== undefined) blocks.set(name, (lines = []));
    else if (line !== '' && line !== '}' && !line.startsWith('table ')) lines.push(line);
  }
  return blocks;
}

/** Returns the state of a loaded table. A rule that is not among the declared ones shows as nft spells it. */
export function stateOf(listing: string, firewall: Firewall) {
  const found = parsed(listing);
  const policy = (name: string) =>
    found.get(`chain ${name}`)?.[0]?.includes('hook')
      ? /policy drop/.test(found.get(`chain ${name}`)![0]!)
        ? 'deny'
        : 'allow'
      : 'nothing';
  const wanted = blocksOf(firewall);
  const isBasis = (name: string) => !/^chain (incoming|outgoing)$/.test(name);
  const tail = (name: string, lines: Lines = []) =>
    (name.startsWith('chain') ? lines.slice(1) : lines).join('\n');
  const odd = [...new Set([...found.keys(), ...Object.keys(wanted)])].filter(
    name =>
      isBasis(name) &&
      (!(name in wanted) || !found.has(name) || tail(name, found.get(name)) !== tail(name, wanted[name])),
  );
  return {
    incoming: policy('input'),
    outgoing: policy('output'),
    rules: [false, true].flatMap(out =>
      labelled(
        found.get(`chain ${out ? 'outgoing' : 'incoming'}`) ?? [],
        firewall.rules.filter(rule => rule.out === out),
      ),
    ),
    basis: odd.length === 0 ? 'whole' : `other lines in ${odd.join(', ')}`,
  };
}

/** Returns the names of the rules in a chain, of those whose lines are known. */
function labelled(lines: Lines, rules: readonly Rule[]): string[] {
  const labels: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const own = rules.find(rule => linesOf(rule).every((line, i) => line === lines[at + i]));
    labels.push(own ? shown(own) : lines[at]!);
    at += own ? linesOf(own).length : 1;
  }
  return labels;
}

/** Returns the names of the declared rules in the order of the chains. */
export const labelsOf = (rules: readonly Rule[]): string[] =>
  [false, true].flatMap(out => rules.filter(rule => rule.out === out).map(shown));
