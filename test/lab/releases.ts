/**
 * The systems that a lab host can run: Debian's releases, and two variants of sid. `ubuntu-like` has the userland of Ubuntu 26.04: coreutils
 * in Rust but for cp, mv and rm, sudo-rs, socket-activated SSH, cloud-init's account, needrestart and
 * unattended-upgrades; its packages are Debian's. `uutils` has all of the coreutils in Rust.
 */
export const allReleases = ['bullseye', 'bookworm', 'trixie', 'forky', 'ubuntu-like', 'uutils'] as const;
/** One of `allReleases`. */
export type Release = (typeof allReleases)[number];

/** Returns the release of that name. Throws if there is none. */
export function releaseNamed(name: string): Release {
  const found = allReleases.find(each => each === name);
  if (found === undefined) throw new Error(`There is no release ${name}: use ${allReleases.join(', ')}.`);
  return found;
}

/** The two releases that the suites run on; RECONCILE_RELEASES names others, separated by a comma. */
export const [older, newer] = chosen(process.env['RECONCILE_RELEASES'] ?? 'bookworm,trixie');

function chosen(names: string): [Release, Release] {
  const [first, second] = names.split(',').map(releaseNamed);
  return [first!, second ?? first!];
}

/** The ingredients of a release's tree. */
export interface Recipe {
  /** The suite of Debian's archive. */
  suite: string;
  /** Packages besides those of every host. */
  packages: readonly string[];
  /** Shell that mmdebstrap runs when the packages are installed, with the tree as $1. */
  customize: readonly string[];
}

/** Takes the place of GNU's coreutils, as Ubuntu's coreutils-from-uutils does. */
const rustCoreutils = (kept: readonly string[]) =>
  `chroot "$1" sh -ec 'for name in $(coreutils --list); do case $name in ${['[', ...kept].map(name => `"${name}"`).join('|')}) ;; *) ln -sf coreutils "/usr/bin/$name" ;; esac; done'`;

const osRelease = `NAME="Ubuntu"
VERSION_ID="26.04"
VERSION="26.04 LTS"
VERSION_CODENAME=resolute
PRETTY_NAME="Ubuntu 26.04 LTS"
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=resolute`;

const ubuntu: Recipe = {
  suite: 'sid',
  packages: ['rust-coreutils', 'sudo-rs', 'needrestart', 'unattended-upgrades'],
  customize: [
    rustCoreutils(['cp', 'mv', 'rm']),
    'install -m 4755 "$1/usr/lib/cargo/bin/sudo" "$1/usr/bin/sudo"; install -m 0755 "$1/usr/lib/cargo/bin/visudo" "$1/usr/sbin/visudo"',
    `rm -f "$1/etc/os-release"; printf '%s\\n' '${osRelease}' >"$1/usr/lib/os-release"; ln -s ../usr/lib/os-release "$1/etc/os-release"`,
    // apt's sources in the format of deb822, at Ubuntu's place.
    `sed -n 's/^deb \\(\\S*\\) \\(\\S*\\) \\(.*\\)/Types: deb\\nURIs: \\1\\nSuites: \\2\\nComponents: \\3\\nSigned-By: \\/usr\\/share\\/keyrings\\/debian-archive-keyring.gpg\\n/p' "$1/etc/apt/sources.list" >"$1/etc/apt/sources.list.d/ubuntu.sources"; rm "$1/etc/apt/sources.list"`,
    'chroot "$1" useradd --create-home --shell /bin/bash ubuntu',
    `echo '# Created by cloud-init
ubuntu ALL=(ALL) NOPASSWD:ALL' >"$1/etc/sudoers.d/90-cloud-init-users"; chmod 0440 "$1/etc/sudoers.d/90-cloud-init-users"`,
    'echo "PasswordAuthentication no" >"$1/etc/ssh/sshd_config.d/50-cloud-init.conf"; chmod 0600 "$1/etc/ssh/sshd_config.d/50-cloud-init.conf"',
    'chroot "$1" systemctl disable ssh.service; chroot "$1" systemctl enable ssh.socket',
    // The first apply meets unattended-upgrades at work.
    `mkdir -p "$1/etc/systemd/system/apt-daily-upgrade.timer.d"; printf '[Timer]\\nOnBootSec=1s\\nRandomizedDelaySec=0\\n' >"$1/etc/systemd/system/apt-daily-upgrade.timer.d/boot.conf"; chroot "$1" systemctl unmask apt-daily-upgrade.timer`,
  ],
};

const plain = (suite: string): Recipe => ({ suite, packages: [], customize: [] });

export const recipes: Readonly<Record<Release, Recipe>> = {
  bullseye: plain('bullseye'),
  bookworm: plain('bookworm'),
  trixie: plain('trixie'),
  forky: plain('forky'),
  'ubuntu-like': ubuntu,
  uutils: { suite: 'sid', packages: ['rust-coreutils'], customize: [rustCoreutils([])] },
};
