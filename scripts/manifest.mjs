// Packing writes a manifest without what only the repository needs: the bundle holds every dependency, so that installing
// the package installs nothing else. `npm pack` runs `clean` before it and `restore` after it. Meanwhile the repository's
// manifest waits in package.json.kept. If npm ends without `restore`, `guard` restores the manifest.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const manifest = 'package.json';
const kept = 'package.json.kept';
const shipped = ['name', 'version', 'description', 'license', 'bin', 'files', 'engines'];
const [, program, action, npm] = process.argv;

/** Returns the packed form of a manifest. */
function packed(text) {
  const all = JSON.parse(text);
  return `${JSON.stringify(Object.fromEntries(shipped.map(key => [key, all[key]])), null, 2)}\n`;
}

function restore() {
  if (!existsSync(kept)) return;
  const [now, before] = [manifest, kept].map(file => readFileSync(file, 'utf8'));
  if (now !== packed(before) && now !== before) {
    console.error(
      `${manifest} was changed after a packing that broke off. Compare it with ${kept}, then remove that.`,
    );
    process.exit(1);
  }
  renameSync(kept, manifest);
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

if (action === 'guard') while (existsSync(kept) && isAlive(Number(npm))) await sleep(50);
restore();
if (action === 'clean') {
  const text = readFileSync(manifest, 'utf8');
  writeFileSync(`${manifest}.new`, packed(text));
  writeFileSync(kept, text);
  // The parent is npm, as the shell between them ran this with `exec`.
  spawn(process.execPath, [program, 'guard', `${process.ppid}`], { detached: true, stdio: 'ignore' }).unref();
  renameSync(`${manifest}.new`, manifest);
}
