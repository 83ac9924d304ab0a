import type { Obstacle, StateValue } from '../engine/module.ts';
import type { CommandResult, Content, PathState, UnitState } from '../engine/probe.ts';
import * as nft from './_firewall-nft.ts';
import {
  type Declared,
  decisionAbout,
  type Family,
  inOrder,
  isOpen,
  isSameSet,
  misplaced,
  type Rule,
  ruleOf,
  shown,
  wayIn,
} from './_firewall-rules.ts';
import * as ufw from './_firewall-ufw.ts';

/** The states of `firewall`, read and declared, and what is in the way of the declared one. */

export interface Arguments {
  backend: 'nftables' | 'ufw';
  rules?: readonly Declared[];
  incoming: 'allow' | 'deny';
  outgoing: 'allow' | 'deny';
  exclusive: boolean;
  enabled: boolean;
}

/** The readings of either backend. */
export interface Read {
  found: CommandResult;
  program: string | null;
  way: CommandResult;
  ipv6: PathState | null;
  unit: UnitState;
  needsFirewalld?: UnitState;
  needsPublished?: CommandResult;
  file?: Content | null;
  folder?: PathState | null;
  unitText?: Content | null;
  link?: PathState | null;
  needsUfw?: Content | null;
  needsUfwUnit?: UnitState;
  conf?: Content | null;
  defaults?: Content | null;
  rules4?: Content | null;
  rules6?: Content | null;
  needsNftables?: UnitState;
  needsOwn?: UnitState;
}

type State = Record<string, StateValue | undefined>;

export const textOf = (read: Content | null | undefined): string => read?.bytes?.toString() ?? '';

export const firewallOf = ({ incoming, outgoing, rules = [] }: Arguments): nft.Firewall => ({
  incoming,
  outgoing,
  rules: rules.map(ruleOf),
});

export function ofNft(read: Read, args: Arguments): State {
  const { found, file, unitText, link, unit } = read;
  const firewall = firewallOf(args);
  const isLoaded = found.stdout.trim() !== '';
  const isUnit =
    textOf(unitText) === nft.unitText && link?.target === nft.unitFile && unit.ActiveState === 'active';
  const filed = nft.stateOf(textOf(file), firewall).rules;
  const isOther = textOf(file) !== nft.render({ ...firewall, rules: asFiled(filed, firewall.rules) });
  const state = nft.stateOf(found.stdout, firewall);
  return {
    in_force: isLoaded,
    at_boot: !file && !link ? false : isOther ? 'with other rules' : isUnit || 'without its unit',
    ...(isLoaded && { ...state, rules: inOrder(state.rules, inChains(firewall.rules)) }),
    ...orderOf(args, read)?.found,
  };
}

const inChains = (rules: readonly Rule[]) =>
  [false, true].flatMap(out => rules.filter(rule => rule.out === out));

/** Returns the declared rules in the order of the file, if that means the same. */
function asFiled(labels: readonly string[], rules: readonly Rule[]): readonly Rule[] {
  if (!isSameSet(labels, rules) || misplaced(labels, rules)) return rules;
  return labels.map(label => rules.find(rule => shown(rule) === label)!);
}

/** Returns two rules in another order than declared, for which the order matters, as keys of the state. */
function orderOf(args: Arguments, read: Read) {
  const nftLists = () => [
    [nft.stateOf(read.found.stdout, firewallOf(args)).rules, firewallOf(args).rules] as const,
  ];
  const ufwLists = () =>
    families(read).map(
      family =>
        [
          ufw.entriesIn(rulesText(read, family), family).map(({ label }) => label),
          wantedEntries(args, read, family).flatMap(({ rule }) => rule ?? []),
        ] as const,
    );
  if (!args.enabled || read.program === null) return undefined;
  for (const [labels, rules] of args.backend === 'nftables' ? nftLists() : ufwLists()) {
    const [first, second] = (isSameSet(labels, rules) && misplaced(labels, rules)) || [];
    if (first && second)
      return {
        found: { order: `${shown(first)} before ${shown(second)}` },
        wanted: { order: `${shown(second)} before ${shown(first)}` },
      };
  }
  return undefined;
}

export const families = (read: Read | undefined): Family[] => (read?.ipv6 === null ? [4] : [4, 6]);

const rulesKey = (family: Family) => (family === 4 ? 'rules' : 'rules_ipv6');
export const rulesText = ({ rules4, rules6 }: Read, family: Family): string =>
  textOf(family === 4 ? rules4 : rules6);

export function ofUfw(read: Read, args: Arguments): State {
  const defaults = textOf(read.defaults);
  const lists = families(read).map(family => [
    rulesKey(family),
    inOrder(
      ufw.entriesIn(rulesText(read, family), family).map(({ label }) => label),
      wantedEntries(args, read, family).flatMap(({ rule }) => rule ?? []),
    ),
  ]);
  const isEnabled = ufw.valueIn(textOf(read.conf), 'ENABLED') === 'yes';
  return {
    in_force: ufwForce(read),
    at_boot: isEnabled && (read.unit.UnitFileState === 'enabled' || 'without its unit'),
    incoming: verdictOf(ufw.valueIn(defaults, 'DEFAULT_INPUT_POLICY')),
    outgoing: verdictOf(ufw.valueIn(defaults, 'DEFAULT_OUTPUT_POLICY')),
    ...(families(read).length > 1 && { ipv6: hasIpv6(read) }),
    ...Object.fromEntries(args.enabled ? lists : []),
    ...orderOf(args, read)?.found,
  };
}

