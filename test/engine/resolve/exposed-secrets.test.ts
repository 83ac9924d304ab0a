import { describe, expect, it, test } from 'vitest';
import { modules } from '../../../modules/index.ts';
import { brief, play, problems, shown } from '../workspace.ts';

const secrets = { 'own.secret.yml': 'word: a-secret-word\n' };

/** Returns the problems of a resource with the real modules. */
function refusals(resource: object, files: Readonly<Record<string, string>> = {}) {
  const playbook = { hosts: 'web1', secrets: ['own.secret.yml'], resources: [resource] };
  return problems(JSON.stringify(playbook), { ...secrets, ...files }, { modules });
}
const word = '{{ secrets.word }}';

describe('a secret is refused where other accounts of the host could see it', () => {
  test.each<[where: string, resource: object]>([
    ['command takes no secret in run', { command: { run: ['login', word], always: true } }],
    ['command takes no secret in run', { command: { run: `login ${word}`, always: true } }],
    ['command takes no secret in unless', { command: { run: 'true', unless: `grep -q ${word} /etc/x` } }],
    ['command takes no secret in run', { command: { run: '{{ secrets.word | sha256 }}', always: true } }],
    ['file takes no secret in path', { file: { path: `/srv/${word}`, content: 'x' } }],
    ['directory takes no secret in path', { directory: { path: `/srv/${word}` } }],
    ['link takes no secret in target', { link: { path: '/srv/x', target: `/srv/${word}` } }],
    ['apt takes no secret in packages', { apt: { packages: [word] } }],
    ['pg_setting takes no secret in value', { pg_setting: { name: 'primary_conninfo', value: word } }],
    [
      'pg_check takes no secret in query',
      { pg_check: { user: 'a', database: 'a', query: `SELECT '${word}'` } },
    ],
    [
      'systemd_unit takes no secret in service',
      { systemd_unit: { name: 'a.service', service: { ExecStart: '/bin/a', Environment: { KEY: word } } } },
    ],
    [
      'systemd_unit takes no secret in content',
      { systemd_unit: { name: 'a.service', content: `[Service]\n${word}` } },
    ],
    [
      'nginx_site takes no secret in extra',
      {
        nginx_site: {
          name: 'a',
          server_names: ['_'],
          locations: { '/': { return: '204' } },
          extra: `x ${word};`,
        },
      },
    ],
    [
      'certbot takes no secret in email',
      { certbot: { name: 'a', domains: ['a.example'], email: `${word}@example.com` } },
    ],
  ])('%s: %j', (where, resource) => {
    const found = refusals(resource);
    expect(brief(found)).toEqual([
      expect.stringContaining(`${where}: other accounts of the host could see it`),
    ]);
    expect(shown(found)).not.toContain('a-secret-word');
  });

  test.each([
    [undefined, 'not declared, and a new file has 0644'],
    ['0644', '0644'],
    ['0602', '0602'],
  ])('in a file with the mode %s', (mode, words) => {
    const [found] = refusals({ file: { path: '/srv/x', content: word, ...(mode && { mode }) } });
    expect([found?.message, found?.hint]).toEqual([
      `Every account of the host could read the secret in /srv/x: its mode is ${words}.`,
      'Give the file a mode such as mode: "0600".\nIf it is no secret, say so: {{ … | nonsensitive }}',
    ]);
  });

  it('when a template contains it', () => {
    const files = { 'templates/x.j2': word };
    expect(brief(refusals({ file: { path: '/srv/x', template: 'x.j2' } }, files))).toEqual([
      expect.stringContaining('[secret-exposed]'),
    ]);
    expect(refusals({ file: { path: '/srv/x', template: 'x.j2', mode: '0640' } }, files)).toEqual([]);
  });
});

test.each<[resource: object]>([
  [{ file: { path: '/srv/x', content: word, mode: '0640' } }],
  [{ command: { run: 'login "$WORD"', env: { WORD: word }, always: true } }],
  [{ command: { run: 'login', stdin: word, always: true } }],
  [{ pg_role: { name: 'a', password: word } }],
  [{ pg_check: { dsn: `postgresql://a:${word}@127.0.0.1/a` } }],
  [{ http_check: { url: `http://127.0.0.1/?q=${word}`, contains: word } }],
  [{ python_venv: { path: '/srv/v', packages: ['a'], index_url: `https://a:${word}@example.com/simple` } }],
  [{ file: { path: '/srv/{{ secrets.word | nonsensitive }}', content: 'x' } }],
])('a secret may stand in %j', resource => {
  expect(refusals(resource)).toEqual([]);
});

it('every module lists only arguments that it has', () => {
  for (const module of Object.values(modules))
    for (const name of module.secrets?.in ?? []) expect(Object.keys(module.args.properties)).toContain(name);
});

it('the redactor knows all secrets, even unused ones', () => {
  const told: string[] = [];
  const add = (text: string, label: string) => told.push(`${label}=${text}`);
  const files = { ...secrets, 'odd.secret.yml': '__proto__: another' };
  play('hosts: web1\nsecrets: [own.secret.yml, odd.secret.yml]\nresources: []', files, { secrets: { add } });
  expect(told).toEqual(['secrets.word=a-secret-word', 'secrets.__proto__=another']);
});

it('a refusal that shortens a long secret masks its rest', () => {
  const long = 'a-long-secret-'.repeat(10);
  const found = problems(
    JSON.stringify({
      hosts: 'web1',
      secrets: ['own.secret.yml'],
      resources: [{ http_check: { url: 'http://a', attempts: word } }],
    }),
    { 'own.secret.yml': `word: ${long}\n` },
    { modules },
  );
  expect(found[0]?.message).toContain('"«secrets.word»…"');
});
