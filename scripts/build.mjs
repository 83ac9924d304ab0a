// Bundles the command line into one CommonJS file, so that starting it costs one file read. The new file takes the
// place of the old one at once: somebody may be starting it.
import { chmodSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

/** Puts the shell and SQL that engine/text-beside.ts reads into the bundle. */
const textsBeside = {
  name: 'texts-beside',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/(?:engine|modules)\/.*\.ts$/ }, ({ path }) => {
      const text = file => JSON.stringify(readFileSync(join(dirname(path), file), 'utf8'));
      const source = readFileSync(path, 'utf8');
      const calls = /\(import\.meta\.url, '(\.\/[\w-]+\.(?:sh|sql))'\)/g;
      return { loader: 'ts', contents: source.replace(calls, (_, file) => `(${text(file)})`) };
    }),
};

const staged = `dist/reconcile.${process.pid}.cjs`;
await build({
  entryPoints: ['engine/cli/main.ts'],
  outfile: staged,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  external: ['cpu-features', '*.node'],
  plugins: [textsBeside],
  banner: { js: '#!/usr/bin/env node' },
  logLevel: 'warning',
});
chmodSync(staged, 0o755);
renameSync(staged, 'dist/reconcile.cjs');
