import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, type Going, type Ran, reconcile, starting, statuses } from './reconcile.ts';

/** The ways in which a run loses its lease while its controller stands still. */
type Loss = 'was released' | 'has expired';

/** Shell that makes the lease's time come: a real one would take ten minutes. */
const expire = `cd /var/lib/reconcile && awk -F'\\t' -v OFS='\\t' '{ $3 = 1; print }' lease >lease.past && cat lease.past >lease && rm lease.past`;

describeLab('a run whose controller stood still until its lease was lost', () => {
  let lab: Lab<'web1'>;
  let folder: string;
  const ran = (...args: string[]) => reconcile(folder, [...args, '--json']);

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: 'bookworm' } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
    play('a.yml', [
      {
        name: 'Slow',
        // The step that the controller stands still in; the host finishes it by itself.
        file: { path: '/srv/slow', content: 'a\n', validate: 'touch /run/begun; sleep 6; test -f %s' },
      },
      { name: 'As declared', file: { path: '/srv/same', content: 'a\n' } },
      { name: 'To change', file: { path: '/srv/other', content: 'a\n' } },
      { name: 'To make', file: { path: '/srv/new', content: 'a\n' } },
      { name: 'Folder', directory: { path: '/srv/folder', mode: '0750' } },
      { name: 'Guarded', command: { run: 'echo a >/srv/made', unless: 'grep -qx a /srv/made' } },
    ]);
    play('b.yml', [
      { file: { path: '/srv/same', content: 'b\n' } },
      { file: { path: '/srv/other', content: 'b\n' } },
      { file: { path: '/srv/new', content: 'b\n' } },
      { directory: { path: '/srv/folder', mode: '0700' } },
      { command: { run: 'echo b >/srv/made', unless: 'grep -qx b /srv/made' } },
    ]);
    play('c.yml', [{ file: { path: '/srv/elsewhere', content: 'c\n' } }]);
    play('last.yml', [
      {
        name: 'Slow',
        file: { path: '/srv/slow', content: 'a\n', validate: 'touch /run/begun; sleep 6; test -f %s' },
      },
    ]);
    play('long.yml', [
      { command: { run: 'touch /run/long; sleep 9; touch /srv/long', creates: '/srv/long' } },
    ]);
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });
  beforeEach(() =>
    on(`rm -rf /srv/* /run/begun /run/long; mkdir -m 0750 /srv/folder
      echo a >/srv/same; echo old >/srv/other; echo a >/srv/made`),
  );

  function play(file: string, resources: readonly unknown[]): void {
    writeFileSync(join(folder, file), JSON.stringify({ hosts: 'all', become: true, resources }));
  }
  async function on(script: string): Promise<string> {
    const { code, stdout, stderr } = await lab.exec('web1', script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  }
  const contents = () =>
    on('cd /srv; for f in same other new made; do cat $f 2>/dev/null || echo none; done');
  const exists = async (path: string) => (await lab.exec('web1', `test -e ${path}`)).code === 0;

  /** Starts a run and lets its controller stand still until what was read after its first step is long past. */
  async function standingStill(...args: string[]): Promise<Going> {
    const going = starting(folder, [...args, '--json']);
    await expect.poll(() => exists('/run/begun'), { timeout: 60_000 }).toBe(true);
    going.child.kill('SIGSTOP');
    await sleep(7500);
    expect(await on('cat /srv/slow')).toBe('a\n');
    return going;
  }
  function goOn({ child, ended }: Going): Promise<Ran> {
    child.kill('SIGCONT');
    return ended;
  }
  async function lose(loss: Loss): Promise<void> {
    if (loss === 'has expired') await on(expire);
    else expect((await reconcile(folder, ['lock', 'release', 'web1'])).exit).toBe(0);
  }
  const deviations = ({ events }: Ran) => events.filter(({ deviation }) => deviation).map(({ name }) => name);

  describe.each<Loss>(['was released', 'has expired'])('because it %s', loss => {
    it('reads everything again, and changes of another run are deviations', async () => {
      const a = await standingStill('apply', 'a.yml');
      await lose(loss);
      expect((await ran('apply', 'b.yml')).exit).toBe(0);
      expect(await contents()).toBe('b\nb\nb\nb\n');
      const done = await goOn(a);
      // A resource that this run repaired never counts as unchanged.
      expect([done.exit, errors(done)]).toEqual([0, []]);
      expect(statuses(done, 'web1')).toMatchObject({
        Slow: 'changed',
        'As declared': 'changed',
        'To change': 'changed',
        'To make': 'changed',
        Folder: 'changed',
        Guarded: 'changed',
      });
      // The result of the guard was open from the start.
      expect(deviations(done).filter(name => name !== 'Guarded')).toEqual([
        'As declared',
        'To change',
        'To make',
        'Folder',
      ]);
      expect(await contents()).toBe('a\na\na\na\n');
      const again = await ran('apply', 'a.yml');
      expect([again.exit, deviations(again)]).toEqual([0, []]);
      expect(Object.values(statuses(again, 'web1'))).not.toContain('changed');
    });

    it('of a saved plan is refused, and nothing more is written', async () => {
      expect((await ran('plan', 'a.yml', '-o', 'a.json')).exit).toBe(2);
      const a = await standingStill('apply', 'a.json');
      await lose(loss);
      expect((await ran('apply', 'b.yml')).exit).toBe(0);
      const done = await goOn(a);
      expect(done.exit).toBe(1);
      expect(errors(done).length).toBeGreaterThan(0);
      expect(await contents()).toBe('b\nb\nb\nb\n');
      expect((await on('stat -c %a /srv/folder')).trim()).toBe('700');
      const claimed = Object.entries(statuses(done, 'web1')).filter(([name]) => name !== 'Slow');
      for (const [, status] of claimed) expect(['failed', 'skipped']).toContain(status);
    });

    it('of a saved plan is refused even if the other run changed nothing', async () => {
      expect((await ran('plan', 'a.yml', '-o', 'a.json')).exit).toBe(2);
      const a = await standingStill('apply', 'a.json');
      await lose(loss);
      expect((await ran('apply', 'c.yml')).exit).toBe(0);
      const done = await goOn(a);
      expect([done.exit, await contents()]).toEqual([1, 'a\nold\nnone\na\n']);
    });

    it('continues as shown if nobody has changed its things', async () => {
      const a = await standingStill('apply', 'a.yml');
      await lose(loss);
      expect((await ran('apply', 'c.yml')).exit).toBe(0);
      const done = await goOn(a);
      expect([done.exit, errors(done), deviations(done)]).toEqual([0, [], []]);
      expect(statuses(done, 'web1')).toMatchObject({ 'As declared': 'unchanged', 'To change': 'changed' });
      expect(await contents()).toBe('a\na\na\na\n');
    });

    it('reports the loss if it has nothing more to do', async () => {
      const a = await standingStill('apply', 'last.yml');
      await lose(loss);
      expect((await ran('apply', 'c.yml')).exit).toBe(0);
      const done = await goOn(a);
      expect([done.exit, statuses(done, 'web1')]).toEqual([1, { Slow: 'changed' }]);
      const problems = done.events.flatMap(({ event, problems = [] }) =>
        event === 'host_finished' ? problems : [],
      );
      expect(problems).toMatchObject([{ code: 'lease-lost', host: 'web1' }]);
    });

    it('changes nothing while another run holds the lease, and names it', async () => {
      const a = await standingStill('apply', 'a.yml');
      await lose(loss);
      const other = starting(folder, ['apply', 'long.yml', '--json']);
      await expect.poll(() => exists('/run/long'), { timeout: 60_000 }).toBe(true);
      const done = await goOn(a);
      expect(await exists('/srv/long')).toBe(false);
      expect([done.exit, await contents()]).toEqual([1, 'a\nold\nnone\na\n']);
      expect(errors(done)).toEqual([
        expect.objectContaining({
          code: 'locked',
          message: expect.stringContaining(`pid ${other.child.pid}`),
        }),
      ]);
      expect((await other.ended).exit).toBe(0);
    });
  });

  it('that keeps its lease continues as shown', async () => {
    const a = await standingStill('apply', 'a.yml');
    expect((await ran('apply', 'b.yml')).exit).toBe(1);
    const done = await goOn(a);
    expect([done.exit, errors(done), deviations(done)]).toEqual([0, [], []]);
    expect(await contents()).toBe('a\na\na\na\n');
  });

  it('has a lease for as long as its step may take', async () => {
    const a = await standingStill('apply', 'a.yml');
    const leftS = Number(await on('echo $(($(cut -f3 /var/lib/reconcile/lease) - $(date +%s)))'));
    await goOn(a);
    expect(leftS).toBeGreaterThan(600);
    expect(leftS).toBeLessThanOrEqual(1800);
  });

  it.each([-3_600_000, 3_600_000])(
    'holds it against a controller whose clock is %i ms apart',
    async apartMs => {
      const clock = join(folder, 'clock.mjs');
      writeFileSync(
        clock,
        `const { now } = Date;
        Date.now = () => now() + ${apartMs};
        globalThis.Date = class extends Date { constructor(...at) { super(...(at.length ? at : [Date.now()])); } };`,
      );
      const apart = { NODE_OPTIONS: `--import file://${clock}` };
      const a = await standingStill('apply', 'a.yml');
      const refused = await reconcile(folder, ['apply', 'b.yml', '--json'], apart);
      const held = await reconcile(folder, ['lock', 'status', 'web1'], apart);
      const done = await goOn(a);
      expect([refused.exit, errors(refused)]).toEqual([1, [expect.objectContaining({ code: 'locked' })]]);
      expect(held.stdout).toContain(`pid ${a.child.pid}`);
      expect([done.exit, deviations(done)]).toEqual([0, []]);
      // And the other way round.
      await on('echo old >/srv/other');
      expect((await reconcile(folder, ['apply', 'a.yml'], apart)).exit).toBe(0);
      expect(await contents()).toBe('a\na\na\na\n');
    },
  );
});
