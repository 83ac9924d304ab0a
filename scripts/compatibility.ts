/**
 * Applies every playbook of the tree to blank hosts of each system of the lab, and writes docs/compatibility.md with the
 * versions and the results.
 *
 *     npm run compatibility -- [RELEASE ...]
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, errors, named, type Ran, reconcile, statuses, workspace } from '../test/e2e/reconcile.ts';
import { type Lab, openLab } from '../test/lab/lab.ts';
import { allReleases, type Release, releaseNamed } from '../test/lab/releases.ts';

const root = join(import.meta.dirname, '..');
const page = join(root, 'docs/compatibility.md');

const names: Readonly<Record<Release, string>> = {
  bullseye: 'Debian 11',
  bookworm: 'Debian 12',
  trixie: 'Debian 13',
  forky: 'Debian 14 (testing)',
  'ubuntu-like': 'Debian sid with the userland of Ubuntu 26.04',
  uutils: 'Debian sid with all coreutils in Rust',
};

/** The versions that decide whether reconcile works on a host, as shell that prints one. */
const versions: Readonly<Record<string, string>> = {
  systemd: "systemctl --version | sed -n '1s/systemd \\([0-9]*\\).*/\\1/p'",
  OpenSSH: "dpkg-query -W -f '${Version}' openssh-server | sed 's/^1://;s/-.*//'",
  sudo: "sudo --version | sed -n '1s/^\\(sudo-rs\\|Sudo version\\) */\\1 /;s/Sudo version //;1p'",
  coreutils: "ls --version | sed -n '1s/^ls (\\(.*\\)) */\\1 /;1p'",
  apt: "apt-get --version | sed -n '1s/apt \\([^ ]*\\).*/\\1/p'",
  PostgreSQL: 'ls /usr/lib/postgresql 2>/dev/null | tail -1',
  Nginx: "nginx -v 2>&1 | sed -n 's#.*nginx/\\([^ ]*\\).*#\\1#p'",
  Certbot: "certbot --version 2>/dev/null | sed 's/certbot //'",
  Python: "python3 --version 2>/dev/null | sed 's/Python //'",
};

interface Tried {
  versions: Record<string, string>;
  /** By playbook: `as shown`, or the failures. */
  results: Record<string, string>;
}

/** Returns `as shown` if an apply did what the check showed and a second apply found nothing to do, or else the fault. */
async function outcome(folder: string, file: string, hosts: readonly string[]): Promise<string> {
  const apply = (...args: string[]) =>
    reconcile(folder, ['apply', file, '--json', ...args], { HOME: '/home/deploy' });
  const faults = (ran: Ran) => errors(ran).map(({ message }) => message as string);
  const [checked, applied, again] = [await apply('--check'), await apply(), await apply()];
  const deviating = applied.events.filter(({ deviation }) => deviation).map(({ name }) => name);
  const restless = hosts.flatMap(host => named(again, host, 'changed'));
  const done = hosts.every(host => Object.keys(statuses(again, host)).length > 0);
  return (
    [
      ...faults(checked),
      ...faults(applied),
      ...deviating.map(name => `${name} deviates from the check`),
      ...restless.map(name => `${name} changes at the second apply`),
      ...(done ? [] : ['the second apply did not end']),
    ].at(0) ?? 'as shown'
  );
}

async function onHosts<T>(
  hosts: Record<string, Release>,
  groups: (lab: Lab) => Record<string, unknown>,
  work: (lab: Lab, folder: string) => Promise<T>,
): Promise<T> {
  const lab = await openLab({ hosts, acme: true });
  const folder = workspace(lab, { groups: groups(lab) });
  try {
    return await work(lab, folder);
  } finally {
    rmSync(folder, { recursive: true });
    await lab.close();
  }
}

async function tryRelease(release: Release): Promise<Tried> {
  const results: Record<string, string> = {};
  const files = readdirSync(join(root, 'playbooks')).filter(file => /^(hello|flask.*)\.yml$/.test(file));
  let found: Record<string, string> = {};
  for (const file of files)
    await onHosts(
      { web1: release },
      ({ hosts }) => {
        const { directory, caBundle } = hosts['web1']!.acme;
        const vars = { acme_server: directory, acme_ca_bundle: caBundle };
        return { web: { hosts: ['web1'], vars }, localhost: { hosts: ['web1'] } };
      },
      async (lab, folder) => {
        results[file] = await outcome(folder, file, ['web1']);
        if (file !== 'flask.yml') return;
        for (const [program, script] of Object.entries(versions))
          found = { ...found, [program]: (await lab.exec('web1', script)).stdout.trim() };
      },
    );
  await onHosts(
    { db1: release, web1: release, web2: release, lb1: release },
    () => ({ db: { hosts: ['db1'] }, web: { hosts: ['web1', 'web2'] }, lb: { hosts: ['lb1'] } }),
    async (lab, folder) => {
      results['two-tier.yml'] = await outcome(folder, 'two-tier.yml', Object.keys(lab.hosts));
    },
  );
  return { versions: found, results };
}

const start = '<!-- results -->\n| system | versions | playbooks | day |\n| --- | --- | --- | --- |';

/** Puts a row for a release in the place of the one that the page has. */
function written(release: Release, { versions: found, results }: Tried): void {
  const day = new Date().toISOString().slice(0, 10);
  const told = Object.entries(results).map(([file, result]) => `${file}: ${result}`);
  const result = Object.values(results).every(each => each === 'as shown') ? 'all as shown' : told.join('; ');
  const shown = Object.entries(found).map(([program, version]) =>
    version.includes(' ') ? version : `${program} ${version}`,
  );
  const row = `| ${names[release]} | ${shown.join(', ')} | ${result} | ${day} |`;
  const [head, body = ''] = readFileSync(page, 'utf8').split(`${start}\n`);
  const rows = body
    .split('\n')
    .filter(line => line.startsWith('| ') && !line.startsWith(`| ${names[release]} |`));
  const all = [...rows, row].toSorted((a, b) => position(a) - position(b));
  writeFileSync(page, `${head}${start}\n${all.join('\n')}\n`);
}

const position = (row: string) => allReleases.findIndex(release => row.startsWith(`| ${names[release]} |`));

build();
const given = process.argv.slice(2);
for (const release of given.length > 0 ? given.map(releaseNamed) : allReleases) {
  const tried = await tryRelease(release);
  written(release, tried);
  console.log(release, tried.results);
}
