import { describe, expect, it } from 'vitest';
import type { Host } from '../../../engine/host.ts';
import type { HostShare } from '../../../engine/playbook/rollout-text.ts';
import type { Resource } from '../../../engine/resource.ts';
import { AtOnce } from '../../../engine/run/at-once.ts';
import { Batch, batchesOf, FailureCount } from '../../../engine/run/batch.ts';
import { HostSlots } from '../../../engine/run/host-slots.ts';
import type { Play } from '../../../engine/validate/play.ts';

const hosts = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `h${i + 1}` }) as unknown as Host);
const rollout = (batches: HostShare[], maxFailures: HostShare = { count: 0 }) => ({
  batches,
  maxFailures,
  pauseS: 0,
  confirm: false,
});
const percent = (value: number) => ({ percent: value });

describe('batchesOf', () => {
  it.each([
    ['a canary, then quarters', [{ count: 1 }, percent(25)], 10, [1, 2, 2, 2, 2, 1]],
    ['a batch larger than what is left', [{ count: 3 }], 4, [3, 1]],
    ['a percentage of less than one host', [percent(1)], 3, [1, 1, 1]],
    ['all at once', [percent(100)], 5, [5]],
    ['sizes that are not used up', [{ count: 1 }, { count: 2 }, percent(100)], 2, [1, 1]],
    ['no host', [{ count: 1 }], 0, []],
  ])('%s', (_, sizes, count, expected) => {
    const batches = batchesOf({ hosts: hosts(count), rollout: rollout(sizes) }, () => true);
    expect(batches.map(({ length }) => length)).toEqual(expected);
    expect(batches.flat().map(({ name }) => name)).toEqual(hosts(count).map(({ name }) => name));
  });

  it('hosts that do not take part leave the batches of the others as they are', () => {
    const play = { hosts: hosts(4), rollout: rollout([{ count: 1 }, percent(50)]) };
    const batches = batchesOf(play, ({ name }) => name !== 'h1' && name !== 'h3');
    expect(batches.map(batch => batch.map(({ name }) => name))).toEqual([['h2'], ['h4']]);
  });

  it('without a roll-out all hosts are one batch', () => {
    expect(batchesOf({ hosts: hosts(3) }, () => true)).toHaveLength(1);
  });
});

describe('FailureCount', () => {
  const failures = (count: number, maxFailures?: HostShare) =>
    new FailureCount({
      hosts: hosts(count),
      ...(maxFailures && { rollout: rollout([{ count: 1 }], maxFailures) }),
    } as unknown as Play);

  it.each<[string, HostShare | undefined, number, boolean]>([
    ['the first failure exceeds 0', { count: 0 }, 1, true],
    ['two failures do not exceed 2', { count: 2 }, 2, false],
    ['one failure does not exceed 20 % of 5 hosts', percent(20), 1, false],
    ['two failures exceed 20 % of 5 hosts', percent(20), 2, true],
    ['without a roll-out nothing exceeds the limit', undefined, 5, false],
  ])('%s', (_, maxFailures, failed, isExceeded) => {
    const count = failures(5, maxFailures);
    for (let i = 1; i <= failed; i++) count.add(`h${i}`);
    expect(count.isExceeded).toBe(isExceeded);
  });

  it('the hosts of a batch come back when all of them have arrived or ended', async () => {
    const batch = new Batch(hosts(3), failures(3, { count: 1 }));
    const arrived = [batch.arrive('h1'), batch.arrive('h2')];
    batch.end('h3');
    expect(await Promise.all(arrived)).toEqual([true, true]);
  });

  it('a failure that exceeds the limit ends the wait of the others', async () => {
    const count = failures(3, { count: 0 });
    const batch = new Batch(hosts(3), count);
    const arrived = batch.arrive('h1');
    count.add('h2');
    batch.end('h2');
    expect(await arrived).toBe(false);
    expect(await batch.arrive('h3')).toBe(false);
  });
});

it('a slot that is given up during a wait is another host’s meanwhile', async () => {
  const slots = new HostSlots(1);
  const first = await slots.take();
  const order: string[] = [];
  const second = slots.take().then(slot => {
    order.push('second');
    slot.free();
  });
  await first.without(async () => {
    await second;
    order.push('end of the wait');
  });
  first.free();
  expect(order).toEqual(['second', 'end of the wait']);
});

describe('AtOnce', () => {
  const resource = { name: 'Restart', atOnce: { most: 1, key: 'a' } } as Resource;

  it('a host begins when the one before it has ended, and not after a failure', async () => {
    const atOnce = new AtOnce();
    const [one, two, three] = ['h1', 'h2', 'h3'].map(host => atOnce.turnstile(host, resource)!);
    expect(await one!.enter()).toBeUndefined();
    let begun = false;
    const entering = two!.enter().then(problem => {
      begun = true;
      return problem;
    });
    await Promise.resolve();
    expect(begun).toBe(false);
    one!.leave(false);
    expect(await entering).toBeUndefined();
    two!.leave(true);
    expect(await three!.enter()).toMatchObject({ code: 'at-once-stopped' });
    three!.leave(true);
  });

  it('a host that did not begin holds nobody up', async () => {
    const atOnce = new AtOnce();
    atOnce.turnstile('h1', resource)!.leave(false);
    expect(await atOnce.turnstile('h2', resource)!.enter()).toBeUndefined();
    expect(atOnce.turnstile('h3', { name: 'Other' } as Resource)).toBeUndefined();
  });
});
