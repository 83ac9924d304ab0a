import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import { ownCommand } from '../util/own-command.ts';
import { statOf } from '../util/stat.ts';
import type { Io } from './io.ts';
import { packageFolder } from './package-folder.ts';

const site = `# yaml-language-server: $schema=.reconcile/playbook.schema.json
# The state of hosts. These resources need no server and no root: they are in ~/reconcile-first on this machine.
name: First steps
hosts: localhost
become: false
vars:
  folder: "{{ env('HOME') }}/reconcile-first"

resources:
  - name: Folder
    directory: { path: "{{ folder }}", mode: "0755" }
  - name: Greeting
    file: { path: "{{ folder }}/hello.txt", content: "Hello from {{ facts.hostname }}\\n" }

# On a server of the inventory, with root:
#
# name: A site
# hosts: web
# become: true
# resources:
#   - apt: { packages: [nginx], update_cache: 1h }
#   - service: { name: nginx, enabled: true, state: running }
`;

const inventory = `# yaml-language-server: $schema=.reconcile/inventory.schema.json
# The hosts, and how to reach them. Where a key is left out, ~/.ssh/config decides.
hosts:
  # This machine, for site.yml. \`hosts: all\` includes it: remove this line when servers follow, or name their group.
  localhost: { transport: local }
  # web1: { address: 203.0.113.11, user: deploy }
# groups:
#   web: { hosts: [web1] }
`;

const secretsIgnored = `# Files in this folder stay out of version control. A file that \`reconcile secrets\` has encrypted may go in: git add -f
*
!.gitignore
!*.example.yml
`;

type Files = Readonly<Record<string, string>>;

/**
 * Creates a project that runs at once, in a folder without any of its files. With `examples`, its playbooks are those of the
 * package. With `schemas`, only writes the schemas again. If it throws a ProblemError, it has written nothing.
 */
export async function init(
  folder: string,
  options: { schemas?: boolean; examples?: boolean },
  io: Io,
): Promise<number> {
  const at = folder === '' ? '.' : folder;
  if (isThere(at) && !isFolder(at)) {
    const hint = `Name a folder that is new or empty:\n    ${ownCommand()} init my-servers`;
    throw new ProblemError({ code: 'usage', message: `"${at}" is not a folder; nothing was written.`, hint });
  }
  const schemas = await schemaFiles();
  if (options.schemas === true) {
    write(at, schemas, 'w');
    io.stdout.write(`Wrote ${Object.keys(schemas).join(', ')} in ${at}.\n`);
    return 0;
  }
  const files: Files = {
    ...(options.examples ? exampleFiles() : { 'site.yml': site, 'inventory.yml': inventory }),
    'secrets/.gitignore': secretsIgnored,
    '.vscode/settings.json': json({
      'yaml.schemas': { './.reconcile/component.schema.json': 'components/*.yml' },
    }),
    ...schemas,
  };
  const there = [...new Set(Object.keys(files).flatMap(file => inTheWay(at, file) ?? []))];
  if (there.length > 0) {
    const message = `${at === '.' ? 'This folder' : at} already has ${there.join(', ')}; nothing was written.`;
    const hint = `Name a folder that is new or empty:\n    ${ownCommand()} init my-servers`;
    throw new ProblemError({ code: 'usage', message, hint });
  }
  write(at, files);
  const [playbooks, first] = options.examples
    ? ['*.yml                  the example playbooks, and the folders that they use', 'hello.yml']
    : ['site.yml               a playbook for this machine', 'site.yml'];
  io.stdout.write(`Made in ${at}:
  ${playbooks}
  inventory.yml          the hosts
  secrets/.gitignore     keeps secrets out of version control
  .vscode/settings.json  the editor's settings
  .reconcile/            the schemas by which editors complete and check

Next:
${at === '.' ? '' : `    ${shellCommand(['cd', at])}\n`}    ${ownCommand()} apply ${first} --check    # what would change
    ${ownCommand()} apply ${first}            # change it
`);
  return 0;
}

/** Returns the example playbooks of the package and the files that they use, with the paths of this project's schemas. */
function exampleFiles(): Files {
  const from = join(packageFolder(), 'playbooks');
  // The package holds secrets/.npmignore, as npm renames .gitignore. A user's own secrets are not copied.
  const names = readdirSync(from, { recursive: true, encoding: 'utf8' }).filter(
    name =>
      !isFolder(join(from, name)) && !/(^|\/)\./.test(name) && !/^secrets\/(?!.*\.example\.yml$)/.test(name),
  );
  const textOf = (name: string) =>
    readFileSync(join(from, name), 'utf8').replace(/(\$schema=(?:\.\.\/)*)\.\.\/schemas\//, '$1.reconcile/');
  return Object.fromEntries(names.map(name => [name, textOf(name)]));
}

async function schemaFiles(): Promise<Files> {
  const [{ modules }, schemas] = await Promise.all([
    import('../../modules/index.ts'),
    import('../playbook/editor-schema.ts'),
  ]);
  return {
    '.reconcile/playbook.schema.json': json(schemas.playbookSchema(modules)),
    '.reconcile/component.schema.json': json(schemas.componentSchema(modules)),
    '.reconcile/inventory.schema.json': json(schemas.inventorySchema()),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Returns the part of a file's path where another thing exists already, or undefined if the file can be created. */
function inTheWay(folder: string, file: string): string | undefined {
  const above = dirname(file);
  if (above !== '.' && isThere(join(folder, above)) && !isFolder(join(folder, above))) return above;
  return isThere(join(folder, file)) ? file : undefined;
}

/** Whether a path exists, even as a dangling link. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  try {
    return statOf(path)?.isDirectory() === true;
  } catch {
    return false;
  }
}

/** Writes files: new ones, unless `flag` is `w`. After a failure, removes the new ones and throws a ProblemError. */
function write(folder: string, files: Files, flag: 'wx' | 'w' = 'wx'): void {
  const undo: (() => void)[] = [];
  // Creates one folder after the other: Node's `recursive` never ends in /proc.
  const makeFolder = (path: string): void => {
    if (isFolder(path)) return;
    if (dirname(path) !== path && !isThere(path)) makeFolder(dirname(path));
    mkdirSync(path);
    undo.push(() => rmdirSync(path));
  };
  let current = folder;
  try {
    for (const [file, text] of Object.entries(files)) {
      const path = join(folder, file);
      current = path;
      makeFolder(resolve(dirname(path)));
      const descriptor = openSync(path, flag);
      if (flag === 'wx') undo.push(() => rmSync(path, { force: true }));
      try {
        writeFileSync(descriptor, text);
      } finally {
        closeSync(descriptor);
      }
    }
  } catch (thrown) {
    for (const each of undo.toReversed()) each();
    // `EACCES: permission denied, mkdir '/srv/x'`
    const [, reason] = /^\w+: ([^,]+)/.exec((thrown as Error).message) ?? [];
    const message = `"${current}" could not be written: ${reason ?? (thrown as Error).message}.`;
    throw new ProblemError({ code: 'usage', message, hint: 'Name a folder that you can write to.' });
  }
}
