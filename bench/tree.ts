/**
 * Measures the first `reconcile apply` of a tree of 10,000 files against `tar c | ssh HOST tar x` of the same files, in
 * turns on one host, as seconds and as a ratio. `npx tsx bench/tree.ts [FILES [ROUNDS]]`, after `npm run build`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, reconcile } from '../test/e2e/reconcile.ts';
import { must } from '../test/lab/command.ts';
import { openLab } from '../test/lab/lab.ts';

const files = Number(process.argv[2] ?? 10_000);
const rounds = Number(process.argv[3] ?? 3);

build();
const lab = await openLab({ hosts: { web1: 'bookworm' } });
const folder = mkdtempSync(join(tmpdir(), 'reconcile-bench-'));
try {
  for (let i = 0; i < files; i++) {
    const below = join(folder, `tree/d${i % 40}/s${i % 25}`);
    mkdirSync(below, { recursive: true });
    writeFileSync(join(below, `f${i}`), `line of file ${i}\n`.repeat(1 + (i % 200)));
  }
  writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
  const resource = 'tree: { src: tree, path: /srv/tree }';
  writeFileSync(join(folder, 'tree.yml'), `hosts: web1\nbecome: true\nresources:\n  - ${resource}\n`);
  const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
  const host = ['-i', lab.identityFile, ...options.flatMap(each => ['-o', each])];
  const ssh: [string, ...string[]] = ['ssh', '-F', 'none', ...host, `deploy@${lab.hosts.web1.address}`];
  const on = (command: string) => must([...ssh, command]);
  const timed = async (action: () => Promise<unknown>) => {
    await on('sudo rm -rf /srv/tree && sync -f /srv');
    const started = Date.now();
    await action();
    return (Date.now() - started) / 1000;
  };
  for (let round = 0; round < rounds; round++) {
    const plain = await timed(() =>
      must([
        'sh',
        '-c',
        'cd "$0" && tar c tree | "$@"',
        folder,
        ...ssh,
        'sudo tar x -C /srv && sync -f /srv',
      ]),
    );
    const own = await timed(async () => {
      const { exit, stderr } = await reconcile(folder, ['apply', 'tree.yml', '--no-diff']);
      if (exit !== 0) throw new Error(stderr);
    });
    console.log(
      `${files} files: tar ${plain.toFixed(1)} s, reconcile ${own.toFixed(1)} s, ${(own / plain).toFixed(1)} times as long`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
  await lab.close();
}
