import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import type { Io } from './io.ts';

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

/** Makes a project that runs at once, in a folder that has none of its files. Throws a ProblemError and writes nothing else. */
export async function init(folder: string, io: Io): Promise<number> {
  const [{ modules }, schemas] = await Promise.all([
    import('../../modules/index.ts'),
    import('../playbook/editor-schema.ts'),
  ]);
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const files: Readonly<Record<string, string>> = {
    'site.yml': site,
    'inventory.yml': inventory,
    'secrets/.gitignore': secretsIgnored,
    '.vscode/settings.json': json({
      'yaml.schemas': { './.reconcile/component.schema.json': 'components/*.yml' },
    }),
    '.reconcile/playbook.schema.json': json(schemas.playbookSchema(modules)),
    '.reconcile/component.schema.json': json(schemas.componentSchema(modules)),
    '.reconcile/inventory.schema.json': json(schemas.inventorySchema()),
  };
  const there = Object.keys(files).filter(file => existsSync(join(folder, file)));
  if (there.length > 0) {
    const message = `${folder === '.' ? 'This folder' : folder} already has ${there.join(', ')}; nothing was written.`;
    const hint = 'Name a folder that is new or empty: reconcile init my-servers';
    throw new ProblemError({ code: 'usage', message, hint });
  }
  for (const [file, text] of Object.entries(files)) write(join(folder, file), text);
  const go = folder === '.' ? '' : `    cd ${shellCommand([folder])}\n`;
  const made = Object.keys(files).filter(file => !file.startsWith('.'));
  io.stdout.write(
    `Made in ${folder}: ${made.join(', ')}, and settings for editors.\n\nNext:\n${go}    reconcile apply site.yml --check    # what would change\n    reconcile apply site.yml            # change it\n`,
  );
  return 0;
}

function write(file: string, text: string): void {
  try {
    makeFolder(dirname(file));
    writeFileSync(file, text, { flag: 'wx' });
  } catch (thrown) {
    const message = `${file} could not be written: ${(thrown as Error).message}.`;
    throw new ProblemError({ code: 'usage', message });
  }
}

/** Node's own recursive mkdir never ends where nothing can be made, such as below /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
}
