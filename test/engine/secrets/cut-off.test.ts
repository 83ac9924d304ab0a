import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ProblemError } from '../../../engine/problem.ts';
import { FileKey } from '../../../engine/secrets/file-key.ts';
import { seal } from '../../../engine/secrets/sealed.ts';
import { loadPlaybook } from '../../../engine/validate/load-playbook.ts';
import { modules } from '../../../modules/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'cut-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Returns the codes and places of the problems, or of the warnings, of a playbook that uses a file. */
function found(text: string, under: 'secrets' | 'vars_files'): string[] {
  const file = join(folder, 'values.yml');
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  const playbook = join(folder, 'site.yml');
  writeFileSync(
    playbook,
    `hosts: localhost\n${under}: [values.yml]\nresources:\n  - file: { path: /opt/x }\n`,
  );
  try {
    return loadPlaybook(playbook, { modules })
      .warnings()
      .map(({ code }) => code);
  } catch (thrown) {
    const { problems } = thrown as ProblemError;
    return problems.map(({ code, at }) => `${at?.line}:${at?.column} ${code}`);
  }
}

const head = {
  lock: ['age1x'],
  wrapped: '-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n-----END AGE ENCRYPTED FILE-----',
};
const sealed = seal('db_password: hunter2-and-more\n', new FileKey(), head);
const sops = 'db_password: ENC[AES256_GCM,data:abc,iv:def,tag:ghi,type:str]\nsops: { version: 3 }\n';
const start = 'db_password: '.length;

describe('a file of secrets that was cut off', () => {
  it.each([sealed, sops])('is damaged wherever the cut is, until no part of a value is left', whole => {
    const end = whole.indexOf('\n') + 1;
    for (let length = start + 1; length <= end; length++)
      expect(found(whole.slice(0, length), 'secrets')).toEqual([
        expect.stringMatching(/^1:14 (secrets-damaged|yaml-syntax)$/),
      ]);
  });

  it('is damaged before a part of its last key', () => {
    for (const rest of [
      '# How this file',
      '# How this file is encrypted. It is changed with: reconcile secrets edit\n',
    ])
      expect(found(sealed.slice(0, sealed.indexOf('#')) + rest, 'secrets')).toEqual(['1:14 secrets-damaged']);
  });
});

it('secrets in clear are as before, and a very short one has a warning', () => {
  expect(found('a: en\nb: ENCODED\nc: hunter2\n', 'secrets')).toEqual(['secret-short']);
  expect(found('a: encoded', 'secrets')).toEqual([]);
});

it('an encrypted value in a file of variables is refused', () => {
  expect(found(sealed.slice(0, sealed.indexOf('#')), 'vars_files')).toEqual(['1:14 secrets-damaged']);
  expect(found('a: { b: [1, "ENC[AES256_GCM,data:x]"] }\n', 'vars_files')).toEqual(['1:13 secrets-damaged']);
  expect(found('a: "enc: what follows is text"\n', 'vars_files')).toEqual([]);
});
