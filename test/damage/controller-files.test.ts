import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { ageEncrypt, newKeyPair } from '../../engine/secrets/age.ts';
import { FileKey } from '../../engine/secrets/file-key.ts';
import { readSecrets } from '../../engine/secrets/read-secrets.ts';
import { seal } from '../../engine/secrets/sealed.ts';
import { unlock } from '../../engine/secrets/unlock.ts';
import { Problems } from '../../engine/util/problem-collector.ts';
import { reveal, unopenedSecretIn, type Value } from '../../engine/value.ts';
import { runProgram } from '../engine/cli/run-program.ts';
import { brokenBytes, brokenFields, type Damaged, retypedJson, retypedYaml, some } from './damage.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'damage-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);

/** Whether a refusal is a sentence and no bug. */
const isSentence = (text: string) => /\S \S/.test(text) && !/bug in reconcile|\n\s+at .*:\d+:\d+/.test(text);

describe('a damaged saved plan', () => {
  beforeAll(() => {
    const resources = ['a', 'b'].map(name => ({
      file: { path: at(name), content: `${name}\n`, mode: '0600' },
    }));
    writeFileSync(at('site.yml'), JSON.stringify({ hosts: 'localhost', resources }));
  });

  it('is refused, or is the same plan', async () => {
    expect((await runProgram(['plan', at('site.yml'), '-o', at('plan.json')])).exitCode).toBe(2);
    const text = readFileSync(at('plan.json'), 'utf8');
    const same = JSON.stringify(JSON.parse(text));
    const bad: unknown[] = [];
    for (const { how, bytes } of some([...brokenBytes(text), ...retypedJson(JSON.parse(text))])) {
      writeFileSync(at('damaged.json'), bytes);
      const { exitCode, stderr, stdout } = await runProgram(['apply', at('damaged.json'), '--check']);
      const refused = exitCode === 3 && isSentence(stderr);
      if (!refused && !(isJson(bytes, same) && exitCode === 2)) bad.push([how, exitCode, stderr, stdout]);
    }
    expect(bad).toEqual([]);
  });
});

function isJson(bytes: Buffer, same: string): boolean {
  try {
    return JSON.stringify(JSON.parse(bytes.toString())) === same;
  } catch {
    return false;
  }
}

describe('a damaged file of secrets', () => {
  const clear = {
    db_password: 'hunter2-and-more',
    nested: { token: 'tok-0123456789', list: ['first-item', 'second-item'] },
  };
  const leaks = /hunter2|tok-0123|first-item|second-item/;

  async function secretsOf(bytes: Buffer, identity: string) {
    writeFileSync(at('secrets.yml'), bytes, { mode: 0o600 });
    const keys = () => ({ age: [identity], ssh: [], passphrase: undefined, places: [] });
    const unlocked = await unlock(at('secret.yml'), { keys, vaultPassword: () => undefined });
    const problems = new Problems();
    const source = { file: 'secrets.yml', at: { file: 'secret.yml', line: 1, column: 1 } };
    const values = readSecrets(source, { folder, unlocked, vaultPassword: undefined }, problems);
    return { values, problems: [...problems.all(), ...[unopenedSecretIn(values)?.problem ?? []].flat()] };
  }

  it('is refused, or holds the same secrets, and no message shows one', async () => {
    const { identity, recipient } = await newKeyPair();
    const key = new FileKey();
    const wrapped = await ageEncrypt(key.bytes, [recipient]);
    const text = seal(stringify(clear), key, { lock: [recipient], wrapped });
    writeFileSync(at('secret.yml'), 'hosts: localhost\nsecrets: [secrets.yml]\nresources: []\n');
    expect(reveal((await secretsOf(Buffer.from(text), identity)).values as Value).value).toEqual(clear);
    const bad: unknown[] = [];
    for (const { how, bytes } of some([...brokenBytes(text), ...retypedYaml(parse(text))], 120)) {
      const { values, problems } = await secretsOf(bytes, identity);
      const isRefused = problems.every(({ code, message }) => code !== 'bug' && isSentence(message));
      if (!isRefused || leaks.test(JSON.stringify(problems))) bad.push([how, problems]);
      // A secret that is missing is not defined, which the playbook that uses it reports.
      if (problems.length === 0 && !isPartOf(reveal(values as Value).value, clear)) bad.push([how, values]);
    }
    expect(bad).toEqual([]);
  });
});

/** Whether data has no other values than the whole. */
function isPartOf(part: unknown, whole: unknown): boolean {
  if (typeof part !== 'object' || part === null) return part === whole;
  return Object.entries(part).every(([key, value]) => isPartOf(value, (whole as never)?.[key]));
}

describe('a damaged inventory', () => {
  const own = {
    defaults: { user: 'deploy', become: true },
    hosts: {
      web1: { address: '203.0.113.11', port: 22, host_key: 'ssh-ed25519 AAAA', vars: { workers: 5 } },
      web2: { proxy_jump: 'web1', transport: 'openssh', identity_file: '~/key' },
    },
    groups: { web: { hosts: ['web1', 'web2'], vars: { domain: 'example.com' } }, prod: { groups: ['web'] } },
  };
  const ansible = {
    all: {
      hosts: { web1: { ansible_host: '203.0.113.11', ansible_port: 22, ansible_become: true } },
      children: { web: { hosts: { web1: null, 'web[2:4]': {} }, vars: { domain: 'example.com' } } },
    },
  };
  const ini = `web1 ansible_host=203.0.113.11 ansible_port=22 note="a b"
[web]
web[2:4] ansible_user=deploy
[web:vars]
domain=example.com
list=["a", {"b": 1}]
[prod:children]
web
`;
  const dynamic = {
    web: { hosts: ['web1'], vars: { domain: 'example.com' }, children: ['db'] },
    db: ['web2'],
    _meta: { hostvars: { web1: { ansible_host: '203.0.113.11', ansible_port: 22 } } },
  };
  const program = (data: Damaged): Damaged => ({
    ...data,
    bytes: Buffer.concat([Buffer.from("#!/bin/sh\ncat <<'END'\n"), data.bytes, Buffer.from('\nEND\n')]),
  });

  it.each<[string, string, Damaged[], quick: number]>([
    ['of its own format', 'own.yml', [...brokenBytes(stringify(own)), ...retypedYaml(own)], 60],
    ['of Ansible in YAML', 'ansible.yml', [...brokenBytes(stringify(ansible)), ...retypedYaml(ansible)], 60],
    ['of Ansible in INI', 'hosts', [...brokenBytes(ini), ...brokenFields(ini, '[= \\[\\]:]')], 60],
    ['that a program prints', 'dynamic', [...retypedJson(dynamic).map(program)], 10],
  ])('%s is refused in sentences, or is another inventory', async (_, name, damaged, quick) => {
    const bad: unknown[] = [];
    for (const { how, bytes } of some(damaged, quick)) {
      writeFileSync(at(name), bytes, { mode: 0o700 });
      const ran = await runProgram(['inventory', 'all', '-i', at(name), '--json'], folder);
      const isRefused = ran.exitCode === 3 && ran.stdout === '' && isSentence(ran.stderr);
      if (!isRefused && !(ran.exitCode === 0 && JSON.parse(ran.stdout).hosts)) bad.push([how, ran]);
      if (existsSync(at('run'))) bad.push([how, 'ran a command']);
    }
    expect(bad).toEqual([]);
  });
});
