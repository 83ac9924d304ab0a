import { absolutePath, fileMode, flag, ownership, text, wholeText } from '../engine/module-kit/argument.ts';
import { defineModule } from '../engine/module-kit/define-module.ts';
import { attributesOf, pathClaims } from '../engine/module-kit/path-claims.ts';
import { textOf } from '../engine/module-kit/state-text.ts';
import { content, path } from '../engine/probe.ts';
import { defined } from '../engine/util/defined.ts';
import { attributesStep, pathState, wantedType } from './_files.ts';

/** A regular file. Without declared content, only its attributes are managed, and a new file is empty. */
export const file = defineModule({
  name: 'file',
  summary: 'A regular file: its content, owner and mode.',
  args: {
    path: { ...absolutePath, description: 'Path of the file on the host; its directory must exist.' },
    ...wholeText(
      'Content of the file. Without `content`, `src` and `template`, the content stays unchanged. A file with new content replaces the old one, which stays behind other hard links and behind mounts in containers.',
    ),
    ...ownership('the file'),
    mode: { ...fileMode, description: 'Permissions in octal; a new file has 0644.' },
    validate: text(
      'Command that checks the new file before it replaces the old one; `%s` is the staged file.',
      {
        pattern: '%s',
      },
    ),
    backup: flag('Whether the old file is kept, as `PATH.~TIME~` in the same directory.', {
      default: false,
    }),
  },
  required: ['path'],
  absent: 'removes it',
  files: { src: 'src', template: true },
  secrets: {
    in: ['content'],
    exposes: ({ path, mode }) =>
      mode !== undefined && (Number.parseInt(mode, 8) & 0o006) === 0
        ? undefined
        : {
            message: `Every account of the host could read the secret in ${path}: its mode is ${mode ?? 'not declared, and a new file has 0644'}.`,
            hint: 'Give the file a mode such as mode: "0600".',
          },
  },
  examples: {
    'A short text': { path: '/etc/motd', content: 'Managed by reconcile.\n', mode: '0644' },
    'A template with secrets, readable by one account': {
      path: '/srv/app/.env',
      template: 'env.j2',
      owner: 'www-data',
      group: 'www-data',
      mode: '0600',
    },
    'A file that a program validates': {
      path: '/etc/sudoers.d/deploy',
      src: 'sudoers',
      mode: '0440',
      validate: 'visudo -cf %s',
    },
    'No such file': { path: '/etc/nginx/conf.d/old.conf', state: 'absent' },
  },
  identity: args => args.path,
  refine: args =>
    args.validate !== undefined && (args.content ?? args.src ?? args.template) === undefined
      ? [{ at: 'validate', says: 'validate checks new content: give content, src or template too.' }]
      : [],
  probes: args => ({
    path: path(args.path),
    content: args.content === undefined ? undefined : content(args.path),
  }),
  actual: ({ path, content }) => path && pathState(path, 'file', content ? { content } : {}),
  desired: (args, read) => ({
    ...wantedType(read?.path, 'file'),
    ...(args.content === undefined
      ? read && read.path?.type !== 'file' && { content: textOf('') }
      : { content: textOf(args.content) }),
    ...attributesOf(args),
  }),
  obstacles: (args, { path }, { kind }) =>
    kind === 'remove' && path?.type === 'directory'
      ? [{ says: `${args.path} is a directory, which only a resource \`directory\` removes.` }]
      : [],
  steps: (diff, args) => {
    if (!diff.has('content')) return [attributesStep(args.path, diff, args)];
    const { path, content = '', validate, backup } = args;
    const how = defined({ validate, backup: backup || undefined });
    return [{ do: 'write', path, content, ...attributesOf(args), ...how }];
  },
  remove: args => [{ do: 'remove', path: args.path }],
  removal: {
    refine: args =>
      (args.content ?? args.src ?? args.template) === undefined
        ? []
        : [{ at: 'state', says: 'A file with `state: absent` has no content.' }],
    probes: args => ({ path: path(args.path) }),
    actual: ({ path }) => path && { type: path.type },
  },
  claims: args => pathClaims(args.path, 'file', args, () => args.content),
});