const hasIpv6 = ({ defaults }: Read) => ufw.valueIn(textOf(defaults), 'IPV6')?.toLowerCase() === 'yes';

const verdictOf = (policy: string | undefined) =>
  policy === 'ACCEPT' ? 'allow' : policy === 'DROP' ? 'deny' : policy?.toLowerCase();

/** Returns whether the kernel has the rules that the files of ufw have. */
function ufwForce(read: Read): boolean | string {
  const { stdout } = read.found;
  if (!/^-A ufw-before-input -j ufw-user-input/m.test(stdout)) return false;
  const filed = families(read).filter(family => family === 4 || hasIpv6(read));
  const lines = ufw.kernelLines(filed.map(family => rulesText(read, family)).join('\n'));
  const policies = (['INPUT', 'OUTPUT'] as const).map(name => {
    const wanted =
      ufw.valueIn(textOf(read.defaults), `DEFAULT_${name}_POLICY`) === 'ACCEPT' ? 'ACCEPT' : 'DROP';
    return [...stdout.matchAll(new RegExp(`^-P ${name} (\\S+)`, 'gm'))]
      .slice(0, filed.length)
      .every(([, is]) => is === wanted);
  });
  const isSame = policies.every(Boolean) && lines.join('\n') === ufw.kernelLines(stdout).join('\n');
  return isSame || 'with other rules';
}

/** Returns the rules that a file of ufw will have: the declared ones, and the others behind them if they stay. */
export function wantedEntries(args: Arguments, read: Read | undefined, family: Family): ufw.Entry[] {
  const own = ufw.entriesOf(firewallOf(args).rules, family);
  if (args.exclusive || !read || read.program === null) return own;
  const there = ufw.entriesIn(rulesText(read, family), family);
  const left = own.map(({ label }) => label);
  for (const { label } of there) if (left[0] === label) left.shift();
  if (left.length === 0) return there;
  return [...own, ...there.filter(({ label }) => !own.some(one => one.label === label))];
}

export function desired(args: Arguments, read: Read | undefined): State {
  const { backend, enabled, incoming, outgoing } = args;
  if (!enabled) return { in_force: false, at_boot: false };
  const order = read && orderOf(args, read)?.wanted;
  const both = { in_force: true, at_boot: true, incoming, outgoing, ...order };
  if (backend === 'nftables') return { ...both, rules: nft.labelsOf(firewallOf(args).rules), basis: 'whole' };
  const lists = families(read).map(family => [
    rulesKey(family),
    wantedEntries(args, read, family).map(({ label }) => label),
  ]);
  return { ...both, ...(families(read).length > 1 && { ipv6: true }), ...Object.fromEntries(lists) };
}

/** Returns the obstacle of rules that admit no new connection of the way by which this run came. */
export function shutOut(args: Arguments, read: Read): Obstacle | undefined {
  const way = wayIn(read.way.stdout);
  if (way === undefined) return undefined;
  const family = way.client.includes(':') ? 6 : 4;
  const rules =
    args.backend === 'nftables'
      ? firewallOf(args).rules
      : wantedEntries(args, read, family).flatMap(({ rule }) => rule ?? []);
  const decision = decisionAbout(way, rules, args.incoming);
  if (decision === true || (decision !== false && decision.verdict !== 'deny')) return undefined;
  const why = decision === false ? 'no rule admits it' : `the rule "${shown(decision)}" decides`;
  return {
    says: `These rules shut out this run, which came from ${way.client} to port ${way.port} of ${way.server}: ${why}.`,
    fix: `Admit it first, e.g. with\n    - { allow: ${way.port}/tcp }`,
    always: args.exclusive,
  };
}

/** Returns the warning of ports that Docker publishes, and that no rule admits: such packets are forwarded. */
export function pastTheRules(args: Arguments, { needsPublished }: Read): Obstacle | undefined {
  if (args.incoming === 'allow') return undefined;
  const { rules } = firewallOf(args);
  const ports = [...(needsPublished?.stdout ?? '').matchAll(/^(\d+)\/(tcp|udp)$/gm)]
    .filter(([, port, proto]) => !rules.some(rule => isOpen(rule, Number(port), proto!)))
    .map(([label]) => label);
  return ports.length === 0
    ? undefined
    : {
        says: `Docker publishes ${[...new Set(ports)].join(', ')} past these rules. Publish a port at an address of the host, such as 127.0.0.1:8080:80, to keep it closed.`,
        warns: true,
      };
}

/** Returns the obstacle of another firewall that is in force. */
export function rival(backend: Arguments['backend'], read: Read): Obstacle | undefined {
  const runs = (unit: UnitState | undefined) => unit?.ActiveState === 'active';
  // The unit of ufw stays inactive until the next boot after ufw itself was called.
  const isUfw =
    ufw.valueIn(textOf(read.needsUfw), 'ENABLED') === 'yes' && read.needsUfwUnit?.LoadState === 'loaded';
  const name = runs(read.needsFirewalld)
    ? 'firewalld'
    : backend === 'nftables'
      ? isUfw && 'ufw'
      : runs(read.needsOwn)
        ? nft.unitName
        : runs(read.needsNftables) && 'nftables.service';
  if (!name) return undefined;
  return {
    says: `${name} is in force, too, and decides about the same packets.`,
    fix:
      name === 'ufw' || name === nft.unitName
        ? `Apply once with\n    firewall: { backend: ${name === 'ufw' ? 'ufw' : 'nftables'}, enabled: false }`
        : `Stop and disable it by hand: when it stops, it removes the rules of all firewalls.`,
  };
}
