import { defineModule } from '../engine/module.ts';
import { text } from '../engine/plan/diff.ts';
import { type Content, content, type PathState, type Probe, path } from '../engine/probe.ts';
import {
  absolutePath,
  attributesOf,
  attributesStep,
  fileMode,
  ownership,
  pathClaims,
  pathState,
  refuse,
  wantedType,
} from './_files.ts';

/** A regular file; without content only its attributes are managed, and it is created empty. */
export const file = defineModule({
  name: 'file',
  summary: 'A regular file: its content, owner and mode.',
  args: {
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: { ...absolutePath, description: 'Path of the file on the host; its directory must exist.' },
      content: {
        type: 'string',
        description:
          'What the file holds. Without `content`, `src` and `template` what it holds stays as it is.',
      },
      src: {
        type: 'string',
        minLength: 1,
        description: 'A file beside the playbook that is copied as it is.',
      },
      template: {
        type: 'string',
        minLength: 1,
        description: 'A file in `templates/` beside the playbook that is rendered.',
      },
      ...ownership('the file'),
      mode: { ...fileMode, description: 'Permissions in octal; a new file has 0644.' },
      validate: {
        type: 'string',
        pattern: '%s',
        description: 'Command that checks the new file before it takes its place; `%s` is the staged file.',
      },
      backup: {
        type: 'boolean',
        default: false,
        description: 'Whether the file that is replaced is kept, as `PATH.~TIME~` in the same directory.',
      },
      state: { enum: ['present', 'absent'], default: 'present', description: 'Whether the file exists.' },
    },
  },
  files: { src: true, template: true },
  secrets: {
    in: ['content'],
    exposes: ({ path, mode }) =>
      mode !== undefined && (Number.parseInt(mode, 8) & 0o006) === 0
        ? undefined
        : {
            message: `Every account of the host could read the secret in ${path}: its mode is ${mode ?? 'not declared, and a new file has 0644'}.`,
            hint: 'Give it a mode such as mode: "0600".',
          },
  },
  examples: [
    { title: 'A short text', args: { path: '/etc/motd', content: 'Managed by reconcile.\n', mode: '0644' } },
    {
      title: 'A template with secrets, readable by one account',
      args: { path: '/srv/app/.env', template: 'env.j2', owner: 'www-data', group: 'www-data', mode: '0600' },
    },
    {
      title: 'A file that another program must find valid',
      args: { path: '/etc/sudoers.d/deploy', src: 'sudoers', mode: '0440', validate: 'visudo -cf %s' },
    },
    { title: 'No such file', args: { path: '/etc/nginx/conf.d/old.conf', state: 'absent' } },
  ],
  identity: args => args.path,
  refine: args => {
    const given = [args.content, args.src, args.template].filter(source => source !== undefined).length;
    return [
      ...(given > 1 ? ['Give one of content, src and template.'] : []),
      ...(args.state === 'absent' && given > 0 ? ['A file with `state: absent` has no content.'] : []),
      ...(args.validate !== undefined && given === 0
        ? ['validate checks new content: give content, src or template too.']
        : []),
    ];
  },
  probes: (args): { path: Probe<PathState | null>; content?: Probe<Content | null> } => ({
    path: path(args.path),
    ...(args.content === undefined || args.state === 'absent' ? {} : { content: content(args.path) }),
  }),
  actual: (read, args) => {
    if (read.path === null) return null;
    if (args.state === 'absent') return { type: read.path.type };
    return {
      ...pathState(read.path, 'file'),
      ...(read.path.type === 'file' && read.content ? { content: read.content } : {}),
    };
  },
  desired: (args, read) => {
    if (args.state === 'absent') return null;
    const created = read?.path?.type === 'file' ? {} : { content: text('') };
    return {
      ...wantedType(read?.path, 'file'),
      ...(args.content === undefined ? created : { content: text(args.content) }),
      ...attributesOf(args),
    };
  },
  steps: (diff, args, read) => {
    if (diff.kind === 'remove' && read.path?.type === 'directory')
      return [refuse(`${args.path} is a directory; it is removed only when it is declared as one.`)];
    if (diff.kind === 'remove') return [{ do: 'remove', path: args.path }];
    if (!diff.has('content')) return attributesStep(args.path, diff, args);
    return [
      {
        do: 'write',
        path: args.path,
        content: args.content ?? '',
        ...attributesOf(args),
        ...(args.validate === undefined ? {} : { validate: args.validate }),
        ...(args.backup ? { backup: true } : {}),
      },
    ];
  },
  claims: args =>
    args.state === 'absent'
      ? pathClaims(args.path, 'nothing')
      : pathClaims(args.path, 'file', args, () => args.content),
  brings: args => {
    if (args.state === 'absent') return [];
    const content = args.content === undefined ? {} : { content: Buffer.from(args.content) };
    return [{ token: `path:${args.path}`, ...content }];
  },
});
