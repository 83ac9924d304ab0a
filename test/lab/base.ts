import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { must, removeTree, withLock } from './command.ts';
import { aptSettings, debianSources, labDir } from './machine.ts';
import { type Recipe, type Release, recipes } from './releases.ts';

const packages = ['systemd', 'systemd-sysv', 'dbus', 'openssh-server', 'iproute2', 'ca-certificates', 'sudo'];

/** Units that would slow a boot down, or hold the package lock at a moment no test can foresee. */
const masked = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty@tty1.service',
  'console-getty.service',
  'systemd-networkd-wait-online.service',
  'systemd-pstore.service',
];

// Run by mmdebstrap, with the tree as $1. What makes a host itself (keys, names, ids) is written per host instead.
const customize = [
  'chroot "$1" useradd --create-home --shell /bin/bash deploy',
  'echo "deploy ALL=(ALL:ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/deploy"; chmod 0440 "$1/etc/sudoers.d/deploy"',
  `chroot "$1" systemctl mask ${masked.join(' ')}`,
  'chroot "$1" systemctl enable systemd-networkd.service ssh.service',
  'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id "$1"/etc/hostname "$1"/etc/resolv.conf',
  'rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap',
];

/** A name for a recipe: the same recipe gives the same name, any change of it another. */
export function recipeKey(...recipe: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12);
}

/** The tree of a freshly installed Debian, built on first use and kept. Nobody may write to it. */
export async function baseTree(release: Release): Promise<string> {
  const recipe = recipes[release];
  const sources = debianSources(recipe.suite);
  const bases = join(labDir(), 'bases');
  const own = [...recipe.packages, ...recipe.customize];
  const tree = join(bases, `${release}-${recipeKey(sources, packages, customize, ...own)}`);
  mkdirSync(bases, { recursive: true });
  if (existsSync(tree)) return tree;
  return withLock(`${tree}.lock`, async () => {
    if (!existsSync(tree)) await buildBase(recipe, sources, tree);
    return tree;
  });
}

async function buildBase(recipe: Recipe, sources: string[], tree: string): Promise<void> {
  const unfinished = `${tree}.unfinished-${process.pid}`;
  try {
    await must([
      'mmdebstrap',
      '--quiet',
      '--variant=minbase',
      '--keyring=/usr/share/keyrings/debian-archive-keyring.gpg',
      `--include=${[...packages, ...recipe.packages].join(',')}`,
      ...aptSettings().map(line => `--aptopt=${line.replace(/;$/, '')}`),
      ...[...customize, ...recipe.customize].map(script => `--customize-hook=${script}`),
      recipe.suite,
      unfinished,
      ...sources,
    ]);
    renameSync(unfinished, tree);
  } finally {
    removeTree(unfinished);
  }
}
