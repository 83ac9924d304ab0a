/**
 * `npx tsx scripts/picture.ts`: writes docs/terminal.svg, the picture of a terminal in the README. It boots a blank
 * Debian host, checks the README's playbook on it, and draws the bytes that the program sent to its terminal.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '../engine/cli/commands.ts';
import { silentIo } from '../test/engine/cli/run-program.ts';
import { openLab } from '../test/lab/lab.ts';
import { terminalSvg } from './terminal-svg.ts';

const root = join(import.meta.dirname, '..');
const command = ['apply', 'site.yml', '--check'];
const columns = 96;

/** Returns the bytes that a command in `folder` sends to a terminal. */
async function sentToTerminal(folder: string, argv: readonly string[]): Promise<string> {
  let sent = '';
  const terminal = { isTTY: true, columns, rows: 60, write: (text: string) => (sent += text) };
  process.chdir(folder);
  const exit = await program({ ...silentIo(), argv, stdout: terminal, stderr: terminal });
  if (exit !== 2) throw new Error(`The check exited ${exit}, not 2:\n${sent}`);
  return sent;
}

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const playbook = /^```yaml\n([\s\S]*?)^```/m.exec(readme)![1]!;
const folder = mkdtempSync(join(tmpdir(), 'reconcile-picture-'));
const lab = await openLab({ hosts: { web1: 'bookworm' } });
try {
  writeFileSync(join(folder, 'site.yml'), playbook);
  writeFileSync(join(folder, 'inventory.yml'), lab.inventory({ groups: { web: { hosts: ['web1'] } } }));
  const sent = await sentToTerminal(folder, command);
  const prompt = `\x1b[1m$ reconcile ${command.join(' ')}\x1b[22m\n`;
  writeFileSync(join(root, 'docs/terminal.svg'), terminalSvg(prompt + sent, { columns }));
} finally {
  await lab.close();
  process.chdir(root);
  rmSync(folder, { recursive: true, force: true });
}
