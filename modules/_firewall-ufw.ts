import { type Family, familyOf, type Rule, shown } from './_firewall-rules.ts';

/** The rules of `firewall` in the files of ufw, and in the words that iptables uses for them. */

export const conf = '/etc/ufw/ufw.conf';
export const defaults = '/etc/default/ufw';
export const fileOf = (family: Family) => `/etc/ufw/user${family === 6 ? '6' : ''}.rules`;
const prefix = (family: Family) => (family === 6 ? 'ufw6' : 'ufw');
const anywhere = (family: Family) => (family === 6 ? '::/0' : '0.0.0.0/0');

/** A rule in a file of ufw. */
export interface Entry {
  /** The rule in one line, as plans show it. */
  label: string;
  /** Undefined for a rule that this module cannot declare, such as one for routed packets. */
  rule: Rule | undefined;
  /** The lines of the file. */
  text: string;
}

/** Returns the rules in a file of ufw, in their order. */
export function entriesIn(text: string, family: Family): Entry[] {
  const rules = /### RULES ###\n([\s\S]*?)(?:### END RULES ###|$)/.exec(text)?.[1] ?? '';
  return rules.split(/^(?=### tuple ###)/m).flatMap(block => {
    const tuple = /^### tuple ### (.*)/.exec(block)?.[1]?.trim();
    if (tuple === undefined) return [];
    const rule = ruleIn(tuple, family);
    return [{ label: rule ? shown(rule) : `tuple ${tuple}`, rule, text: `${block.trimEnd()}\n` }];
  });
}

function ruleIn(tuple: string, family: Family): Rule | undefined {
  const [, verdict, proto, ports, to, from, way, on, hex] =
    /^(allow|deny|limit) (tcp|udp|any) (\S+) (\S+) any (\S+) (?:\S+ - )?(in|out)(?:_(\S+))?(?: comment=([0-9a-f]+))?$/.exec(
      tuple,
    ) ?? [];
  if (verdict === undefined) return undefined;
  const some = (address: string | undefined) => (address === anywhere(family) ? undefined : address);
  return {
    ...{ verdict: verdict as Rule['verdict'], proto: proto as Rule['proto'], ports: ports! },
    ...{ from: some(from), to: some(to), on, out: way === 'out' },
    comment: Buffer.from(hex ?? '', 'hex').toString(),
  };
}

/** Returns the declared rules of a family. */
export const entriesOf = (rules: readonly Rule[], family: Family): Entry[] =>
  rules
    .filter(rule => [undefined, family].includes(familyOf(rule)))
    .map(rule => ({ label: shown(rule), rule, text: textOf(rule, family) }));

function textOf(rule: Rule, family: Family): string {
  const { verdict, proto, ports, from = anywhere(family), to = anywhere(family), on, out, comment } = rule;
  const way = `${out ? 'out' : 'in'}${on ? `_${on}` : ''}`;
  const note = comment && ` comment=${Buffer.from(comment).toString('hex')}`;
  const tuple = `### tuple ### ${verdict} ${proto} ${ports} ${to} any ${from} ${way}${note}`;
  const protocols = proto === 'any' && ports !== 'any' ? ['tcp', 'udp'] : [proto];
  return `${[tuple, ...protocols.flatMap(each => linesOf(rule, each, family))].join('\n')}\n`;
}

function linesOf({ verdict, ports, from, to, on, out }: Rule, proto: string, family: Family): string[] {
  const chain = `${prefix(family)}-user`;
  const match = [
    `-A ${chain}-${out ? 'output' : 'input'}`,
    on && `-${out ? 'o' : 'i'} ${on}`,
    proto !== 'any' && `-p ${proto}`,
    ports !== 'any' && /[,:]/.test(ports) && `-m multiport --dports ${ports}`,
    to && `-d ${to}`,
    ports !== 'any' && !/[,:]/.test(ports) && `--dport ${ports}`,
    from && `-s ${from}`,
  ];
  const line = (end: string) => [...match, end].filter(Boolean).join(' ');
  if (verdict !== 'limit') return [line(`-j ${verdict === 'allow' ? 'ACCEPT' : 'DROP'}`)];
  return [
    line('-m conntrack --ctstate NEW -m recent --set'),
    line(`-m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 -j ${chain}-limit`),
    line(`-j ${chain}-limit-accept`),
  ];
}

/** Returns a file of ufw with other rules. Its other lines stay, such as those for the log. */
export function withEntries(text: string, entries: readonly Entry[], family: Family): string {
  const rules = `### RULES ###\n\n${entries.map(entry => `${entry.text}\n`).join('')}### END RULES ###\n`;
  if (/### END RULES ###\n/.test(text))
    return text.replace(/### RULES ###\n[\s\S]*### END RULES ###\n/, () => rules);
  if (text.includes('### RULES ###\n')) return text.replace('### RULES ###\n', () => `${rules}\n`);
  const chain = `${prefix(family)}-user`;
  const chains = ['input', 'output', 'forward', 'limit', 'limit-accept'].map(
    one => `:${chain}-${one} - [0:0]\n`,
  );
  const ends = `-A ${chain}-limit -j REJECT\n-A ${chain}-limit-accept -j ACCEPT\n`;
  return `*filter\n${chains.join('')}${rules}\n${ends}COMMIT\n`;
}

/** Returns the lines for incoming and outgoing packets in a file or in an answer of iptables, in one spelling. */
export const kernelLines = (text: string): string[] =>
  text
    .split('\n')
    .filter(line => /^-A ufw6?-user-(input|output) /.test(line))
    .map(line =>
      line
        .trim()
        .split(/ (?=-)/)
        .filter(part => !/^(-m (tcp|udp)|--name DEFAULT|--mask \S+|--rsource)$/.test(part))
        .map(part => part.replace(/^(-[sd] \S+)\/(32|128)$/, '$1'))
        .toSorted()
        .join(' '),
    )
    // Rules of incoming and outgoing packets stand one after the other in the kernel, and mixed in the file.
    .toSorted((one, other) => Number(/-output/.test(one)) - Number(/-output/.test(other)));

/** Returns the value of a variable in a file that the shell reads, or undefined. */
export const valueIn = (text: string, name: string): string | undefined =>
  new RegExp(`^${name}=["']?([^"'\\s]*)`, 'm').exec(text)?.[1];

/** Returns the file with another value of a variable. */
export function withValue(text: string, name: string, value: string): string {
  const line = `${name}=${value}`;
  const at = new RegExp(`^${name}=.*$`, 'm');
  return at.test(text)
    ? text.replace(at, line)
    : `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
}

/** Loads the rules of both files, each at once: iptables-restore empties only the chains that a file names. */
export const reloadRules = `iptables-restore -n <${fileOf(4)} && { ! [ -e /proc/net/if_inet6 ] || ip6tables-restore -n <${fileOf(6)}; }`;

/** Brings ufw to what its files say, whatever it does now. */
export const reloadAll = `if grep -qs '^ENABLED=yes' ${conf}; then ufw reload; else ufw --force disable; fi`;
