import { waitFor } from '../lab/command.ts';
import { type HostStart, type Lab, openLab } from '../lab/lab.ts';
import { newer, older, type Release } from '../lab/releases.ts';
import { layers, type Situation } from './situation.ts';

export type Name = 'h1' | 'h2' | 'h3' | 'h4';

/** Hosts that situations are tried on, one at a time on each. */
export interface SituationHosts {
  /** Waits for a host that no other situation uses, and gives it back when `work` is over. */
  withHost(work: (name: Name) => Promise<void>): Promise<void>;
  /** Brings a host to a situation's start on a release. Throws when its script fails. */
  begin(name: Name, release: Release, situation: Situation): Promise<void>;
  /** An inventory of a host as an object. */
  inventoryOf(name: Name): Record<string, unknown>;
  /** Changes with everything that is written to a host. */
  files(name: Name): Promise<string>;
  /** The same, and with what runs, what is installed and what PostgreSQL holds. */
  everything(name: Name): Promise<string>;
  close(): Promise<void>;
}

/** Boots four hosts; whatever layer a situation starts from, each of them can be brought there in about a second. */
export async function openHosts(): Promise<SituationHosts> {
  const states: Record<string, HostStart> = {};
  for (const release of new Set([older, newer])) {
    states[`${release} blank`] = release;
    for (const [layer, prepared] of Object.entries(layers()))
      states[`${release} ${layer}`] = { release, prepared };
  }
  const lab: Lab<Name> = await openLab({ hosts: { h1: older, h2: newer, h3: older, h4: newer }, states });
  const free: Name[] = ['h1', 'h2', 'h3', 'h4'];
  const waiting: ((name: Name) => void)[] = [];

  const on = async (name: Name, script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(name, `set -e\n${script}`);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };

  return {
    async withHost(work) {
      const name = free.shift() ?? (await new Promise<Name>(resolve => waiting.push(resolve)));
      try {
        await work(name);
      } finally {
        const next = waiting.shift();
        if (next) next(name);
        else free.push(name);
      }
    },
    async begin(name, release, { layer, start }) {
      await lab.restore(name, `${release} ${layer}`);
      // A unit that is still starting would have another state a moment later.
      await waitFor(`${name} is up`, 60_000, async () => {
        const { stdout } = await lab.exec(
          name,
          'systemctl is-system-running; systemctl list-jobs --no-legend',
        );
        return /^(running|degraded)\s*(No jobs running\.)?\s*$/.test(stdout) || undefined;
      });
      if (start) await on(name, start);
    },
    inventoryOf(name) {
      const { address, port, user, hostKey } = lab.hosts[name];
      return {
        hosts: { [name]: { address, port, user, identity_file: lab.identityFile, host_key: hostKey } },
      };
    },
    files: name => on(name, fileSystem),
    everything: name => on(name, `${fileSystem}\n${servers}`),
    close: () => lab.close(),
  };
}

// Left out are services that write by themselves and the program's own notes.
const fileSystem = `find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/log -o -path /var/tmp \\
  -o -path /var/cache -o -path /var/lib/systemd -o -path /var/lib/postgresql -o -path /var/lib/reconcile \\) -prune \\
  -o -printf '%p %y %m %u %g %s %C@ %l\\n' | grep -v -e '^/var/lib d' -e '^/root/\\.cache' | sort | sha256sum`;

const servers = `systemctl list-units --type=service,socket,timer --state=active --no-legend --plain | awk '{print $1, $4}' \\
    | grep -v -e '^session-' -e '^user' -e '^ssh@' -e '^systemd-' | sort
  dpkg-query -W -f '\${Package} \${Version} \${db:Status-Abbrev}\\n' | sha256sum
  if pg_isready -q 2>/dev/null; then runuser -u postgres -- pg_dumpall | grep -v restrict | sha256sum; fi`;
