/**
 * Measures `reconcile apply` of one large file on four hosts whose /run holds 64 MB: the time against `ssh HOST cat` to
 * the same hosts at once, as a ratio, and the peak of the controller's memory. It exits 1 above 250 MB.
 * `npx tsx bench/large.ts [MEBIBYTES [ROUNDS]]`.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { build } from '../test/e2e/reconcile.ts';
import { must } from '../test/lab/command.ts';
import { openLab } from '../test/lab/lab.ts';

const mebibytes = Number(process.argv[2] ?? 1024);
const rounds = Number(process.argv[3] ?? 2);
const mostMB = 250;
const names = ['web1', 'web2', 'web3', 'web4'] as const;

build();
const lab = await openLab({
  hosts: { web1: 'bookworm', web2: 'bookworm', web3: 'bookworm', web4: 'bookworm' },
});
const folder = mkdtempSync(join(tmpdir(), 'reconcile-bench-'));
const source = join(folder, 'large');
const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
const ssh = ['ssh', '-F', 'none', '-i', lab.identityFile, ...options.flatMap(each => ['-o', each])];

function* repeated(piece: Buffer, times: number) {
  for (let i = 0; i < times; i++) yield piece;
}
const everywhere = (script: (to: string) => string) =>
  Promise.all(names.map(name => must(['sh', '-c', script(`deploy@${lab.hosts[name].address}`), ...ssh])));
async function timed<T>(action: () => Promise<T>): Promise<[seconds: number, result: T]> {
  const started = Date.now();
  const result = await action();
  return [(Date.now() - started) / 1000, result];
}
const copied = () =>
  everywhere(to => `"$0" "$@" ${to} "sudo sh -c 'cat >/srv/large && sync /srv/large'" <${source}`);

/** Applies the playbook and returns the peak of the program's resident memory in MB. */
async function applied(): Promise<number> {
  const [hook, peak] = [join(folder, 'peak.cjs'), join(folder, 'peak')];
  const written = `require('fs').writeFileSync('${peak}', String(process.resourceUsage().maxRSS))`;
  writeFileSync(hook, `process.on('exit', () => ${written});\n`);
  const program = join(import.meta.dirname, '../dist/reconcile.cjs');
  const words = ['--require', hook, program, 'apply', 'large.yml', '--no-diff'];
  const child = spawn(process.execPath, words, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const exit = await new Promise(resolve => child.on('close', resolve));
  if (exit !== 0) throw new Error(`apply exited ${exit}`);
  return (Number(readFileSync(peak, 'utf8')) * 1024) / 1e6;
}

try {
  const piece = Buffer.from(Array.from({ length: 1 << 20 }, (_, i) => (i * 7919) >> 3));
  await pipeline(Readable.from(repeated(piece, mebibytes)), createWriteStream(source));
  writeFileSync(join(folder, 'inventory.yml'), lab.inventory());
  const resource = 'file: { path: /srv/large, src: large }';
  writeFileSync(join(folder, 'large.yml'), `hosts: all\nbecome: true\nresources:\n  - ${resource}\n`);
  for (let round = 0; round < rounds; round++) {
    const blank = 'sudo rm -f /srv/large; sudo mount -o remount,size=64m /run; sync -f /srv';
    await everywhere(to => `"$0" "$@" ${to} '${blank}'`);
    const [plain] = await timed(copied);
    await everywhere(to => `"$0" "$@" ${to} '${blank}'`);
    const [own, memoryMB] = await timed(applied);
    const [again] = await timed(applied);
    const times = `ssh cat ${plain.toFixed(1)} s, reconcile ${own.toFixed(1)} s, ${(own / plain).toFixed(1)} times as long`;
    console.log(
      `${mebibytes} MiB to ${names.length} hosts: ${times}, ${memoryMB.toFixed(0)} MB of memory; ${again.toFixed(1)} s again`,
    );
    if (memoryMB > mostMB) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
  await lab.close();
}
