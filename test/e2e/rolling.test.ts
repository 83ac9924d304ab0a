import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HostStart, type Lab, openLab } from '../lab/lab.ts';
import { older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { expectAsShown } from './as-shown.ts';
import {
  build,
  problems,
  type Ran,
  type RanEvent,
  reconcile,
  starting,
  triedAlone,
  workspace,
} from './reconcile.ts';

const web = ['web1', 'web2', 'web3', 'web4', 'web5', 'web6'] as const;
const names = ['lb1', ...web] as const;
type Name = (typeof names)[number];

/** `npm run chaos` sets it: every cut. `npm test` takes one. */
const full = process.env['RECONCILE_CHAOS'] === 'full';

/** Where the controller is killed: the first event that fits. */
const cuts: readonly { at: string; fits: (event: RanEvent) => boolean; quick?: true }[] = [
  ...[1, 2, 3, 4].flatMap(number => [
    { at: `the start of batch ${number}`, fits: isBatch('batch_started', number) },
    { at: `the end of batch ${number}`, fits: isBatch('batch_finished', number) },
  ]),
  { at: 'web1, which has left', fits: isChanged('web1', 'before / Reload') },
  { at: 'web3, which has the new code', fits: isChanged('web3', 'Release'), quick: true },
  { at: 'web4, which was restarted', fits: isChanged('web4', 'Application') },
  { at: 'web6, which is about to come back', fits: isChanged('web6', 'after / Member') },
];

function isBatch(event: string, number: number) {
  return (each: RanEvent) => each.event === event && each.batch === number;
}
function isChanged(host: string, name: string) {
  return (each: RanEvent) => each.event === 'resource' && each.host === host && each.name === name;
}

describeLab(`playbooks/${triedAlone.rolling} on six hosts behind a load balancer`, () => {
  let lab: Lab<Name>;
  let folder: string;
  let release = 1;

  beforeAll(async () => {
    build();
    const brought = { lb1: 'nginx', web: 'python3 curl' };
    const start = (packages: string): HostStart => ({
      release: older,
      prepared: `apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install ${packages}`,
    });
    const hosts = Object.fromEntries(
      names.map(name => [name, start(name === 'lb1' ? brought.lb1 : brought.web)]),
    ) as Record<Name, HostStart>;
    lab = await openLab({ hosts });
    folder = workspace(lab, { groups: { lb: { hosts: ['lb1'] }, web: { hosts: [...web] } } });
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  const apply = (...args: string[]) => reconcile(folder, ['apply', 'rolling.yml', '--json', ...args]);
  const code = () => join(folder, 'files/rolling/app.py');
  /** Writes the code of the next release, or of one that does not start. */
  function next(more = ''): void {
    release++;
    const text = readFileSync(join(import.meta.dirname, '../../playbooks/files/rolling/app.py'), 'utf8');
    writeFileSync(code(), text.replace('RELEASE = "1"', `RELEASE = "${release}"\n${more}`));
  }
  const resultsOf = (ran: Ran) => {
    const { hosts } = ran.events.find(({ event }) => event === 'run_finished');
    return web.map(name => hosts[name]?.status);
  };
  const batchesOf = (ran: Ran) =>
    ran.events.filter(({ event }) => event === 'batch_started').map(({ hosts }) => hosts);
  const changedOn = (ran: Ran, host: string) =>
    ran.events.filter(each => each.host === host && each.status === 'changed').map(({ name }) => name);

  /** Asks every 20 ms during `work`, on a connection of its own each time. Returns the count of each answer. */
  async function whileAsking<T>(
    work: () => Promise<T>,
  ): Promise<{ result: T; answers: Map<string, number> }> {
    const answers = new Map<string, number>();
    const count = (answer: string) => answers.set(answer, (answers.get(answer) ?? 0) + 1);
    const agent = new Agent({ keepAlive: false });
    const pending = new Set<Promise<void>>();
    const ask = () =>
      new Promise<void>(done => {
        const request = get({ host: lab.hosts.lb1.address, agent, timeout: 10_000 }, response => {
          let body = '';
          response.setEncoding('utf8').on('data', text => (body += text));
          response.on('end', () => {
            count(response.statusCode === 200 ? body.trim() : `status ${response.statusCode}`);
            done();
          });
        });
        request.on('timeout', () => request.destroy(new Error('timeout')));
        request.on('error', ({ message }) => {
          count(message);
          done();
        });
      });
    const timer = setInterval(() => {
      const asked = ask();
      pending.add(asked);
      void asked.then(() => pending.delete(asked));
    }, 20);
    const result = await work();
    clearInterval(timer);
    await Promise.all(pending);
    return { result, answers };
  }

  const failuresIn = (answers: ReadonlyMap<string, number>) =>
    [...answers.keys()].filter(answer => !answer.startsWith('release '));

  /** The release that each host serves, and the members of the balancer. */
  async function state() {
    const served = await Promise.all(
      web.map(async name => (await (await fetch(`http://${lab.hosts[name].address}:8000/`)).text()).trim()),
    );
    const { stdout } = await lab.exec('lb1', 'cat /etc/nginx/hello.d/*.conf');
    return { served, members: stdout.trim().split('\n') };
  }
  const whole = () => ({
    served: web.map(name => `release ${release} on ${name}`),
    members: web.map(name => `server ${lab.hosts[name].address}:8000;`),
  });

  it('the first apply brings all hosts in, and the second changes nothing', async () => {
    const checked = await apply('--check');
    const first = await apply();
    expect([checked.exit, first.exit, problems(first)]).toEqual([2, 0, []]);
    // The hosts of a batch share the reloads of the balancer, so only the first of each can be sure of its own.
    for (const name of ['lb1', 'web1', 'web6']) expectAsShown(checked, first, name);
    expect(batchesOf(first)).toEqual([['web1'], ['web2', 'web3'], ['web4', 'web5'], ['web6']]);
    expect(await state()).toEqual(whole());
    const second = await apply();
    expect([second.exit, second.events.filter(({ status }) => status === 'changed')]).toEqual([0, []]);
    expect((await apply('--check')).exit).toBe(0);
  });

  it('a good release rolls through, and no request fails', async () => {
    next();
    const { result, answers } = await whileAsking(apply);
    expect([result.exit, problems(result), failuresIn(answers)]).toEqual([0, [], []]);
    expect(result.events.filter(({ deviation }) => deviation)).toEqual([]);
    expect(answers.size).toBeGreaterThan(web.length);
    expect(await state()).toEqual(whole());
  });

  it('a release that does not start stops after the first host, is reverted there, and no request fails', async () => {
    const before = whole();
    next('raise SystemExit("broken")');
    const { result, answers } = await whileAsking(apply);
    expect([result.exit, failuresIn(answers)]).toEqual([1, []]);
    expect(resultsOf(result)).toEqual(['reverted', ...web.slice(1).map(() => 'not_reached')]);
    expect(batchesOf(result)).toEqual([['web1']]);
    expect(result.events.find(({ event }) => event === 'run_stopped')).toMatchObject({
      why: '1 host failed (web1), and max_failures is 0.',
      hosts: web.slice(1),
      plays: [],
    });
    expect(await state()).toEqual(before);
    release--;
  });

  it('a release that fails on one host of a batch is reverted on all of them', async () => {
    const before = whole();
    next('import socket\nif socket.gethostname() == "web3": raise SystemExit("broken")');
    const { result, answers } = await whileAsking(apply);
    expect([result.exit, failuresIn(answers)]).toEqual([1, []]);
    expect(resultsOf(result)).toEqual([
      'changed',
      'reverted',
      'reverted',
      ...web.slice(3).map(() => 'not_reached'),
    ]);
    const now = await state();
    expect(now.served).toEqual([`release ${release} on web1`, ...before.served.slice(1)]);
    expect(now.members).toEqual(before.members);
  });

  it('a host that dies on the way is counted, and the same command takes the roll-out up', async () => {
    next();
    const going = starting(folder, ['apply', 'rolling.yml', '--json']);
    await going.until(isBatch('batch_started', 2));
    lab.powerCut('web4');
    const ran = await going.ended;
    await lab.boot('web4');
    // Half of its batch worked, and went no further either.
    const ends = ['changed', 'changed', 'changed', 'unreachable', 'reverted', 'not_reached'];
    expect([ran.exit, resultsOf(ran)]).toEqual([1, ends]);
    const again = await apply();
    expect([again.exit, problems(again)]).toEqual([0, []]);
    expect(web.filter(name => changedOn(again, name).length > 0)).toEqual(['web4', 'web5', 'web6']);
    expect(await state()).toEqual(whole());
  });

  it('a saved plan of a release is applied as shown', async () => {
    next();
    const planned = await reconcile(folder, ['plan', 'rolling.yml', '-o', 'plan.json', '--json']);
    expect(planned.exit).toBe(2);
    const ran = await reconcile(folder, ['apply', 'plan.json', '--json']);
    expect([ran.exit, problems(ran)]).toEqual([0, []]);
    expect(await state()).toEqual(whole());
  });

  it.each(cuts.filter(({ quick }) => full || quick))(
    'a controller that is killed at $at leaves nothing undone, and nothing is done twice',
    async ({ fits }) => {
      next();
      const going = starting(folder, ['apply', 'rolling.yml', '--json']);
      await going.until(fits);
      going.child.kill('SIGKILL');
      await going.ended;
      const finished = going.events.filter(({ event }) => event === 'host_finished').map(({ host }) => host);
      // The host notices the lost connection a moment later.
      await sleep(1000);
      const again = await apply();
      expect([again.exit, problems(again)]).toEqual([0, []]);
      const done = finished.filter(host => host !== 'lb1');
      expect(done.flatMap(host => changedOn(again, host))).toEqual([]);
      expect(await state()).toEqual(whole());
      expect((await apply('--check')).exit).toBe(0);
    },
  );
});
