import type { Effect } from '../engine/effect.ts';
import { absolutePath, flag, text, whole } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { command, Missing } from '../engine/probe.ts';
import type { RunStep } from '../engine/step.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';

const args = {
  name: text('Name of the group, such as `editor`.', { pattern: '^[A-Za-z0-9][A-Za-z0-9+._-]*$' }),
  path: { ...absolutePath, description: 'The program or file of the group that is used.' },
  auto: flag('Whether the one with the highest priority is used, in the place of a chosen one.', {
    default: false,
  }),
  link: { ...absolutePath, description: 'The common link, for a `path` that no package has registered.' },
  priority: whole('Priority of such a `path`.'),
} as const;
type Arguments = Given<typeof args, 'name'>;

/** The choice of an administrator among the programs for one purpose, which packages register. */
export const alternatives = defineModule({
  name: 'alternatives',
  summary: 'The program that is used among several for the same purpose, by update-alternatives.',
  args,
  required: ['name'],
  absent: 'removes `path` from the group',
  together: ['`path` or `auto: true`.', '`link` and `priority` go with a `path`, which they register.'],
  examples: {
    'The editor of the host': { name: 'editor', path: '/usr/bin/vim.basic' },
    'A program that no package has registered': {
      name: 'node',
      path: '/opt/node/bin/node',
      link: '/usr/local/bin/node',
      priority: 100,
    },
    'The one with the highest priority': { name: 'editor', auto: true },
    'Removed from its group': { name: 'node', path: '/opt/node/bin/node', state: 'absent' },
  },
  identity: ({ name, path = 'auto' }) => `${name} ${path}`,
  refine: ({ path, auto, link, priority }) => [
    path === undefined && !auto && { says: 'Give the path, or auto: true.' },
    (link === undefined) !== (priority === undefined) && {
      at: link === undefined ? 'priority' : 'link',
      says: 'Give both link and priority, or neither.',
    },
    path === undefined && link !== undefined && { at: 'link', says: 'Give the path that is registered.' },
    path !== undefined &&
      auto &&
      link === undefined && {
        at: 'auto',
        says: 'Give either path or auto: true; or link and priority to register path.',
      },
  ],
  probes: args => ({ query: queryOf(args) }),
  actual: ({ query }, { name, path, link, auto }) => {
    const group = groupIn(query.stdout);
    if (link === undefined && (group === undefined || (path !== undefined && !group.candidates.has(path))))
      return new Missing(
        path === undefined ? `a group of alternatives ${name}` : `the alternative ${path} of ${name}`,
        ['package:*'],
        'Install the package that brings it in an earlier resource, or give link and priority.',
      );
    if (group === undefined) return null;
    return {
      path: auto ? path && (group.candidates.has(path) ? path : 'not registered') : group.value,
      mode: group.mode,
      priority: path === undefined ? undefined : group.candidates.get(path)?.priority,
      link: group.link,
      'the link leads to': group.leads || 'nothing',
    };
  },
  desired: ({ name, path, auto, link, priority }, read) => ({
    ...{ path, mode: auto ? 'auto' : 'manual', priority, link },
    'the link leads to': read && groupIn(read.query.stdout) && `/etc/alternatives/${name}`,
  }),
  obstacles: ({ name }, { query }) => {
    const group = groupIn(query.stdout);
    return [
      group?.leads === 'file' && {
        says: `${group.link} is not the link of ${name}, and update-alternatives does not replace it.`,
        fix: 'Declare it as absent in an earlier resource.',
      },
    ];
  },
  steps: (diff, args, { query }) => {
    const { name, path, auto, link, priority } = args;
    const group = groupIn(query.stdout);
    const run = (undo: readonly string[] | undefined, ...words: string[]): RunStep => ({
      do: 'run',
      command: ['update-alternatives', ...words],
      undo: undo ? { after: ['update-alternatives', ...undo] } : {},
      touches: touched(args, group),
    });
    const known = path === undefined ? undefined : group?.candidates.get(path);
    const registers =
      link !== undefined && path !== undefined && (!known || diff.has('priority') || diff.has('link'));
    // Without them, a new priority would take away the links that go along, such as that of the manual page.
    const slaves = [...(known?.slaves ?? [])].flatMap(([slave, at]) => [
      '--slave',
      group!.slaves.get(slave)!,
      slave,
      at,
    ]);
    const back = group && (group.mode.startsWith('auto') ? ['--auto', name] : ['--set', name, group.value]);
    const chooses = diff.has('mode') || diff.has('path') || diff.has('the link leads to');
    return [
      registers && {
        ...run(
          known ? undefined : ['--remove', name, path],
          '--install',
          link,
          name,
          path,
          `${priority}`,
          ...slaves,
        ),
        reads: [path],
      },
      chooses && (auto ? run(back, '--auto', name) : run(back, '--set', name, path!)),
    ];
  },
  removal: {
    refine: ({ path }) => [path === undefined && { says: 'Give the path that is removed from the group.' }],
    actual: ({ query }, { path }) => (groupIn(query.stdout)?.candidates.has(path!) ? { path } : null),
    claims: () => ({}),
  },
  remove: (args, { query }) => {
    const group = groupIn(query.stdout);
    return [
      {
        do: 'run',
        command: ['update-alternatives', '--remove', args.name, args.path!],
        touches: touched(args, group),
      },
    ];
  },
  claims: ({ name, path, auto }) => ({ [`the alternative for ${name}`]: auto ? 'auto' : path! }),
  unproven: ({ name }) =>
    `update-alternatives left ${name} as it is: \`update-alternatives --display ${name}\` shows why.`,
});

