// Bundles the command line into two CommonJS files: the program, and the start, which runs the program with the code that
// an earlier run has compiled. A new file replaces the old one atomically, because a process may be starting it.
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, renameSync } from 'node:fs';
import { build } from 'esbuild';
import { textsBeside } from './texts-beside.mjs';

/** Parts of ssh2 that nothing uses. They would load the HTTP and TLS of Node at every connection. */
const unused = {
  name: 'unused',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/(http-agents|server|keygen)\.js$/ }, ({ importer, path }) =>
      importer.endsWith('/ssh2/lib/index.js') ? { path, namespace: 'unused' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: '' }));
  },
};

/** Bundles a file of the engine into `dist/NAME.cjs` and returns its text. */
async function bundle(entry, name, more = {}) {
  const staged = `dist/${name}.${process.pid}.cjs`;
  await build({
    entryPoints: [entry],
    outfile: staged,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // Node reads the text at every start, and compiles it when there is no compiled code.
    minify: true,
    external: ['cpu-features', '*.node'],
    plugins: [textsBeside, unused],
    logLevel: 'warning',
    ...more,
  });
  chmodSync(staged, 0o755);
  renameSync(staged, `dist/${name}.cjs`);
  return readFileSync(`dist/${name}.cjs`);
}

const program = await bundle('engine/cli/main.ts', 'program');
await bundle('engine/cli/start.ts', 'reconcile', {
  banner: { js: '#!/usr/bin/env node' },
  define: { programBuild: JSON.stringify(createHash('sha256').update(program).digest('hex')) },
});
