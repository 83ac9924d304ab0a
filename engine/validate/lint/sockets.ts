import type { Rule } from './rule.ts';
import { argument, type ResourceSubject, type Subject } from './subject.ts';
import { hole, matchesIn } from './texts.ts';
import { lastValueOf, settingsOf, valuesOf } from './unit-files.ts';

/** The account and the group of Nginx on Debian and Ubuntu. */
const nginx = 'www-data';
const sockets = /\bunix:([^\s:;"'}]+)/g;

/** A directory or socket on the way to a socket, with its owner and permissions. */
interface Gate {
  /** Whether it is on the way to a socket. */
  before(socket: string): boolean;
  what: string;
  mode: string;
  owner: string | undefined;
  group: string | undefined;
  /** The needed permission, as a digit of a mode. */
  need: number;
}

export const socketUnreachable: Rule = {
  code: 'socket-unreachable',
  explanation:
    'Nginx passes requests to a socket that its account, www-data, cannot reach: it must be able to enter every directory on the way and to write to the socket. Run the application as www-data, or give the directory (RuntimeDirectoryMode) and the socket to a group that www-data is in.',
  *check(subject) {
    const gates = subject.resources.filter(({ present }) => present).flatMap(gatesOf);
    for (const site of subject.resources.filter(({ module, present }) => module === 'nginx_site' && present))
      for (const text of site.texts)
        for (const { match, at } of matchesIn(text, sockets)) {
          const socket = match[1]!;
          if (socket.includes(hole)) continue;
          const gate = gates.find(each => each.before(socket) && !isOpen(each, subject));
          if (gate === undefined) continue;
          const owners = [gate.owner, gate.group].map(name => name ?? 'root').join(':');
          yield {
            message: `Nginx cannot reach this socket: ${gate.what} is for ${owners} with mode ${gate.mode}, and Nginx runs as ${nginx}.`,
            hint:
              gate.need === 1
                ? `Let ${nginx} enter it: a mode such as "0755", or the group ${nginx} and "0750".`
                : `Let ${nginx} write to it: run the application with the group ${nginx}.`,
            at: at(),
            of: site.text,
          };
        }
  },
};

/** Returns the known directories of sockets, and the known sockets. */
function gatesOf(resource: ResourceSubject): Gate[] {
  if (resource.module === 'directory') return directoryGate(resource);
  return resource.module === 'systemd_unit' ? unitGates(resource) : [];
}

const below = (folder: string) => (socket: string) => socket.startsWith(`${folder}/`);

function directoryGate(directory: ResourceSubject): Gate[] {
  const [path, mode, owner, group] = ['path', 'mode', 'owner', 'group'].map(key => argument(directory, key));
  if (typeof mode !== 'string' || typeof path !== 'string') return [];
  return [{ before: below(path), what: path, mode, owner: owner as string, group: group as string, need: 1 }];
}

function unitGates(unit: ResourceSubject): Gate[] {
  const settings = settingsOf(unit);
  const lastOf = (key: string) => lastValueOf(settings, key);
  const owner = lastOf('User');
  const group = lastOf('Group') ?? owner;
  const folders = valuesOf(settings, 'RuntimeDirectory').flatMap(({ value }) => value.split(/\s+/));
  const mode = lastOf('RuntimeDirectoryMode') ?? '0755';
  const gates = folders.map((name): Gate => {
    const what = `/run/${name}`;
    return { before: below(what), what, mode, owner, group, need: 1 };
  });
  for (const { value } of valuesOf(settings, 'ExecStart')) {
    const umask = /\s(?:--umask[=\s]+|-m\s*)(?:0o)?([0-7]{1,4})\b/.exec(value)?.[1];
    if (umask === undefined || !/gunicorn/.test(value)) continue;
    const left = (0o777 & ~parseInt(umask, 8)).toString(8).padStart(4, '0');
    const before = (socket: string) => value.includes(`unix:${socket}`);
    gates.push({ before, what: 'it', mode: left, owner, group, need: 2 });
  }
  const listening = valuesOf(settings, 'ListenStream').map(({ value }) => value);
  gates.push({
    before: socket => listening.includes(socket),
    what: 'it',
    mode: lastOf('SocketMode') ?? '0666',
    owner: lastOf('SocketUser'),
    group: lastOf('SocketGroup'),
    need: 2,
  });
  return gates;
}

/** Whether Nginx may pass. A group that the playbook adds its account to counts as its own. */
function isOpen({ mode, owner, group, need }: Gate, { resources }: Subject): boolean {
  const [user = 0, members = 0, others = 0] = mode.slice(-3).split('').map(Number);
  if (owner === nginx) return (user & need) !== 0;
  const joins = ({ module, texts }: ResourceSubject) =>
    module === 'command' && texts.some(({ shown }) => shown.includes(nginx) && shown.includes(group ?? '\n'));
  if (group === nginx || resources.some(joins)) return (members & need) !== 0;
  return (others & need) !== 0;
}
