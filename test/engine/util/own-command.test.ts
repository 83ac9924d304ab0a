import { afterEach, describe, expect, it } from 'vitest';
import { asTyped, startedBy } from '../../../engine/util/own-command.ts';

const hint = 'Look:\n    reconcile docs\n`reconcile modules file` shows it. See reconcile things.';

describe('a hint', () => {
  afterEach(() => startedBy({}));

  it('names the commands by the name of the program', () => {
    startedBy({});
    expect(asTyped(hint)).toBe(hint);
  });

  it('begins the commands with npx if npx started the program', () => {
    startedBy({ npm_command: 'exec' });
    expect(asTyped(hint)).toBe(
      'Look:\n    npx reconcile docs\n`npx reconcile modules file` shows it. See reconcile things.',
    );
  });
});
