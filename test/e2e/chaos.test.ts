import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { waitFor } from '../lab/command.ts';
import { type Lab, openLab, type Release } from '../lab/lab.ts';
import { type Relay, startRelay } from '../lab/relay.ts';
import { describeLab } from '../lab/require.ts';
import { type Cut, everyCut, type Look, lookInto } from './cuts.ts';
import { leftovers, stale, state } from './flask-state.ts';
import {
  build,
  errors,
  type Going,
  named,
  type Ran,
  reconcile,
  starting,
  statuses,
  workspace,
} from './reconcile.ts';
import { sessionShells } from './session-shells.ts';

const names = ['web1', 'web2'] as const;
type Name = (typeof names)[number];

const playbook = parse(readFileSync(join(import.meta.dirname, '../../playbooks/flask.yml'), 'utf8'));
const resources: string[] = playbook.resources.map(({ name }: { name: string }) => name);

/** `npm run chaos` sets it: every cut, on both releases. `npm test` takes ten, on one. */
const full = process.env['RECONCILE_CHAOS'] === 'full';
const cuts = everyCut(resources).filter(({ quick }) => full || quick);
const releases: Record<Name, Release> = { web1: 'bookworm', web2: full ? 'trixie' : 'bookworm' };
/** The first host of each release is the one that is prepared. */
const prepared = names.filter((name, i) => names.findIndex(each => releases[each] === releases[name]) === i);

/** The slowest part is done once: an apply that is cut off after it begins with its result. */
const stages = ['blank', 'some packages', 'System packages', 'Python packages'] as const;
type Stage = (typeof stages)[number];
const somePackages = ['python3', 'python3-pip', 'python3-venv'];

function stageOf({ resource, from }: Cut): Stage {
  const done = (stage: Stage) => stage === 'blank' || resources.indexOf(resource) > resources.indexOf(stage);
  return from ?? stages.findLast(stage => stage !== 'some packages' && done(stage))!;
}

/** The playbook up to a stage. */
function playTo(stage: Stage) {
  const whole = stage === 'some packages' ? 'System packages' : stage;
  const done = structuredClone(playbook.resources.slice(0, resources.indexOf(whole) + 1));
  if (stage === 'some packages') done[0].apt.packages = somePackages;
  return { ...playbook, resources: done, checks: [] };
}

