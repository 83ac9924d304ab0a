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
  ...{ noatime: 'relatime', nodiratime: 'diratime', sync: 'async', lazytime: 'nolazytime' },
};

/** The options whose values the kernel shows in a spelling that is known, and whether a remount changes them. */
const valued: Readonly<Record<string, boolean>> = {
  ...{ size: true, nr_inodes: true, nr_blocks: true, huge: true, errors: true, commit: true },
  ...{
    mode: false,
    uid: false,
    gid: false,
    umask: false,
    fmask: false,
    dmask: false,
    data: false,
    subvol: false,
  },
};

const units: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Returns the value of an option as the kernel shows it; undefined if it has another form, such as a share of the memory. */
function spelled(key: string, value: string): string | undefined {
  if (/^(mode|.mask|umask)$/.test(key))
    return /^[0-7]+$/.test(value) ? value.replace(/^0+(?=.)/, '') : undefined;
  if (key === 'uid' || key === 'gid') return /^\d+$/.test(value) ? value : undefined;
  if (key === 'subvol') return value.replace(/^\//, '');
  if (!/^(size|nr_)/.test(key)) return value;
  const [, number, unit] = /^(\d+)([kmg]?)$/i.exec(value) ?? [];
  return number === undefined ? undefined : `${(Number(number) * units[unit!.toLowerCase()]!) / 1024}k`;
}

/** Returns an option with a value in the one spelling of it; undefined if there is none. */
function normal(option: string): string | undefined {
  const [key = '', value] = option.split(/=(.*)/s);
  const known = value !== undefined && Object.hasOwn(valued, key) ? spelled(key, value) : undefined;
  return known === undefined ? undefined : `${key}=${known}`;
}

/** Whether two lists mean the same options. */
export const isSame = (one: readonly string[], other: readonly string[]): boolean => {
  const [first, second] = [one, other].map(list => list.map(each => normal(each) ?? each).toSorted());
  return first!.join('\n') === second!.join('\n');
};

/** Returns the options of a list that can be compared, in one order and one spelling. */
export function comparable(options: readonly string[]): string[] {
  const values = options.flatMap(option => normal(option) ?? []);
  return [...Object.keys(opposites).filter(flag => options.includes(flag)), ...values].toSorted();
}

/** Returns the shown option that differs from the declared one, and that a remount does not change. */
export const fixedOption = (shown: readonly string[], declared: readonly string[]): string | undefined =>
  comparable(shown).find(option => {
    const [key = '', value] = option.split('=');
    return (
      valued[key] === false && declared.some(each => each.startsWith(`${key}=`) && each !== option) && value
    );
  });

/** Returns the source as a path of the host, if it has one. */
export function placeOf(source: string): string | undefined {
  const [, tag, value] = /^(UUID|LABEL|PARTUUID|PARTLABEL)=(.*)$/.exec(source) ?? [];
  if (tag !== undefined) return `/dev/disk/by-${tag.toLowerCase()}/${value}`;
  return source.startsWith('/') && !source.startsWith('//') ? source : undefined;
}
