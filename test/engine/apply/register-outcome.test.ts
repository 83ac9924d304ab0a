import { describe, expect, it } from 'vitest';
import { register } from '../../../engine/apply/register-outcome.ts';
import type { StepOutput } from '../../../engine/apply/step-script.ts';
import type { Secret } from '../../../engine/value.ts';
import { outcome } from '../report/sample.ts';

const ran: StepOutput[] = [
  { step: { do: 'run', command: 'login' }, stdout: 'a session', stderr: 'hello', exit: 0 },
];

describe('the registered output of a command', () => {
  it('is a secret if the command received one, under its registered name', () => {
    const secrets = [{ text: 'a secret', label: 'secrets.some' }];
    const { stdout, stderr, exit } = register(
      outcome('Login', 'command', 'changed', { secrets }),
      ran,
      'login',
    );
    expect([String(stdout), String(stderr), exit]).toEqual(['«login.stdout»', '«login.stderr»', 0]);
    expect((stdout as Secret).reveal()).toBe('a session');
  });

  it('is a text without secrets', () => {
    const { stdout, stderr } = register(outcome('Login', 'command', 'changed'), ran, 'login');
    expect([stdout, stderr]).toEqual(['a session', 'hello']);
  });
});
