import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../engine/host.ts';
import { holderOf } from '../../../engine/hosts/host-lease.ts';
import { HostPool } from '../../../engine/hosts/host-pool.ts';

const host = { name: 'here', transport: 'local' } as Host;

/** Leaves a host whose shell does not end, because a process holds its outputs. Returns whether that takes long. */
async function isWaitedFor(line?: string): Promise<boolean> {
  const pool = new HostPool(holderOf('run'), {}, undefined);
  const connected = await pool.enter(host, false);
  await connected.tell(false, 'sleep 10 </dev/null &', 'leaving a process behind');
  return Promise.race([pool.leave(host, line).then(() => false), sleep(1500, true)]);
}

describe('a host that a run leaves', () => {
  it('is not waited for without a change', async () => {
    expect(await isWaitedFor()).toBe(false);
  });

  it('is waited for after a change', async () => {
    expect(await isWaitedFor('{}')).toBe(true);
  });
});
