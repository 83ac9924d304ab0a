import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { mustNow, runNow } from './command.ts';

// Under a lock, because labs come and go in several processes: forwarding is on while any lab has a bridge, and what it
// was before is put back after the last.
const forwarding = (script: string) =>
  mustNow(['flock', '/run/reconcile-lab/forwarding.lock', 'sh', '-ec', `cd /run/reconcile-lab; ${script}`]);
const forward = `switch=/proc/sys/net/ipv4/ip_forward
  if [ "$(cat $switch)" = 0 ]; then touch forwarding-was-off; echo 1 > $switch; fi`;
const stopForwarding = `switch=/proc/sys/net/ipv4/ip_forward
  if ip -oneline link show type bridge | grep -q ': rl[0-9]*:'; then exit 0; fi
  if [ -e forwarding-was-off ]; then echo 0 > $switch; rm forwarding-was-off; fi`;

/** The bridge's name; it and every name below follow from the lab's number, so that a cleanup can find them. */
export const bridgeName = (id: number) => `rl${id}`;
const subnet = (id: number) => `10.77.${id}.0/24`;
const tag = (id: number) => `reconcile-lab-${id}`;

/** The controller's address on the lab's bridge: the hosts' way out, and where their ACME servers listen. */
export const gatewayAddress = (id: number) => `10.77.${id}.1`;

/** The address of a lab's host; `index` counts from 1. */
export const hostAddress = (id: number, index: number) => `10.77.${id}.${10 + index}`;

const subnet6 = (id: number) => `fd00:77:${id}::`;

/** Likewise by version 6 of IP; undefined on a machine without it. */
export const hostAddress6 = (id: number, index: number) =>
  hasIpv6() ? `${subnet6(id)}${10 + index}` : undefined;

function hasIpv6(): boolean {
  const off = '/proc/sys/net/ipv6/conf/all/disable_ipv6';
  return existsSync(off) && readFileSync(off, 'utf8').trim() === '0';
}

/** The nspawn machine name of a host, which also names the controller's end of its cable (`vb-` before it). */
export const machineName = (id: number, index: number) => `rl${id}h${index}`;

/** The port on the gateway where the hosts' apt finds its caching proxy. */
export const archivePort = 3142;

/** Whether nothing on this machine uses the lab's subnet yet. */
export function freeSubnet(id: number): boolean {
  return runNow(['ip', '-4', 'route', 'show', 'root', subnet(id)]).stdout.trim() === '';
}

function rules(id: number): [table: string, rule: string[]][] {
  const comment = ['-m', 'comment', '--comment', tag(id)];
  const accept = [...comment, '-j', 'ACCEPT'];
  return [
    ['nat', ['POSTROUTING', '-s', subnet(id), '!', '-d', subnet(id), ...comment, '-j', 'MASQUERADE']],
    ['filter', ['INPUT', '-i', bridgeName(id), ...accept]],
    ['filter', ['FORWARD', '-i', bridgeName(id), ...accept]],
    ['filter', ['FORWARD', '-o', bridgeName(id), ...accept]],
  ];
}

/** Makes the bridge and the hosts' way out. */
export function makeNetwork(id: number): void {
  const bridge = bridgeName(id);
  mustNow(['ip', 'link', 'add', bridge, 'type', 'bridge']);
  mustNow(['ip', 'address', 'add', `${gatewayAddress(id)}/24`, 'dev', bridge]);
  if (hasIpv6()) mustNow(['ip', 'address', 'add', `${subnet6(id)}1/64`, 'dev', bridge, 'nodad']);
  mustNow(['ip', 'link', 'set', bridge, 'up']);
  for (const [table, rule] of rules(id)) mustNow(['iptables', '-w', '-t', table, '-I', ...rule]);
  forwarding(forward);
}

/** Removes what `makeNetwork` made and the hosts' cables. Safe to repeat. */
export function removeNetwork(id: number): void {
  for (const index of cables(id)) unplug(id, index);
  runNow(['ip', 'link', 'delete', bridgeName(id)]);
  for (const [table, rule] of rules(id)) runNow(['iptables', '-w', '-t', table, '-D', ...rule]);
  forwarding(stopForwarding);
}

function cables(id: number): number[] {
  const links = runNow(['ip', '-oneline', 'link', 'show', 'master', bridgeName(id)]).stdout;
  return [...links.matchAll(/ vb-rl\d+h(\d+)@/g)].map(match => Number(match[1]));
}

/** Takes a host's cable away; it gets a new one when it boots. */
export function unplug(id: number, index: number): void {
  runNow(['ip', 'link', 'delete', `vb-${machineName(id, index)}`]);
}

/** Cuts a running host off the network, or mends the cut. Open connections notice only by their time-outs. */
export function setLink(id: number, index: number, state: 'up' | 'down'): void {
  mustNow(['ip', 'link', 'set', `vb-${machineName(id, index)}`, state]);
  // Else the first connection after a cut is refused by what the kernel found out during it.
  runNow(['ip', 'neighbour', 'delete', hostAddress(id, index), 'dev', bridgeName(id)]);
}

/** Whether something listens at an address; with `speaksFirst`, whether it also says a word within a second. */
export function tcpAnswers(host: string, port: number, speaksFirst: boolean): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(1000, () => answer(false));
    socket.once(speaksFirst ? 'data' : 'connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
  });
}
