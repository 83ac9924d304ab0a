import { expect, it } from 'vitest';
import type { Module } from '../../../engine/module.ts';
import { text } from '../../../engine/module-kit/argument.ts';
import { defineModule } from '../../../engine/module-kit/define-module.ts';
import { presenceWithin } from '../../../engine/module-kit/path-claims.ts';
import { edgesOf } from '../../../engine/plan/edges.ts';
import type { Resource } from '../../../engine/resource.ts';
import { directory } from '../../../modules/directory.ts';
import { file } from '../../../modules/file.ts';

const user = defineModule({
  name: 'user',
  summary: 'An account.',
  args: { name: text('Name of the account.') },
  required: ['name'],
  examples: {},
  identity: ({ name }) => name,
});
const build = defineModule({
  name: 'build',
  summary: 'A program that creates a file.',
  args: { creates: text('Path.') },
  required: ['creates'],
  examples: {},
  identity: ({ creates }) => creates,
  claims: ({ creates }) => presenceWithin(creates),
});

function resource(module: Module, name: string, args: object, more: Partial<Resource> = {}): Resource {
  return {
    name,
    module,
    args,
    incomplete: false,
    when: true,
    at: { file: 'p.yml', line: 1, column: 1 },
    tags: [],
    needs: [],
    groups: [],
    within: [],
    onFailure: 'stop',
    retry: { attempts: 1, delayS: 0 },
    secrets: [],
    ...more,
  };
}

const edges = (resources: Resource[]) =>
  edgesOf(resources).map(({ from, to, kind }) => `${from.name} ${kind} ${to.name}`);

it('a path follows the nearest folder above it, and the account that owns it', () => {
  const resources = [
    resource(user, 'Account', { name: 'app' }),
    resource(directory, 'Folder', { path: '/srv/app', owner: 'app' }),
    resource(directory, 'Settings', { path: '/srv/app/conf' }),
    resource(file, 'A setting', { path: '/srv/app/conf/a', content: 'a' }),
    resource(build, 'Program', { creates: '/srv/app/bin/app' }),
    resource(file, 'Elsewhere', { path: '/srv/application', content: 'a' }),
  ];
  expect(edges(resources)).toEqual([
    'Account after Folder',
    'Folder after Settings',
    'Settings after A setting',
    'Folder after Program',
  ]);
});

it('a path neither follows a folder below it in the playbook nor one that is removed or skipped', () => {
  const content = { path: '/srv/app/a', content: 'a' };
  const later = resource(directory, 'Folder', { path: '/srv/app' });
  expect(edges([resource(file, 'File', content), later])).toEqual([]);
  const skipped = resource(directory, 'Folder', { path: '/srv/app' }, { when: false });
  expect(edges([skipped, resource(file, 'File', content)])).toEqual([]);
  const removed = resource(directory, 'Folder', { path: '/srv/app', state: 'absent' });
  expect(edges([removed, resource(file, 'File', content)])).toEqual([]);
});
