import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { type Relay, startRelay } from '../lab/relay.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, type Going, named, reconcile, starting } from './reconcile.ts';

const mebibytes = 192;

describeLab('a large file', () => {
  let lab: Lab<'web1'>;
  let relay: Relay;
  let folder: string;
  let source: string;

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: 'bookworm' } });
    relay = await startRelay(lab.hosts.web1.address, 22);
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    source = join(folder, 'large');
    const inventory = JSON.parse(JSON.stringify(hostOf(lab.inventory())));
    writeFileSync(join(folder, 'inventory.yml'), JSON.stringify({ hosts: { web1: inventory } }));
    const resources = [{ name: 'Large', file: { path: '/srv/room/large', src: 'large', mode: '0640' } }];
    writeFileSync(join(folder, 'large.yml'), JSON.stringify({ hosts: 'all', become: true, resources }));
    // The content passes through none of the places that a host keeps in memory.
    await on('mount -o remount,size=64m /run; mount -o remount,size=64m /tmp; mkdir /srv/room');
  });
  afterAll(async () => {
    await relay?.close();
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });
  beforeEach(async () => {
    const file = openSync(source, 'w');
    const piece = Buffer.alloc(1 << 20, 'a large file\n');
    for (let i = 0; i < mebibytes; i++) writeSync(file, piece, 0, piece.length, i * piece.length);
    closeSync(file);
    await on('rm -rf /srv/room/* /srv/room/.reconcile.*; echo old >/srv/room/large');
  });

  /** The inventory's entry of the host, behind the relay. */
  function hostOf(text: string) {
    const [, entry = '{}'] = /^ {2}web1: (.*)$/m.exec(text) ?? [];
    return { ...JSON.parse(entry), address: '127.0.0.1', port: relay.port };
  }
  async function on(script: string): Promise<string> {
    const { code, stdout, stderr } = await lab.exec('web1', script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  }
  const room = () => `${lab.root('web1')}/srv/room`;
  const staged = () =>
    readdirSync(room(), { recursive: true, encoding: 'utf8' }).filter(name => name.startsWith('.reconcile.'));
  const old = () => on('cat /srv/room/large');
  const apply = () => reconcile(folder, ['apply', 'large.yml', '--json']);

  /** Starts an apply and returns once a part of the content is staged on the host. */
  async function underWay(): Promise<Going> {
    const going = starting(folder, ['apply', 'large.yml', '--json']);
    const sizeOf = (name: string) => {
      const stat = statSync(`${room()}/${name}`, { throwIfNoEntry: false });
      return stat?.isFile() ? stat.size : 0;
    };
    const size = () => Math.max(0, ...staged().map(sizeOf));
    await expect.poll(size, { timeout: 120_000, interval: 5 }).toBeGreaterThan(1 << 20);
    return going;
  }
  /** The next apply installs the whole file, leaves nothing beside it, and a further one changes nothing. */
  async function heals(): Promise<void> {
    const next = await apply();
    expect([next.exit, named(next, 'web1', 'changed')]).toEqual([0, ['Large']]);
    expect(await on('stat -c "%s %a" /srv/room/large')).toBe(`${mebibytes << 20} 640\n`);
    expect(staged()).toEqual([]);
    expect(named(await apply(), 'web1', 'changed')).toEqual([]);
  }

  it('whose controller is killed in its middle leaves the old file, and the next apply installs it', async () => {
    const going = await underWay();
    going.child.kill('SIGKILL');
    await going.ended;
    expect(await old()).toBe('old\n');
    await heals();
  });

  it('whose connection breaks in its middle leaves the old file, and the next apply installs it', async () => {
    const going = await underWay();
    relay.drop();
    const ran = await going.ended;
    expect([ran.exit, errors(ran)[0]?.code, await old()]).toEqual([1, 'cut-off', 'old\n']);
    await heals();
  });

  it('whose source changes on its way is refused, and the old file stays', async () => {
    const going = await underWay();
    writeFileSync(source, 'shorter');
    const ran = await going.ended;
    expect([ran.exit, errors(ran)[0]?.code, await old()]).toEqual([1, 'source-changed', 'old\n']);
    expect([errors(ran)[0]?.message, staged()]).toEqual(['The file "large" has changed during the run.', []]);
  });

  it('whose source has changed since a saved plan is refused before anything is changed', async () => {
    expect((await reconcile(folder, ['plan', 'large.yml', '-o', 'plan.json'])).exit).toBe(2);
    expect(statSync(join(folder, 'plan.json')).size).toBeLessThan(10_000);
    appendFileSync(source, 'more');
    const ran = await reconcile(folder, ['apply', 'plan.json', '--json']);
    expect([ran.exit, errors(ran)[0]?.code, await old()]).toEqual([1, 'plan-stale', 'old\n']);
  });

  it('that fills the disk leaves the old file and room, and the next apply installs it', async () => {
    await on('mount -t tmpfs -o size=100m none /srv/room && echo old >/srv/room/large');
    try {
      const ran = await apply();
      expect([ran.exit, errors(ran)[0]?.code, await old()]).toEqual([1, 'no-space', 'old\n']);
      expect(staged()).toEqual([]);
      await on('mount -o remount,size=400m /srv/room');
      await heals();
    } finally {
      await on('umount /srv/room');
    }
  });
});
