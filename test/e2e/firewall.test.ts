import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, openLab } from '../lab/lab.ts';
import { newer, older } from '../lab/releases.ts';
import { describeLab } from '../lab/require.ts';
import { build, errors, reconcile, statuses } from './reconcile.ts';

const hosts = ['web1', 'web2'] as const;

/** Answers each connection to port 8080 of both families with two letters. */
const server = `use Socket; socket S, AF_INET6, SOCK_STREAM, 0; setsockopt S, SOL_SOCKET, SO_REUSEADDR, 1;
bind S, pack_sockaddr_in6(8080, "\\0" x 16) or die; listen S, 128; while (accept C, S) { syswrite C, "ok"; close C }`;

/** A table of another program, with an element in a set. */
const foreign = `table inet other {
	set banned {
		type ipv4_addr
		elements = { 192.0.2.7 }
	}

	chain input {
		type filter hook input priority filter + 5; policy accept;
		ip saddr @banned drop
	}
}
`;

/** Milliseconds after which a request counts as lost: TCP repeats a dropped first packet after a second. */
const lostAfterMs = 950;

describeLab('firewall', () => {
  let lab: Lab<'web1' | 'web2'>;
  let folder: string;

  beforeAll(async () => {
    build();
    lab = await openLab({ hosts: { web1: older, web2: newer } });
    folder = mkdtempSync(join(tmpdir(), 'reconcile-e2e-'));
    writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
    write({ apt: { packages: ['nftables', 'ufw'], update_cache: '1d' } });
    expect((await apply()).exit).toBe(0);
    for (const name of hosts) await prepare(name);
  });
  afterAll(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await lab?.close();
  });

  function write(...resources: unknown[]): void {
    writeFileSync(join(folder, 'play.yml'), JSON.stringify({ hosts: 'all', become: true, resources }));
  }
  const apply = (...args: string[]) => reconcile(folder, ['apply', 'play.yml', '--json', ...args]);
  const declare = (args: Record<string, unknown>) => {
    write({ name: 'Rules', firewall: args });
    return apply();
  };
  async function on(name: (typeof hosts)[number], script: string): Promise<string> {
    const { code, stdout, stderr } = await lab.exec(name, script);
    if (code !== 0) throw new Error(`${script}\nexited ${code}: ${stderr}`);
    return stdout;
  }
  const prepare = (name: (typeof hosts)[number]) =>
    on(
      name,
      `systemd-run -q perl -e '${server}'\ncat >/root/other.nft <<'END'\n${foreign}END\nnft -f /root/other.nft`,
    );
  const addresses = async () => {
    const of6 = (name: (typeof hosts)[number]) =>
      on(name, "ip -6 -o addr show scope global | sed -n 's|.*inet6 \\([^/]*\\)/.*|\\1|p' | head -n 1");
    const all = hosts.map(async name => [lab.hosts[name].address, (await of6(name)).trim()]);
    return (await Promise.all(all)).flat();
  };
  const outcomes = (ran: Awaited<ReturnType<typeof apply>>) =>
    hosts.map(name => statuses(ran, name)['Rules']);

  const ssh = { allow: '22/tcp' };
  const web = { allow: '8080/tcp' };

  describe.each(['nftables', 'ufw'])('by %s', backend => {
    it('filters both families, and leaves the tables of other programs alone', async () => {
      const ran = await declare({ backend, rules: [ssh, web, { deny: '8081/tcp' }] });
      expect([ran.exit, errors(ran), outcomes(ran)]).toEqual([0, [], ['changed', 'changed']]);
      expect(outcomes(await apply())).toEqual(['unchanged', 'unchanged']);
      const answers = (await addresses()).map(address => answer(address, 8080));
      expect(await Promise.all(answers)).toEqual(['ok', 'ok', 'ok', 'ok']);
      await declare({ backend, rules: [ssh] });
      const none = (await addresses()).map(address => answer(address, 8080));
      expect(await Promise.all(none)).toEqual(Array(4).fill('lost'));
      for (const name of hosts) expect(await on(name, 'nft list table inet other')).toBe(foreign);
    });

    it('loses no request to a port that the old and the new rules allow', async () => {
      await declare({ backend, rules: [ssh, web] });
      const all = await addresses();
      let isOver = false;
      const asking = (async () => {
        const answers: Promise<string>[] = [];
        for (let at = 0; !isOver; at += 1) {
          answers.push(answer(all[at % all.length]!, 8080));
          await sleep(50);
        }
        return Promise.all(answers);
      })();
      for (let at = 0; at < 10; at += 1)
        expect(outcomes(await declare({ backend, rules: [{ allow: 9000 + at }, web, ssh] }))).toEqual([
          'changed',
          'changed',
        ]);
      isOver = true;
      const answers = await asking;
      expect([answers.length > 100, answers.filter(one => one !== 'ok').slice(0, 9)]).toEqual([true, []]);
    });

    it('refuses rules that shut out the run, in the check', async () => {
      const before = await on('web1', 'nft -s list ruleset');
      write({ name: 'Rules', firewall: { backend, rules: [web] } });
      const checked = await apply('--check');
      expect([checked.exit, errors(checked)[0]?.message]).toEqual([
        1,
        expect.stringContaining('to port 22 of'),
      ]);
      expect((await apply()).exit).toBe(1);
      expect(await on('web1', 'nft -s list ruleset')).toBe(before);
    });

    it('reverts rules that shut out the run by a way that the check cannot know', async () => {
      const sneaky = 'sed -i \'1i export SSH_CONNECTION="192.0.2.9 9 192.0.2.1 22"\' /home/deploy/.bashrc';
      const rules = "nft -s -t list ruleset | sed 's/# .*//'";
      const files = 'cat /etc/nftables.d/reconcile.nft /etc/ufw/user.rules 2>/dev/null || true';
      await on('web1', sneaky);
      await on('web2', sneaky);
      const before = await on('web1', `${rules}; ${files}`);
      const ran = await declare({ backend, rules: [{ allow: '22/tcp', from: '192.0.2.9' }, web] });
      expect([ran.exit, errors(ran).map(({ code }) => code)]).toEqual([1, ['locked-out', 'locked-out']]);
      for (const name of hosts) await on(name, 'sed -i 1d /home/deploy/.bashrc');
      expect(await on('web1', `${rules}; ${files}`)).toBe(before);
      expect(outcomes(await declare({ backend, rules: [{ allow: 9009 }, web, ssh] }))).toEqual([
        'unchanged',
        'unchanged',
      ]);
    });

    it('holds after a boot', async () => {
      lab.powerCut('web1');
      await lab.boot('web1');
      expect(outcomes(await apply())[0]).toBe('unchanged');
      await prepare('web1');
    });

    it('goes when it is not enabled', async () => {
      const ran = await declare({ backend, enabled: false });
      expect(outcomes(ran)).toEqual(['changed', 'changed']);
      expect(outcomes(await apply())).toEqual(['unchanged', 'unchanged']);
    });
  });
});

/** Returns the answer of a host, or `lost` without one in time. */
function answer(host: string, port: number): Promise<string> {
  return new Promise(resolve => {
    const socket = connect({ host, port });
    const lost = setTimeout(() => socket.destroy(new Error('lost')), lostAfterMs);
    socket.on('data', bytes => resolve(bytes.toString()));
    socket.on('error', error => resolve(error.message === 'lost' ? 'lost' : `lost: ${error.message}`));
    socket.on('close', () => clearTimeout(lost));
  });
}
