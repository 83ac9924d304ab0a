import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../engine/run/run.ts';
import { loadPlaybook } from '../../engine/validate/load-playbook.ts';
import { modules } from '../../modules/index.ts';
import type { Lab } from '../lab/lab.ts';
import { startRelay } from '../lab/relay.ts';

/** The cost of an apply to a converged host. */
export interface Cost {
  exit: number;
  /** After authentication, until everything was read and compared. */
  roundTrips: number;
  /** SSH channels, as the host's sshd counted them. */
  channels: number;
}

/** Applies a playbook of `folder` to one host through a relay that counts, and asks its sshd for the channels. */
export async function cost<Name extends string>(
  lab: Lab<Name>,
  name: Name,
  folder: string,
  file: string,
): Promise<Cost> {
  await lab.exec(
    name,
    'echo "LogLevel VERBOSE" >/etc/ssh/sshd_config.d/verbose.conf && systemctl reload ssh',
  );
  const since = (await lab.exec(name, 'date +%s')).stdout.trim();
  // On a slow line everything that the client sends at once is sent before an answer can come.
  const relay = await startRelay(lab.hosts[name].address, 22, 50);
  let roundTrips = -1;
  try {
    const inventory = readFileSync(join(folder, 'inventory.yml'), 'utf8')
      .replace(`"address":"${lab.hosts[name].address}"`, '"address":"127.0.0.1"')
      .replace(/"port":22/g, (match, offset, text) =>
        text.slice(text.lastIndexOf('\n', offset), offset).includes(` ${name}:`)
          ? `"port":${relay.port}`
          : match,
      );
    writeFileSync(join(folder, 'relayed.yml'), inventory);
    const playbook = loadPlaybook(join(folder, file), {
      modules,
      inventory: [join(folder, 'relayed.yml')],
      limit: name,
      secrets: { add() {} },
    });
    const exit = await run({
      playbook,
      check: false,
      parallel: 1,
      signal: new AbortController().signal,
      emit: event => {
        if (event.event === 'host_plan') roundTrips = relay.turns();
      },
      connect: { onEvent: () => relay.reset() },
    });
    const log = await lab.exec(
      name,
      `journalctl -u ssh --since @${since} -o cat | grep -c 'Starting session'`,
    );
    return { exit, roundTrips, channels: Number(log.stdout) };
  } finally {
    await relay.close();
  }
}
