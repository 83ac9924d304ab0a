// Creates a module: its file, a first case, and its line in the registry. Usage: npm run new-module NAME
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const [name] = process.argv.slice(2);
const registry = 'modules/_all.ts';

const refusal = refuse(name);
if (refusal === undefined) scaffold(name!);
else {
  console.error(refusal);
  process.exitCode = 1;
}

function refuse(name: string | undefined): string | undefined {
  if (name === undefined) return 'Usage: npm run new-module NAME';
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name))
    return `"${name}" is not a name such as pg_role: singular, in snake_case.`;
  return existsSync(`modules/${name}.ts`) ? `modules/${name}.ts is there already.` : undefined;
}

function scaffold(name: string): void {
  write(`modules/${name}.ts`, moduleText(name));
  mkdirSync(`test/modules/${name}`, { recursive: true });
  write(`test/modules/${name}/created.yml`, caseText(name));
  write(registry, registered(readFileSync(registry, 'utf8'), name));
  console.log('Next: npm run gen, then npx vitest run --project unit test/modules');
}

function write(path: string, text: string): void {
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
}

/** Returns the registry with one more line, in alphabetical order. */
function registered(text: string, name: string): string {
  const lines = text.split('\n').filter(line => line !== '');
  return [...lines, `export { ${name} } from './${name}.ts';`].toSorted().join('\n') + '\n';
}

function moduleText(name: string): string {
  return `import { absolutePath, fileMode } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { pathClaims } from '../engine/module-kit/path-claims.ts';
import { path } from '../engine/probe.ts';
import { pathState, wantedType } from './_files.ts';

export const ${name} = defineModule({
  name: '${name}',
  summary: 'What it is, in one sentence.',
  args: {
    path: { ...absolutePath, description: 'Where it is on the host.' },
    mode: { ...fileMode, default: '0755', description: 'Permissions in octal.' },
  },
  required: ['path'],
  absent: 'removes it when it is empty',
  examples: { 'The simplest one': { path: '/srv/app' } },
  identity: args => args.path,
  probes: args => ({ found: path(args.path) }),
  actual: ({ found }) => found && pathState(found, 'directory'),
  desired: (args, read) => ({ ...wantedType(read?.found, 'directory'), mode: args.mode }),
  steps: (_diff, args) => [{ do: 'directory', path: args.path, mode: args.mode }],
  remove: args => [{ do: 'remove', path: args.path, empty: true }],
  claims: args => pathClaims(args.path, 'directory', args),
});
`;
}

function caseText(name: string): string {
  return `title: a ${name} that is not there is created
args: { path: /srv/app }
read:
  found: null
changes: ['+ mode 0755']
steps:
  - { do: directory, path: /srv/app, mode: "0755" }
`;
}
