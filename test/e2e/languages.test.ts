import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Become, Host } from '../../engine/host.ts';
import { type Problem, problemsOf } from '../../engine/problem.ts';
import { connect } from '../../engine/transport/connect.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab } from '../lab/require.ts';

const languages = ['de_DE.UTF-8', 'ja_JP.UTF-8'] as const;
/** The programs print their messages in a language only if it is there. */
const prepared = `apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends locales opendoas &&
printf '%s UTF-8\\n' ${languages.join(' ')} >/etc/locale.gen && locale-gen && rm -rf /var/lib/apt/lists/*`;
const password = 'correct horse battery';

/** `strict` may try one password only, so that sudo asks no second time; `dumb` would need a terminal. */
const accounts = `set -e
for name in asked strict dumb; do
  useradd -m -s /bin/bash $name; cp -r /home/deploy/.ssh /home/$name/; chown -R $name: /home/$name/.ssh
  echo "$name:${password}" | chpasswd
done
echo 'root:root ${password}' | chpasswd
printf 'asked ALL=(ALL) ALL\\nstrict ALL=(ALL) ALL\\nDefaults:strict passwd_tries=1\\n' >/etc/sudoers.d/asked
sudo -V | grep -q sudo-rs || printf 'dumb ALL=(ALL) NOPASSWD: ALL\\nDefaults:dumb requiretty\\n' >/etc/sudoers.d/dumb
printf 'permit nopass deploy as root\\npermit asked as root\\n' >/etc/doas.conf`;

describeLab('becoming another account', () => {
  let lab: Lab<'sudo' | 'rs'>;
  beforeAll(async () => {
    lab = await openLab({
      hosts: { sudo: { release: 'bookworm', prepared }, rs: { release: 'ubuntu-like', prepared } },
    });
    for (const name of ['sudo', 'rs'] as const) expect((await lab.exec(name, accounts)).stderr).toBe('');
  });
  afterAll(() => lab?.close());

  async function become(
    on: 'sudo' | 'rs',
    user: string,
    method: Become['method'],
    becomePassword?: string,
    transport: 'ssh' | 'openssh' = 'ssh',
  ): Promise<string> {
    const { address } = lab.hosts[on];
    const host: Host = {
      ...{ name: on, address, user, identityFile: lab.identityFile, transport, groups: [], vars: {} },
    };
    const connection = await connect(host, {
      ...{ sshConfigFiles: [], agent: false, knownHostsFiles: [lab.knownHosts] },
      ...(becomePassword !== undefined && { becomePassword }),
    });
    try {
      const session = await connection.session({ method, user: 'root' });
      return `${(await session.run({ script: 'id -un; echo $LC_ALL' })).stdout}`;
    } finally {
      await connection.close();
    }
  }
  const problem = (...how: Parameters<typeof become>): Promise<Problem> =>
    become(...how).then(
      () => expect.fail('no problem'),
      thrown => problemsOf(thrown)[0]!,
    );

  describe.each(['C.UTF-8', ...languages])('of a host in %s', language => {
    const [words] = language.split('_');
    const refusal = { de: /Entschuldigung|Passwort/, ja: /残念|パスワード/ }[words!];
    beforeAll(async () => {
      for (const on of ['sudo', 'rs'] as const) {
        await lab.exec(
          on,
          `echo LANG=${language} >/etc/default/locale
          for user in asked strict dumb deploy; do echo 'export LANG=${language} LANGUAGE=${words} LC_ALL=${language}' >/home/$user/.bashrc; done`,
        );
      }
      // The language is in effect: sudo itself refuses in it.
      const shown = await lab.exec('sudo', "su - asked -c '. ~/.bashrc; echo wrong | sudo -kS true' 2>&1");
      if (refusal) expect(shown.stdout).toMatch(refusal);
    });

    it.each(['sudo', 'rs'] as const)('by %s works with the right password', async on => {
      for (const transport of ['ssh', 'openssh'] as const)
        expect(await become(on, 'asked', 'sudo', password, transport)).toBe('root\nC.UTF-8\n');
      expect(await become(on, 'strict', 'sudo', password)).toBe('root\nC.UTF-8\n');
    });

    it.each(['sudo', 'rs'] as const)('by %s reports a wrong password', async on => {
      for (const user of ['asked', 'strict'])
        expect(await problem(on, user, 'sudo', 'wrong')).toMatchObject({
          code: 'become-failed',
          message: `The login worked, but sudo did not accept the password for "${user}" to become "root".`,
        });
    });

    it.each(['sudo', 'rs'] as const)('by %s reports a missing password', async on => {
      expect(await problem(on, 'asked', 'sudo')).toMatchObject({
        code: 'become-failed',
        message: 'The login worked, but sudo did not let "asked" become "root".',
        hint: expect.stringContaining('--ask-become-pass'),
      });
    });

    it('by sudo reports that it wants a terminal', async () => {
      for (const given of [password, undefined])
        expect((await problem('sudo', 'dumb', 'sudo', given)).message).toContain('requiretty');
    });

    it.each(['sudo', 'rs'] as const)(
      'by su works with the right password, and reports a wrong one, on %s',
      async on => {
        expect(await become(on, 'asked', 'su', `root ${password}`)).toBe('root\nC.UTF-8\n');
        expect(await problem(on, 'asked', 'su', 'wrong')).toMatchObject({
          code: 'become-failed',
          message: 'The login worked, but su did not accept the password for "asked" to become "root".',
        });
        expect((await problem(on, 'asked', 'su')).hint).toContain('--ask-become-pass');
      },
    );

    it.each(['sudo', 'rs'] as const)(
      'by doas works without a password, and says that it takes none, on %s',
      async on => {
        expect(await become(on, 'deploy', 'doas')).toBe('root\nC.UTF-8\n');
        for (const given of [password, 'wrong', undefined])
          expect((await problem(on, 'asked', 'doas', given)).hint).toContain('without a password');
      },
    );
  });
});
