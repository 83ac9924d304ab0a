// npm run lab -- up [NAME=RELEASE ...] | down [ID] | ssh [ID:]NAME [COMMAND ...] | list
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { enterLab } from './enter.ts';
import { initProcess } from './host.ts';
import { identityFile, knownHostsFile } from './identity.ts';
import { openLab } from './lab.ts';
import { hostAddress } from './network.ts';
import { type LabRecord, listLabs, removeLab } from './registry.ts';
import { allReleases, type Release, releaseNamed } from './releases.ts';

const usage = `npm run lab -- up [NAME=${allReleases.join('|')} ...]   boot hosts (web1=bookworm web2=trixie), until \`down\`
npm run lab -- list                      the labs on this machine and their hosts
npm run lab -- ssh [ID:]NAME [COMMAND]   log in to a host, or run a command there
npm run lab -- down [ID]                 remove the labs started by \`up\`, or one of them`;

function fail(message: string): never {
  console.error(message);
  process.exit(3);
}

async function up(args: string[]): Promise<void> {
  const wanted = args.length > 0 ? args : ['web1=bookworm', 'web2=trixie'];
  const hosts = wanted.map((text): [string, Release] => {
    const [name, release] = text.split('=') as [string, string?];
    return /^[a-z][a-z0-9-]*$/.test(name)
      ? [name, releaseNamed(release ?? 'bookworm')]
      : fail(`"${text}" is not NAME=${allReleases.join('|')}`);
  });
  const lab = await openLab({ hosts: Object.fromEntries(hosts), acme: true, detached: true });
  const inventory = join(lab.identityFile, '..', 'inventory.yml');
  writeFileSync(inventory, lab.inventory({ groups: { web: { hosts: Object.keys(lab.hosts) } } }));
  console.log(`lab ${lab.id} is up; inventory: ${inventory}`);
  for (const { name, address, acme } of Object.values(lab.hosts))
    console.log(`  ${name}  ${address}  ${acme.directory}`);
}

function list(): void {
  for (const lab of listLabs()) {
    console.log(`lab ${lab.id}  ${lab.owner ? `of process ${lab.owner.pid}` : 'until `down`'}  ${lab.dir}`);
    for (const host of lab.hosts) {
      const state = initProcess(lab, host) ? 'running' : 'off';
      console.log(`  ${host.name}  ${host.release}  ${hostAddress(lab.id, host.index)}  ${state}`);
    }
  }
}

function down(id: string | undefined): void {
  const labs = listLabs().filter(lab => (id ? String(lab.id) === id : !lab.owner));
  if (labs.length === 0) fail(id ? `there is no lab ${id}` : 'no lab is up');
  for (const lab of labs) {
    removeLab(lab);
    console.log(`lab ${lab.id} is removed`);
  }
}

function ssh(target: string | undefined, command: string[]): never {
  const [, id, name] = /^(?:(\d+):)?(.+)$/.exec(target ?? '') ?? fail(usage);
  const has = (lab: LabRecord) => lab.hosts.some(host => host.name === name);
  const labs = listLabs().filter(lab => has(lab) && (!id || String(lab.id) === id));
  if (labs.length !== 1)
    fail(labs.length === 0 ? `no lab has a host ${target}` : `which lab's? e.g. ${labs[0]!.id}:${name}`);
  const lab = labs[0]!;
  const host = enterLab(lab).hosts[name!]!;
  const options = [
    '-i',
    identityFile(lab),
    '-o',
    `UserKnownHostsFile=${knownHostsFile(lab)}`,
    '-o',
    'IdentitiesOnly=yes',
  ];
  const done = spawnSync('ssh', [...options, `${host.user}@${host.address}`, ...command], {
    stdio: 'inherit',
  });
  process.exit(done.status ?? 1);
}

async function main([verb, ...args]: string[]): Promise<void> {
  if (verb === 'up') await up(args);
  else if (verb === 'list') list();
  else if (verb === 'down') down(args[0]);
  else if (verb === 'ssh') ssh(args[0], args.slice(1));
  else fail(usage);
}

main(process.argv.slice(2)).catch(error => {
  console.error(String(error));
  process.exit(1);
});
