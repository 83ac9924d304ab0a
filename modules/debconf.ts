import { createHash, scryptSync } from 'node:crypto';
import { anyOf, flag, text } from '../engine/module-kit/argument.ts';
import { defineModule, type Given } from '../engine/module-kit/define-module.ts';
import { command, content, installedPackage, type PackageState } from '../engine/probe.ts';
import { stateDirectory } from '../engine/state-directory.ts';
import { memoized } from '../engine/util/memoized.ts';
import { scriptBeside, withVariables } from '../engine/util/text-beside.ts';

// debconf-set-selections reads a line for each answer, and joins a line that ends in a backslash with the next.
const line = { type: 'string', pattern: '^([^\\s]|[^\\s][^\\n]*[^\\s\\\\])?$' } as const;
const questions = { propertyNames: { pattern: '^[a-z0-9][a-z0-9+.-]*/[^\\s]+$' } } as const;

const args = {
  package: text('Name of the package that asks.', { pattern: '^[a-z0-9][a-z0-9+.-]+$' }),
  answers: {
    type: 'object',
    ...questions,
    additionalProperties: anyOf(
      [line, { type: 'boolean' }, { type: 'integer' }, { type: 'array', items: line }],
      'An answer; a list for a question with several.',
    ),
    description: 'Answers by the names of the questions, as `debconf-show PACKAGE` lists them.',
  },
  passwords: {
    type: 'object',
    ...questions,
    additionalProperties: line,
    description: 'Passwords by the names of the questions. Only root can read them.',
  },
  reconfigure: flag(
    'Whether a package that is installed already is configured again, so that it uses new answers.',
    { default: false },
  ),
} as const;
type Arguments = Given<typeof args, 'package'>;

/** Answers for a package that is installed later. A package may change its answers, or clear passwords, when it uses them. */
export const debconf = defineModule({
  name: 'debconf',
  summary: 'Answers to the questions that a package asks when it is installed.',
  args,
  required: ['package'],
  together: ['It stands before the `apt` that installs the package.'],
  examples: {
    'A mail server that only sends': {
      package: 'postfix',
      answers: { 'postfix/main_mailer_type': 'Internet Site', 'postfix/mailname': 'mail.example.com' },
    },
    'A password': {
      package: 'slapd',
      passwords: { 'slapd/password1': 's3cret', 'slapd/password2': 's3cret' },
    },
    'A package that is installed already': {
      package: 'unattended-upgrades',
      answers: { 'unattended-upgrades/enable_auto_updates': true },
      reconfigure: true,
    },
  },
  identity: args => args.package,
  secrets: {
    in: ['passwords'],
    instead: 'Put it under `passwords`: every account of the host can read the other answers.',
  },
  refine: ({ answers = {}, passwords = {} }) => [
    Object.keys({ ...answers, ...passwords }).length === 0 && { says: 'Give answers or passwords.' },
    Object.keys(passwords)
      .filter(question => question in answers)
      .map(question => ({ at: 'passwords', says: `${question} has an answer already.` })),
  ],
  probes: args => ({
    package: installedPackage(args.package),
    used: content(noteOf(args)),
    answers: command(
      withVariables(answersScript, {
        questions: itemsOf(args)
          .map(({ question }) => question)
          .join(' '),
      }),
      { about: [`package:${args.package}`, args.package, 'debconf-set-selections', ...objectsOf(args)] },
    ),
  }),
  actual: (read, args) => {
    const note = String(read.used?.bytes ?? '').trim();
    if (isInstalled(read.package) && note === digestOf(args)) return declared(args);
    const found = answersIn(read.answers.stdout);
    if (!isInstalled(read.package) && found.size === 0) return null;
    return {
      ...Object.fromEntries(
        itemsOf(args).map(item => [item.question, shown(item, found.get(item.question))]),
      ),
      used: !isInstalled(read.package) || note === '',
    };
  },
  desired: declared,
  obstacles: (args, read, diff) => {
    if (!isInstalled(read.package)) return [];
    const found = answersIn(read.answers.stdout);
    const unknown = itemsOf(args).filter(({ question }) => read.answers.exit === 0 && !found.has(question));
    return [
      ...unknown.map(({ question }) => ({
        says: `${args.package} asks no question ${question}.`,
        fix: `List its questions with \`debconf-show ${args.package}\`.`,
      })),
      !args.reconfigure &&
        diff.changes.length > 0 && {
          says: `${args.package} is installed already: it uses new answers only when it is configured again.`,
          fix: 'Declare the answers before the resource that installs it, or set reconfigure: true.',
        },
    ];
  },
  steps: (_diff, args, read) => {
    const again = isInstalled(read.package);
    const note = (content: string) =>
      ({
        do: 'write',
        path: noteOf(args),
        content: `${content}\n`,
        owner: 'root',
        group: 'root',
        mode: '0600',
      }) as const;
    return [
      { do: 'directory', path: notes, owner: 'root', group: 'root', mode: '0700' },
      // A cut before the end must not look as if the package had used the answers.
      again && note('not used yet'),
      {
        do: 'run',
        label: 'debconf-set-selections',
        command: withVariables(setScript, { package: args.package }),
        input: itemsOf(args)
          .map(({ question, type, value }) => `${question} ${type} ${value}\n`)
          .join(''),
        undo: {},
        touches: [
          { kind: 'below', path: '/var/cache/debconf' },
          { kind: 'objects', names: objectsOf(args) },
        ],
      },
      again && {
        do: 'run',
        command: ['dpkg-reconfigure', '-f', 'noninteractive', args.package],
        env: { DEBIAN_FRONTEND: 'noninteractive' },
      },
      note(digestOf(args)),
    ];
  },
  claims: args =>
    Object.fromEntries(
      itemsOf(args).map(({ question, value }) => [`the answer to ${question}`, sha256(value)]),
    ),
});

