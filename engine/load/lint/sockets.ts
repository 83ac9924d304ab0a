import type { Rule } from './rule.ts';
import { argument, type ResourceSubject, type Subject } from './subject.ts';
import { hole, matchesIn } from './texts.ts';
import { lastValueOf, valuesOf } from './units.ts';

/** The account and the group of Nginx on Debian and Ubuntu. */
const nginx = 'www-data';
const sockets = /\bunix:([^\s:;"'}]+)/g;

/** Something that must be passed: who owns it, and what those may do with it. */
interface Gate {
  what: string;
  mode: string;
  owner: string | undefined;
  group: string | undefined;
  /** The permission that is needed, as a digit of a mode. */
  need: number;
}

export const socketUnreachable: Rule = {
  code: 'socket-unreachable',
  explanation:
    'Nginx passes requests to a socket that its account, www-data, cannot reach: it must be able to enter every directory on the way and to write to the socket. Run the application as www-data, or give the directory (RuntimeDirectoryMode) and the socket to a group that www-data is in.',
  *check(subject) {
    for (const site of subject.resources.filter(({ module, present }) => module === 'nginx_site' && present))
      for (const text of site.texts)
        for (const { match, at } of matchesIn(text, sockets)) {
          const socket = match[1]!;
          if (socket.includes(hole)) continue;
          const gate = gatesTo(socket, subject).find(each => !isOpen(each, subject));
          if (gate === undefined) continue;
          const owners = [gate.owner, gate.group].map(name => name ?? 'root').join(':');
          yield {
            message: `Nginx cannot reach this socket: ${gate.what} is for ${owners} with mode ${gate.mode}, and Nginx runs as ${nginx}.`,
            hint:
              gate.need === 1
                ? `Let ${nginx} enter it: a mode such as "0755", or the group ${nginx} and "0750".`
                : `Let ${nginx} write to it: run the application with the group ${nginx}.`,
            at,
            of: site.text,
          };
        }
  },
};

/** What is known of the directories on the way to a socket, and of the socket. */
function gatesTo(socket: string, { resources }: Subject): Gate[] {
  return resources
    .filter(({ present }) => present)
    .flatMap((each): Gate[] => {
      if (each.module === 'directory') return directoryGate(each, socket);
      return each.module === 'systemd_unit' ? unitGates(each, socket) : [];
    });
}

function directoryGate(directory: ResourceSubject, socket: string): Gate[] {
  const [path, mode, owner, group] = ['path', 'mode', 'owner', 'group'].map(key => argument(directory, key));
  if (typeof mode !== 'string' || typeof path !== 'string' || !socket.startsWith(`${path}/`)) return [];
  return [{ what: path, mode, owner: owner as string, group: group as string, need: 1 }];
}

function unitGates(unit: ResourceSubject, socket: string): Gate[] {
  const owner = lastValueOf(unit, 'User');
  const group = lastValueOf(unit, 'Group') ?? owner;
  const gates: Gate[] = [];
  const folders = valuesOf(unit, 'RuntimeDirectory').flatMap(({ value }) => value.split(/\s+/));
  const folder = folders.map(name => `/run/${name}`).find(path => socket.startsWith(`${path}/`));
  const mode = lastValueOf(unit, 'RuntimeDirectoryMode') ?? '0755';
  if (folder !== undefined) gates.push({ what: folder, mode, owner, group, need: 1 });
  for (const { value } of valuesOf(unit, 'ExecStart')) {
    if (!/gunicorn/.test(value) || !value.includes(`unix:${socket}`)) continue;
    const umask = /\s(?:--umask[=\s]+|-m\s*)(?:0o)?([0-7]{1,4})\b/.exec(value)?.[1];
    if (umask === undefined) continue;
    const left = (0o777 & ~parseInt(umask, 8)).toString(8).padStart(4, '0');
    gates.push({ what: 'it', mode: left, owner, group, need: 2 });
  }
  if (valuesOf(unit, 'ListenStream').some(({ value }) => value === socket))
    gates.push({
      what: 'it',
      mode: lastValueOf(unit, 'SocketMode') ?? '0666',
      owner: lastValueOf(unit, 'SocketUser'),
      group: lastValueOf(unit, 'SocketGroup'),
      need: 2,
    });
  return gates;
}

/** Whether Nginx may pass. A group that the playbook puts its account into counts as its own. */
function isOpen({ mode, owner, group, need }: Gate, { resources }: Subject): boolean {
  const [user = 0, members = 0, others = 0] = mode.slice(-3).split('').map(Number);
  if (owner === nginx) return (user & need) !== 0;
  const joins = ({ module, texts }: ResourceSubject) =>
    module === 'command' && texts.some(({ shown }) => shown.includes(nginx) && shown.includes(group ?? '\n'));
  if (group === nginx || resources.some(joins)) return (members & need) !== 0;
  return (others & need) !== 0;
}
