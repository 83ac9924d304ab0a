/** Gives every test file a state directory of its own, so that what it applies to this machine is alone with its lease. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'reconcile-state-'));
process.env['RECONCILE_TEST_STATE'] = folder;
afterAll(() => rmSync(folder, { recursive: true, force: true }));
