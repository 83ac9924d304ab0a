// Packing writes a manifest without what only the repository needs: the bundle holds every dependency, so that installing the
// package installs nothing else. `npm pack` and `npm publish` run `clean` before it and `restore` after it. The repository's
// manifest waits in a file beside it: whatever interrupted a packing before, the next one restores it first.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

const manifest = 'package.json';
const kept = 'package.json.kept';
const shipped = ['name', 'version', 'description', 'license', 'bin', 'files', 'engines'];

if (existsSync(kept)) renameSync(kept, manifest);
if (process.argv[2] === 'clean') {
  const text = readFileSync(manifest, 'utf8');
  const all = JSON.parse(text);
  writeFileSync(kept, text);
  const clean = Object.fromEntries(shipped.map(key => [key, all[key]]));
  writeFileSync(`${manifest}.new`, `${JSON.stringify(clean, null, 2)}\n`);
  renameSync(`${manifest}.new`, manifest);
}
