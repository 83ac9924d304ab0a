/** A mounted file system, of the host's table: proc(5), “/proc/pid/mountinfo”. */
export interface Mount {
  at: string;
  type: string;
  options: string[];
}

/** Returns the mounts of a table, in the order in which they were made. */
export const mountsIn = (table: string): Mount[] =>
  table.split('\n').flatMap(line => {
    const words = line.split(' ');
    const rest = words.slice(words.indexOf('-') + 1);
    if (words.length < 10) return [];
    const at = words[4]!.replace(/\\([0-7]{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    return { at, type: rest[0]!, options: [words[5], rest[2]].join(',').split(',') };
  });

/** The options that a mounted file system shows and that a remount changes, with the opposites that hold by default. */
export const opposites: Readonly<Record<string, string>> = {
  ...{ ro: 'rw', nosuid: 'suid', nodev: 'dev', noexec: 'exec' },
  ...{ noatime: 'relatime', nodiratime: 'diratime', sync: 'async' },
};

const units: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Returns the options of a list that can be compared, in one order, and sizes in one unit. */
export function comparable(options: readonly string[]): string[] {
  const sizes = options.flatMap(option => {
    const [, key, number, unit] = /^(size|nr_inodes)=(\d+)([kmg]?)$/i.exec(option) ?? [];
    return key === undefined ? [] : `${key}=${(Number(number) * units[unit!.toLowerCase()]!) / 1024}k`;
  });
  return [...Object.keys(opposites).filter(flag => options.includes(flag)), ...sizes].toSorted();
}

/** Returns the source as a path of the host, if it has one. */
export function placeOf(source: string): string | undefined {
  const [, tag, value] = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/.exec(source) ?? [];
  if (tag !== undefined) return `/dev/disk/by-${tag.toLowerCase()}/${value}`;
  return source.startsWith('/') && !source.startsWith('//') ? source : undefined;
}