const answersScript = scriptBeside(import.meta.url, './debconf-answers.sh');
const setScript = scriptBeside(import.meta.url, './debconf-set.sh');
const notes = `${stateDirectory}/answers`;
/** The digest of the answers that were set last. It outlives them: packages change the answers that they have used. */
const noteOf = (args: Arguments) => `${notes}/${args.package}`;

const isInstalled = (state: PackageState | null) => state?.status === 'installed';
const sha256 = (value: string) => createHash('sha256').update(value).digest('hex');

interface Item {
  question: string;
  /** The type of a question that debconf does not know yet. */
  type: 'boolean' | 'multiselect' | 'password' | 'string';
  value: string;
}

const itemsOf = memoized(({ answers = {}, passwords = {} }: Arguments): Item[] => [
  ...Object.entries(answers).map(([question, answer]): Item => {
    const type = Array.isArray(answer) ? 'multiselect' : typeof answer === 'boolean' ? 'boolean' : 'string';
    return { question, type, value: [answer].flat().join(', ') };
  }),
  ...Object.entries(passwords).map(([question, value]): Item => ({ question, type: 'password', value })),
]);

const objectsOf = (args: Arguments) => itemsOf(args).map(({ question }) => `answer:${question}`);

function declared(args: Arguments) {
  const values = itemsOf(args).map(item => [item.question, item.type === 'password' ? 'set' : item.value]);
  return { ...Object.fromEntries(values), used: args.reconfigure || undefined };
}

/** Returns the answer on the host as the state shows it; undefined if there is none. */
function shown({ type, value }: Item, found = ''): string | undefined {
  if (found === '' && value !== '') return undefined;
  if (type === 'password') return found === sha256(value) || found === value ? 'set' : 'another';
  const items = (text: string) => text.split(', ').toSorted().join();
  return type === 'multiselect' && items(found) === items(value) ? value : found;
}

const answersIn = (printed: string) =>
  new Map([...printed.matchAll(/^([^\t\n]+)\t(.*)$/gm)].map(([, question, answer]) => [question!, answer!]));

/** Returns a digest of all answers, from which nobody can guess a password quickly. */
const digestOf = memoized((args: Arguments): string => {
  const hashed = itemsOf(args).map(({ question, type, value }) => [
    question,
    type === 'password'
      ? scryptSync(value, `${args.package} ${question}`, 32, { N: 4096 }).toString('hex')
      : value,
  ]);
  return sha256(JSON.stringify(hashed.toSorted()));
});
