import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Event } from '../../../engine/events.ts';
import { run } from '../../../engine/run/run.ts';
import { loadPlaybook } from '../../../engine/validate/load-playbook.ts';
import { modules } from '../../../modules/index.ts';
import { clientKey, type ServerOptions, startServer, type TestServer } from '../transport/ssh-server.ts';
import { folderOf } from '../workspace.ts';

const started = async (options: ServerOptions = {}): Promise<TestServer> => {
  const server = await startServer(options);
  onTestFinished(() => server.close());
  return server;
};

/** The servers of three hosts hang as long as the test runs, so a host that waits for one of them never ends. */
test('hosts that hang in the connection, in the login or in the shell do not hold up the others', async () => {
  const sound = await started();
  const hanging: Record<string, TestServer> = {
    web01: await started({ deaf: 'banner' }),
    web17: await started({ deaf: 'login' }),
    web33: await started({ deaf: 'channel' }),
    web34: await started({ command: () => 'sleep 600' }),
  };
  const names = Array.from({ length: 50 }, (_, i) => `web${String(i + 1).padStart(2, '0')}`);
  const inventory = names.map(name => {
    const { port, knownHosts } = hanging[name] ?? sound;
    const host_key = knownHosts.trim().split(' ').slice(1).join(' ');
    return `  ${name}: ${JSON.stringify({ address: '127.0.0.1', port, user: 'deploy', host_key })}\n`;
  });
  const folder = folderOf({
    'inventory.yml': `hosts:\n${inventory.join('')}`,
    'playbook.yml': 'hosts: all\nresources:\n  - directory: { path: /tmp }\n',
  });
  writeFileSync(join(folder, 'id'), clientKey.private, { mode: 0o600 });
  const ended: string[] = [];
  const emit = (event: Event) => {
    if (event.event !== 'host_finished') return;
    ended.push(`${event.host} ${event.result.status}`);
    if (ended.length === names.length - Object.keys(hanging).length)
      for (const server of Object.values(hanging)) server.cut();
  };
  await run({
    playbook: loadPlaybook(join(folder, 'playbook.yml'), { modules }),
    check: true,
    parallel: 50,
    emit,
    signal: new AbortController().signal,
    connect: {
      ...{ connectTimeoutMs: 300_000, retryDelaysMs: [], identityFiles: [join(folder, 'id')], agent: false },
    },
  });
  expect(ended.filter(end => end.endsWith('ok'))).toHaveLength(46);
  expect(ended.slice(46).toSorted()).toEqual(Object.keys(hanging).map(name => `${name} unreachable`));
});
