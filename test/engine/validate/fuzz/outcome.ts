import { isInventory, loadInventory } from '../../../../engine/inventory/read-inventory.ts';
import { ProblemError } from '../../../../engine/problem.ts';
import { renderProblems } from '../../../../engine/report/problem-text.ts';
import { unlock } from '../../../../engine/secrets/unlock.ts';
import { loadPlaybook } from '../../../../engine/validate/load-playbook.ts';
import { modules } from '../../../../modules/index.ts';

/** The possible facts of a host. */
const facts = {
  hostname: 'web1',
  fqdn: 'web1.example.com',
  os: { id: 'debian', version: '12', codename: 'bookworm' },
  arch: 'amd64',
  kernel: '6.1.0',
  cpus: 2,
  memory_mb: 2048,
  ipv4: ['203.0.113.11'],
  ipv6: [],
  disks: [{ mount: '/', device: '/dev/sda1', type: 'ext4', size_mb: 9000, available_mb: 5000 }],
  systemd: 252,
  time: 1_700_000_000,
};

/** It opens test/fixtures/everything/secrets/sealed.yml and nothing else. */
const key = 'AGE-SECRET-KEY-1EGJQTPC249PS4SUVXKEDN07YPQMLG5CYAW8NVDUMCA5LUKSRXDTS5AQWCL';
const openers = {
  keys: () => ({ age: [key], ssh: [], passphrase: undefined, places: ['the test'] }),
  vaultPassword: () => 'a password',
};

/** Reads a playbook or inventory as validate does, and a playbook for a host with facts, too. Throws what is no problem. */
export async function outcome(path: string): Promise<unknown> {
  try {
    if (isInventory(path)) return loadInventory({ inventory: [path] });
    const unlocked = await unlock(path, openers);
    const { plays, warnings } = loadPlaybook(path, { modules, unlocked, vaultPassword: 'a password' });
    warnings();
    return plays.map(play => play.hosts.slice(0, 1).map(host => play.resolve(host, facts)));
  } catch (thrown) {
    if (thrown instanceof ProblemError) return renderProblems(thrown.problems);
    throw thrown;
  }
}
