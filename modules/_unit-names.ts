import { posix } from 'node:path';
import { packageOf, unitAt } from '../engine/host-knowledge.ts';
import { Missing } from '../engine/probe.ts';

/** The kinds of units whose file an administrator writes, by their suffix. */
export const unitKinds = [
  ...['service', 'socket', 'timer', 'path', 'target'],
  ...['mount', 'automount', 'swap', 'slice'],
] as const;

/** The kinds of files from which the generator of Podman makes services: podman-systemd.unit(5). */
export const quadletKinds = ['container', 'volume', 'network', 'pod', 'kube'] as const;

/** The suffix of a unit or of a file of Quadlet, without its dot. */
export const kindOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

export const isQuadlet = (name: string): boolean =>
  (quadletKinds as readonly string[]).includes(kindOf(name));

/** The names that say where a file lies: of a unit, of a drop-in (`of`), of Quadlet, or of a unit of an account. */
export interface UnitNames {
  name: string;
  of?: string | undefined;
  user?: string | undefined;
}

/** The home directory that an account usually has. */
export const usualHome = (user: string): string => (user === 'root' ? '/root' : `/home/${user}`);

/** Returns the path of a file, and the unit that systemd reads it for. */
export function placeOf({ name, of, user }: UnitNames) {
  if (user !== undefined) {
    const folder = `${usualHome(user)}/.config/systemd/user`;
    return { path: `${folder}/${name}`, folder, unit: name };
  }
  const path =
    of !== undefined
      ? `/etc/systemd/system/${of}.d/${name}.conf`
      : `/etc/${isQuadlet(name) ? 'containers/systemd' : 'systemd/system'}/${name}`;
  return { path, folder: posix.dirname(path), unit: unitAt(path)?.name ?? name };
}

/** Whether a name stands for units that begin with it, as `user-.slice` for those of all accounts. */
export const isPrefix = (unit: string): boolean => /.-\.[a-z]+$/.test(unit);

/** Returns the name that systemd-escape(1) gives a path. */
export function escapedPath(path: string): string {
  const parts = path.split('/').filter(part => part !== '' && part !== '.');
  if (parts.length === 0) return '-';
  const hex = (byte: string) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
  const escaped = parts.map(part =>
    Buffer.from(part)
      .toString('latin1')
      .replace(/[^A-Za-z0-9:_.]/g, hex),
  );
  return escaped.join('-').replace(/^\./, hex);
}

/** The key of a unit that its name repeats: systemd.mount(5), systemd.automount(5), systemd.swap(5). */
const named: Readonly<Record<string, 'Where' | 'What'>> = {
  mount: 'Where',
  automount: 'Where',
  swap: 'What',
};

/** Returns why systemd refuses a unit of this name, whose text has these settings; undefined without a reason. */
export function misnamed(name: string, setting: (key: string) => string | undefined): string | undefined {
  const kind = kindOf(name);
  const key = named[kind];
  if (kind === 'slice' && /--|-\.slice$/.test(name))
    return `${name} has an empty part: dashes separate the slices above a slice.`;
  if ((key !== undefined || kind === 'slice') && name.includes('@'))
    return `${name} has an @, and a ${kind} has neither templates nor instances.`;
  const value = key && setting(key);
  const path = value?.replace(/^(UUID|PARTUUID)=/, (_, tag: string) => `/dev/disk/by-${tag.toLowerCase()}/`);
  if (!path?.startsWith('/') || path.includes('%')) return undefined;
  const right = `${escapedPath(path)}.${kind}`;
  return right === name
    ? undefined
    : `${name} names another path: systemd takes ${key}=${value} only in ${right}.`;
}

/** Takes the place of the state of a unit that systemd does not know. */
export const missingUnit = (name: string): Missing => new Missing(`unit ${name}`, bringersOf(name));

function bringersOf(name: string): string[] {
  const known = packageOf(name);
  const units = new Set([name, name.replace(/@.*(?=\.)/, '@')]);
  return [...[...units].map(unit => `unit:${unit}`), ...(known === undefined ? [] : [`package:${known}`])];
}
