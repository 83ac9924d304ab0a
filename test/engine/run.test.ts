import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Event } from '../../engine/events.ts';
import { loadPlaybook } from '../../engine/load/index.ts';
import { type RunOptions, run } from '../../engine/run.ts';
import { modules } from '../../modules/index.ts';

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Applies resources to this computer; gives the exit code and what happened. */
async function apply(resources: string, options: Partial<RunOptions> = {}) {
  writeFileSync(at('playbook.yml'), `hosts: localhost\nresources:\n${resources}`);
  const events: Event[] = [];
  const exitCode = await run({
    playbook: loadPlaybook(at('playbook.yml'), { modules }),
    check: false,
    parallel: 1,
    emit: event => events.push(event),
    signal: new AbortController().signal,
    ...options,
  });
  const of = <K extends Event['event']>(kind: K) =>
    events.filter((event): event is Extract<Event, { event: K }> => event.event === kind);
  return { exitCode, of };
}

const file = (name: string) => `  - file: { path: ${at(name)}, content: hello }\n`;

it('an answer of no leaves everything as it was', async () => {
  const { exitCode, of } = await apply(file('a'), { confirm: async () => false });
  expect([exitCode, existsSync(at('a')), of('resource')]).toEqual([0, false, []]);
});

it('what somebody does while the question waits is seen before anything is done', async () => {
  const { exitCode, of } = await apply(file('a') + file('b'), {
    confirm: async () => {
      writeFileSync(at('a'), 'hello');
      return true;
    },
  });
  expect(exitCode).toBe(0);
  expect(of('resource').map(({ status, deviation }) => [status, deviation !== undefined])).toEqual([
    ['unchanged', true],
    ['changed', false],
  ]);
});

it('nobody is asked when there is nothing to do', async () => {
  writeFileSync(at('a'), 'hello');
  const { exitCode, of } = await apply(file('a'), { confirm: () => Promise.reject(new Error('asked')) });
  expect([exitCode, of('host_finished')[0]?.result.unchanged]).toEqual([0, 1]);
});

it('a host that takes too long is told so', async () => {
  const { exitCode, of } = await apply('  - command: { run: sleep 5, always: true }\n', { timeoutMs: 1000 });
  expect(exitCode).toBe(1);
  expect(of('host_finished')[0]?.problems).toMatchObject([
    { code: 'timeout', message: 'The host took longer than the 1 s it was given.', host: 'localhost' },
  ]);
});