describeLab('playbooks/flask.yml, cut off anywhere', () => {
  let lab: Lab<Name>;
  let folder: string;
  const relays = {} as Record<Name, Relay>;
  const whole: Partial<Record<Release, { state: string; packages: number }>> = {};

  const apply = (...args: string[]) => reconcile(folder, ['apply', 'flask.yml', '--json', ...args]);
  const on = async (name: Name, script: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec(name, script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  };
  const packages = (look: Look) =>
    look.names('/var/lib/dpkg/info').filter(file => file.endsWith('.list')).length;
  const filesOf = (name: Name) => lookInto(lab.hosts[name].rootDir, () => 0);

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: releases, acme: true });
    for (const name of names) relays[name] = await startRelay(lab.hosts[name].address, 22);
    folder = workspace(lab);
    writeFileSync(join(folder, 'inventory.yml'), stringify(inventory()));
    await Promise.all(prepared.map(prepare));
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    for (const relay of Object.values(relays)) await relay.close();
    await lab?.close();
  });

  /** Hosts by their relays, each with its ACME server. */
  function inventory() {
    const inventory = parse(lab.inventory({ groups: { web: { hosts: [...names] } } }));
    for (const name of names) {
      const { directory, caBundle } = lab.hosts[name].acme;
      const vars = { acme_server: directory, acme_ca_bundle: caBundle };
      Object.assign(inventory.hosts[name], { address: '127.0.0.1', port: relays[name].port, vars });
    }
    return inventory;
  }

  /** An apply that nothing cuts off; what it has left at each stage is where others begin. */
  async function prepare(name: Name): Promise<void> {
    const release = releases[name];
    const wanted = new Set(cuts.map(stageOf));
    for (const stage of stages) {
      if (stage !== 'blank') {
        const file = `${release} ${stage}.yml`;
        writeFileSync(join(folder, file), stringify(playTo(stage)));
        const ran = await reconcile(folder, ['apply', file, '--json', '-l', name]);
        expect([ran.exit, errors(ran)]).toEqual([0, []]);
      }
      if (wanted.has(stage)) await lab.snapshot(name, `${release} ${stage}`);
    }
    await expectApplied(name);
    whole[release] = { state: await on(name, state), packages: packages(filesOf(name)) };
    expect([await on(name, stale), await on(name, leftovers)]).toEqual(['', '']);
  }

  async function expectApplied(name: Name): Promise<Ran> {
    const ran = await apply('-l', name);
    expect([ran.exit, errors(ran)]).toEqual([0, []]);
    return ran;
  }

  it('the remains of a cut would be seen', async () => {
    const [name] = prepared as [Name];
    await on(
      name,
      'sleep 1; touch /srv/flaskapp/.env /etc/nginx/nginx.conf; touch /etc/nginx/.reconcile.left',
    );
    await on(
      name,
      'sed -i s/--preload/--reload/ /etc/systemd/system/flaskapp.service && systemctl daemon-reload',
    );
    const seen = await on(name, stale);
    for (const words of ['flaskapp is older than', 'nginx is older than', 'flaskapp does not run'])
      expect(seen).toContain(words);
    expect(await on(name, leftovers)).toBe('/etc/nginx/.reconcile.left\n');
    expect(differences(whole[releases[name]]!.state, await on(name, state))).toContainEqual(
      expect.stringMatching(/^> .*flaskapp\.service$/),
    );
  });

  const turns: Partial<Record<Name, Promise<void>>> = {};
  it.concurrent.each(cuts.map((cut, i) => [cut.resource, cut.at, cut.means, cut, names[i % 2]!] as const))(
    '%s, %s, by its %s: an apply that is cut off is made good by the next one',
    async (_, __, ___, cut, name) => {
      const before = turns[name] ?? Promise.resolve();
      const turn = before.catch(() => {}).then(() => meet(name, cut));
      turns[name] = turn;
      // The runner tells why a test failed at the end of the file, which is an hour away.
      if (full)
        turn.catch(error => console.error(`${cut.resource}, ${cut.at}, ${cut.means}: ${error.message}`));
      await turn;
    },
    full ? 7_200_000 : 1_200_000,
  );

  if (full) {
    it.each(prepared)('an apply in one go has the same result as one in stages: %s', async name => {
      await lab.restore(name, `${releases[name]} blank`);
      await expectApplied(name);
      expect(differences(whole[releases[name]]!.state, await on(name, state))).toEqual([]);
    });
  }

  /** Cuts an apply off; the next one has to make good what that left, and the third to find nothing to do. */
  async function meet(name: Name, cut: Cut): Promise<void> {
    const release = releases[name];
    await lab.restore(name, `${release} ${stageOf(cut)}`);
    const first = await cutOff(name, cut);
    const next = await expectApplied(name);
    if (first.exit === 0) expect(named(next, name, 'changed')).toEqual([]);
    const third = await expectApplied(name);
    expect(named(third, name, 'unchanged')).toEqual(Object.keys(statuses(third, name)));
    expect(differences(whole[release]!.state, await on(name, state))).toEqual([]);
    expect([await on(name, stale), await on(name, leftovers)]).toEqual(['', '']);
    expect(await status(name)).toBe(`${name}  free\n`);
  }

  /** Begins an apply, cuts it off at its place, and returns what became of it once nothing of it runs any more. */
  async function cutOff(name: Name, cut: Cut): Promise<Ran> {
    const run = starting(folder, ['apply', 'flask.yml', '--json', '-l', name]);
    try {
      await reach(name, cut, run);
      const ended = await breakOff(name, cut, run);
      await untilFree(name);
      return ended;
    } finally {
      run.child.kill('SIGKILL');
    }
  }

  /** A step that was begun comes to its end without its controller, and holds the lease until then. */
  async function untilFree(name: Name): Promise<void> {
    const isOver = () => sessionShells(lab.processes(name), { entered: false }).length === 0;
    await waitFor('the end of the scripts', 600_000, () => isOver() || undefined);
    const isFree = async () => (await status(name)) === `${name}  free\n`;
    await waitFor('the lease', 600_000, async () => (await isFree()) || undefined);
  }

  const status = async (name: Name) => (await reconcile(folder, ['lock', 'status', name])).stdout;

  /** Waits until an apply has come to the place of a cut. Throws when it has gone past. */
  async function reach(name: Name, { resource, holds }: Cut, run: Going): Promise<void> {
    const before = resources[resources.indexOf(resource) - 1];
    await run.until(({ event, name }) =>
      before === undefined ? event === 'host_plan' : event === 'resource' && name === before,
    );
    if (holds === undefined) return;
    const root = lab.root(name);
    const atFirst = packages(lookInto(root, () => 0));
    const all = whole[releases[name]]!.packages;
    const look: Look = lookInto(root, () => (packages(look) - atFirst) / (all - atFirst));
    while (!holds(look)) {
      const gone = run.events.find(({ event, name }) => event === 'resource' && name === resource);
      if (gone !== undefined) throw new Error(`${resource} was over before it could be cut off`);
      await sleep(1);
    }
  }

  /** Cuts an apply off by its means, and returns what it came to. */
  async function breakOff(name: Name, { resource, holds, means }: Cut, run: Going): Promise<Ran> {
    const relay = relays[name];
    const isKilled = means === 'controller' || means === 'blackout';
    if (isKilled) run.child.kill('SIGKILL');
    if (means === 'power' || means === 'blackout') lab.powerCut(name);
    if (means === 'connection') relay.drop();
    if (means === 'network') relay.cut();
    if (means === 'shell') {
      const shells = sessionShells(lab.processes(name), { entered: true });
      expect(shells.filter(isKilledNow)).not.toEqual([]);
    }
    // A cut after the end of an apply proves nothing.
    const done = run.events.filter(({ event, name }) => event === 'resource' && name === resource);
    if (holds !== undefined) expect(done).toEqual([]);
    expect(run.child.exitCode).toBe(null);
    if (means === 'power' || means === 'blackout') await lab.boot(name);
    const ended = await run.ended;
    relay.mend();
    if (isKilled) expect(ended.exit).toBe(-1);
    else if (ended.exit !== 0) {
      const code = errors(ended)[0]?.code;
      // A lab's host loses its processes one after the other, so that its last word may be that a step failed.
      if (means !== 'power' || code !== 'step-failed')
        expect([ended.exit, code]).toEqual([1, expect.stringMatching(lost)]);
    }
    return ended;
  }
});

/** The messages of an apply that was cut off before its end. */
const lost = /^(connection-lost|cut-off|host-restarted)$/;

/** The lines that only one of two states has: `< ` before those of the first, `> ` before those of the second. */
function differences(first: string, second: string): string[] {
  const [lines, others] = [first, second].map(text => new Set(text.split('\n'))) as [
    Set<string>,
    Set<string>,
  ];
  return [
    ...[...lines].filter(line => !others.has(line)).map(line => `< ${line}`),
    ...[...others].filter(line => !lines.has(line)).map(line => `> ${line}`),
  ];
}

/** Kills a process, if it is not over by now. */
function isKilledNow(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