const queryScript = scriptBeside(import.meta.url, './alternatives-query.sh');

/** Packages change an automatic choice, and bring the paths that they register, but leave a chosen path as it is. */
const queryOf = ({ name, auto, link }: Arguments) => {
  const places = [`/var/lib/dpkg/alternatives/${name}`, `/etc/alternatives/${name}`, link ?? ''].filter(
    Boolean,
  );
  const packages = auto || link === undefined ? ['packages'] : [];
  return command(withVariables(queryScript, { group: name }), {
    about: [...packages, 'update-alternatives', ...places],
  });
};

interface Candidate {
  priority: number;
  /** The paths of the files that go along, by the names of their links. */
  slaves: ReadonlyMap<string, string>;
}

/** Returns a group in the output of `queryScript`, or undefined if there is none. */
function groupIn(printed: string) {
  const [file = '', links = ''] = printed.split('\f');
  const [mode = '', link = '', ...lines] = file.split('\n');
  if (link === '') return undefined;
  const end = lines.indexOf('');
  const slaves = new Map(pairsOf(lines.slice(0, end)));
  const names = [...slaves.keys()];
  const candidates = new Map<string, Candidate>();
  for (let at = end + 1; (lines[at] ?? '') !== ''; at += 2 + names.length) {
    const own = names
      .map((name, i) => [name, lines[at + 2 + i] ?? ''] as const)
      .filter(([, path]) => path !== '');
    candidates.set(lines[at]!, { priority: Number(lines[at + 1]), slaves: new Map(own) });
  }
  const targetOf = (path: string) => {
    const [, type, target] =
      links
        .split('\n')
        .map(each => each.split('\t'))
        .find(([at]) => at === path) ?? [];
    return type === 'l' ? target : type && 'file';
  };
  const value = targetOf(chosenOf(links)) ?? 'none';
  const isBest = [...candidates.values()].every(
    ({ priority }) => priority <= (candidates.get(value)?.priority ?? Number.NEGATIVE_INFINITY),
  );
  return {
    ...{ link, value, slaves, candidates, leads: targetOf(link) },
    // A link that somebody changed by hand.
    mode: mode === 'auto' && !isBest ? `auto, but ${value}` : mode,
  };
}

/** Returns the link that names the choice, which lies in /etc/alternatives. */
const chosenOf = (links: string): string => /^\/etc\/alternatives\/[^\t\n]+/m.exec(links)?.[0] ?? '';

const pairsOf = (lines: readonly string[]): [string, string][] =>
  lines.flatMap((name, at) => (at % 2 === 0 ? [[name, lines[at + 1] ?? '']] : []));

/** Returns the effects of a change: the links of a group and of what goes along, and its description. */
function touched({ name, link }: Arguments, group: ReturnType<typeof groupIn>): Effect[] {
  const names = [name, ...(group?.slaves.keys() ?? [])].map(each => `/etc/alternatives/${each}`);
  const links = [link ?? group?.link, group?.link, ...(group?.slaves.values() ?? [])];
  const paths = [...names, ...links, `/var/lib/dpkg/alternatives/${name}`];
  return [...new Set(paths)].flatMap(path => (path ? [{ kind: 'below', path } as const] : []));
}
