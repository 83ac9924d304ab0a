// Writes the generated files; with --check, fails and names the stale ones.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedFiles } from './generated.ts';

const check = process.argv.includes('--check');
const files = generatedFiles();
// Removes the pages of former modules.
const left = existsSync('docs/modules')
  ? readdirSync('docs/modules')
      .map(name => join('docs/modules', name))
      .filter(path => !files.has(path))
  : [];
const stale = [...files].filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text);

if (check && stale.length + left.length > 0) {
  console.error('Not fresh, write them with npm run gen:');
  for (const path of [...stale.map(([path]) => path), ...left]) console.error(`  ${path}`);
  process.exitCode = 1;
} else if (!check) {
  for (const [path, text] of stale) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${path}`);
  }
  for (const path of left) {
    rmSync(path);
    console.log(`removed ${path}`);
  }
}
