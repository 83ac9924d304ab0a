import { expect, it } from 'vitest';
import { reactionsByCause } from '../../../engine/plan/reactions.ts';
import { modules } from '../../../modules/index.ts';
import { play } from '../workspace.ts';

const answers = (answering: string) => {
  const { hosts, resolve } = play(
    `hosts: web1
resources:
  - command: { run: date, always: true }
    register: made
  - { name: Settings, file: { path: /etc/app.conf } }
  - ${answering}`,
    {},
    { modules },
  );
  const facts = { hostname: 'web1' } as never;
  return [...reactionsByCause(resolve(hosts[0]!, facts))].map(([to, all]) => [
    to,
    all.map(({ unit }) => unit),
  ]);
};

it('a service reacts to the resources it names, even if another argument is unknown', () => {
  const expected = [['Settings', ['app.service']]];
  expect(answers('service: { name: app, restart_on: [Settings] }')).toEqual(expected);
  expect(answers('service: { name: app, restart_on: [Settings], settle: "{{ made.stdout }}" }')).toEqual(
    expected,
  );
  expect(answers('service: { name: "{{ made.stdout }}" }')).toEqual([]);
});

it('a reaction cannot depend on a registered outcome: it would miss an earlier change', () => {
  expect(() => answers('service: { name: app, restart_on: [Settings, "{{ made.stdout }}"] }')).toThrow(
    'restart_on depends on command date, but it must be known before the first change.',
  );
  expect(() => answers('service: { name: "{{ made.stdout }}", restart_on: [Settings] }')).toThrow(
    'name depends on',
  );
  expect(() => answers('command: { run: "{{ made.stdout }}", run_on: [Settings] }')).toThrow(
    'run depends on',
  );
});
