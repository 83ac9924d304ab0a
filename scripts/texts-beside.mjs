import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A plugin for esbuild that bundles the shell, SQL and Perl files of engine/util/text-beside.ts. */
export const textsBeside = {
  name: 'texts-beside',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\/(?:engine|modules)\/.*\.ts$/ }, ({ path }) => {
      const text = file => JSON.stringify(readFileSync(join(dirname(path), file), 'utf8'));
      const source = readFileSync(path, 'utf8');
      const calls = /\(import\.meta\.url, '(\.\/[\w-]+\.(?:sh|sql|pl))'\)/g;
      return { loader: 'ts', contents: source.replace(calls, (_, file) => `(${text(file)})`) };
    }),
};
