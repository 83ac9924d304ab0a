import { basename } from 'node:path';
import type { Obstacle } from '../engine/module.ts';

/** Kernel parameters, their files, and what holds at boot: sysctl.d(5). */

/** The assignments of all files, in the order of systemd-sysctl, with a line `# PATH` before those of each file. */
export const config = "/usr/lib/systemd/systemd-sysctl --cat-config 2>/dev/null | grep -E '^# /|^[^#;]+='";
export const configPlaces = ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map(at => `${at}/sysctl.d`);
configPlaces.push('/etc/sysctl.conf', 'packages');

/** In a name whose first separator is a dot, dots and slashes change places: sysctl.d(5). */
const swapped = (name: string) => name.replace(/[./]/g, each => (each === '.' ? '/' : '.'));
export const keyOf = (name: string) => (/^[^.]*\//.test(name) ? name.replace(/^\/+/, '') : swapped(name));
export const dotted = (name: string) => swapped(keyOf(name));
export const procOf = (name: string) => `/proc/sys/${keyOf(name)}`;
export const fileOf = (name: string) => `/etc/sysctl.d/90-reconcile-${name.replaceAll('/', '.')}.conf`;
export const normal = (value: string | number | undefined) => String(value).trim().split(/\s+/).join(' ');
/** Returns the line of the file. */
export const lineFor = (name: string, value: string | number | undefined) =>
  `${dotted(name)} = ${normal(value)}\n`;

export const setting = (name: string, value: string | number | undefined) => [
  'sysctl',
  '-w',
  `${dotted(name)}=${normal(value)}`,
];

/** Returns the value that holds after boot and its file, if that file follows the parameter's own. */
export function winner(config: string, name: string) {
  let file = '';
  let last: { file: string; value: string } | undefined;
  for (const line of config.split('\n')) {
    file = /^# (\/\S+\/sysctl\.d\/[^/]+\.conf)$/.exec(line)?.[1] ?? file;
    const [, key, value] = /^\s*-?\s*([^#;=\s]+)\s*=(.*)$/.exec(line) ?? [];
    const isLater = basename(file) > basename(fileOf(name));
    if (isLater && key && keyOf(key) === keyOf(name)) last = { file, value: normal(value) };
  }
  return last;
}

/** Returns the obstacle of a later file with another value. It is a doubt if an earlier resource may change such files. */
export function overruled(
  read: string,
  name: string,
  value: string | number | undefined,
  unsure: boolean,
): Obstacle | undefined {
  const other = winner(read, name);
  if (other === undefined || other.value === normal(value)) return undefined;
  return {
    says: `${other.file} sets ${dotted(name)} to ${other.value} and wins at boot: systemd-sysctl reads it after ${fileOf(name)}.`,
    fix: 'Take the line out of that file in an earlier resource.',
    unsure,
  };
}
