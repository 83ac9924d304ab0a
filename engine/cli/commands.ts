import { Argument, Command, CommanderError, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type Problem, ProblemError, problemsOf } from '../problem.ts';
import { ownCommand } from '../util/own-command.ts';
import { insteadOfCommand, insteadOfOption } from './habits.ts';
import { type Io, problemText } from './io.ts';
import {
  applyOptions,
  checkOption,
  collect,
  hostOptions,
  inventoryOption,
  jsonOption,
  playbookOptions,
  secretsOption,
} from './options.ts';

/** Runs one command and returns its exit code. Writes problems to stderr. Never throws. */
export async function program(io: Io): Promise<number> {
  let exitCode = 0;
  const command = commands(io, code => {
    exitCode = code;
  });
  try {
    if (io.argv.length === 0) command.help();
    await command.parseAsync(io.argv, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError)
      return thrown.exitCode === 0 ? 0 : await tell([usage(thrown, io.argv, command)], io);
    if (!(thrown instanceof ProblemError) && io.env['RECONCILE_DEBUG'] === '1') {
      io.stderr.write(`${io.redactor.mask((thrown instanceof Error && thrown.stack) || String(thrown))}\n`);
    }
    const problems = problemsOf(thrown).map(problem => (problem.code === 'bug' ? bug(problem) : problem));
    const exitCode = await tell(problems, io);
    return thrown instanceof ProblemError ? exitCode : 1;
  }
}

/** The arguments of a command in order, then its options. */
type Words = Parameters<Parameters<Command['action']>[0]>;

interface CommandEntry {
  name: string;
  help: string;
  options?: readonly Option[];
  takes?: readonly Argument[];
  hidden?: boolean;
  /** The meaning of each word of the first argument. */
  words?: Readonly<Record<string, string>>;
  /** Returns the exit code. Imports its code, so that only the chosen command is loaded. */
  run(...words: Words): Promise<number>;
}

/** Returns the command line of the program. `done` receives the exit code of the command that ran. */
export function commands(io: Io, done: (exitCode: number) => void): Command {
  const root = new Command(ownCommand())
    .description('Brings Debian and Ubuntu servers to the state that a playbook declares, over SSH.')
    .version(packageJson.version)
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: text => io.stdout.write(text), writeErr: () => {} })
    .configureHelp({ sortSubcommands: false, helpWidth: Math.min(io.stdout.columns ?? 100, 120) })
    .addHelpText(
      'after',
      '\nExit codes: 0 as declared · 1 failed · 2 changes not applied\n            3 wrong input · 4 unreachable · 130 interrupted',
    );
  for (const { name, help, options = [], takes = [], hidden = false, words = {}, run } of entries(io, root)) {
    const command = root.command(name, { hidden }).description(help).allowExcessArguments(false);
    for (const option of options) command.addOption(option);
    for (const argument of takes) command.addArgument(argument);
    const width = Math.max(...Object.keys(words).map(word => word.length)) + 2;
    const lines = Object.entries(words).map(([word, meaning]) => `  ${word.padEnd(width)}${meaning}\n`);
    if (lines.length > 0) command.addHelpText('after', `\nActions:\n${lines.join('')}`.trimEnd());
    command.action(async (...words: Words) => done(await run(...words)));
  }
  return root;
}

/** All commands, in the order of the help. */
function entries(io: Io, root: Command): CommandEntry[] {
  return [
    {
      name: 'apply',
      help: 'bring the hosts to the declared state',
      options: [checkOption(), ...applyOptions()],
      takes: [new Argument('<playbook>', 'a playbook file or a saved plan')],
      run: async (file, options) => (await import('./apply.ts')).apply(file, options, io),
    },
    {
      name: 'plan',
      help: 'show the changes of an apply and change nothing, like apply --check',
      options: [
        new Option('-o, --output <plan.json>', 'also save the plan, to apply it later exactly as shown'),
        ...applyOptions(),
      ],
      takes: [new Argument('<playbook>', 'a playbook file')],
      run: async (file, options) => (await import('./apply.ts')).apply(file, { ...options, check: true }, io),
    },
    {
      name: 'validate',
      help: 'check playbooks without contacting any host',
      options: [...playbookOptions(), new Option('--strict', 'exit with 3 also for warnings')],
      takes: [new Argument('<playbooks...>', 'playbook files')],
      run: async (files, options) => (await import('./validate.ts')).validate(files, options, io),
    },
    {
      name: 'init',
      help: 'create a project that runs at once: playbook, inventory, editor settings',
      options: [
        new Option('--examples', 'with the example playbooks of the program, and the files that they use'),
        new Option(
          '--schemas',
          'only write the schemas for editors again, e.g. after an update of the program',
        ),
      ],
      takes: [new Argument('[folder]', 'a folder without these files; created if missing').default('.')],
      run: async (folder, options) => (await import('./init.ts')).init(folder, options, io),
    },
    {
      name: 'facts',
      help: 'facts of the hosts',
      options: [...hostOptions(), jsonOption('as JSON')],
      takes: [new Argument('[pattern]', 'only these hosts')],
      run: async (pattern, options) => (await import('./facts.ts')).facts(pattern, options, io),
    },
    {
      name: 'inventory',
      help: 'hosts, groups and values of the inventory',
      options: [
        inventoryOption(),
        secretsOption(),
        new Option('--graph', 'the groups and their hosts'),
        new Option('--explain <name>', 'the source of each value of a host, or of a variable of each host'),
        jsonOption('as JSON'),
      ],
      takes: [new Argument('[pattern]', 'only these hosts')],
      run: async (pattern, options) => (await import('./inventory.ts')).inventory(pattern, options, io),
    },
    {
      name: 'modules',
      help: 'reference of the resource types',
      takes: [new Argument('[name]', 'one module, with its arguments and examples')],
      run: async name => (await import('./modules.ts')).modules(name, io),
    },
    {
      name: 'graph',
      help: 'picture of the resources and their dependencies',
      options: [
        new Option('--format <form>', 'mermaid (the default) or svg').choices(['mermaid', 'svg']),
        new Option('-o, --output <file>', 'a file, whose ending .svg or .mmd sets the format'),
        ...playbookOptions(),
      ],
      takes: [new Argument('<playbook>', 'a playbook file')],
      run: async (file, options) => (await import('./graph.ts')).graph(file, options, io),
    },
    {
      name: 'explain',
      help: 'meaning of a problem code',
      takes: [new Argument('[code]', 'a problem code; default: all')],
      run: async code => (await import('./explain.ts')).explain(code, io),
    },
    {
      name: 'docs',
      help: 'pages of the manual',
      takes: [new Argument('[page]', 'a page; default: the list of all')],
      run: async page => (await import('./docs.ts')).docs(page, io),
    },
    {
      name: 'lock',
      help: 'leases of the hosts: show them, or release the lease of a dead run',
      options: hostOptions(),
      takes: [
        new Argument('<action>').choices(['status', 'release']),
        new Argument('<pattern>', 'these hosts'),
      ],
      words: {
        status: 'show who holds the lease of each host, and since when',
        release: 'release the lease of a run that is certainly dead',
      },
      run: async (action, pattern, options) => (await import('./lock.ts')).lock(action, pattern, options, io),
    },
    {
      name: 'secrets',
      help: 'encrypted files of secrets: keys in clear, values encrypted one by one',
      options: [
        new Option(
          '-r, --recipient <key>',
          'an age recipient, an SSH public key, or a file of them; repeatable; default: as before, or you',
        ).argParser(collect),
        new Option('--passphrase', 'encrypt with a passphrase instead'),
        new Option('--merged', 'of edit: accept a file that was merged by hand'),
      ],
      takes: [
        new Argument('<action>').choices(['init', 'edit', 'view', 'encrypt', 'decrypt', 'rotate']),
        new Argument('<file>', 'the file of secrets'),
      ],
      words: {
        init: 'create an encrypted file, and your key if you have none',
        edit: 'open the secrets in $EDITOR and encrypt them again',
        view: 'show the secrets on the terminal',
        encrypt: 'encrypt the values of a file in clear',
        decrypt: 'write the file in clear, for you alone',
        rotate: 'encrypt with a new key, for the same or for other recipients',
      },
      run: async (action, file, options) => (await import('./secrets.ts')).secrets(action, file, options, io),
    },
    {
      name: 'history',
      help: 'history of the applies on the hosts',
      options: [...hostOptions(), jsonOption('as JSON')],
      takes: [new Argument('[pattern]', 'only these hosts')],
      run: async (pattern, options) => (await import('./history.ts')).history(pattern, options, io),
    },
    {
      name: 'completion',
      help: 'completion script for a shell',
      takes: [new Argument('<shell>').choices(['bash', 'zsh', 'fish'])],
      run: async shell => (await import('./completion.ts')).completion(shell, io),
    },
    {
      name: 'complete',
      help: 'completions of the last word of a command line, for completion scripts',
      hidden: true,
      takes: [new Argument('[words...]')],
      run: async words => (await import('./complete.ts')).complete(words, root, io),
    },
  ];
}

/** Returns a message such as `error: unknown option '--chek'\n(Did you mean --check?)` as a problem. */
function usage({ message, code: kind }: CommanderError, argv: readonly string[], root: Command): Problem {
  const [sentence = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const hint = rest.join(' ').replace(/^\((.*)\)$/, '$1');
  const [, given = ''] = /'(.*)'/.exec(sentence) ?? [];
  const command = argv.find(word => !word.startsWith('-')) ?? '';
  const own = root.commands.find(each => each.name() === command)?.options ?? [];
  const optionNames = own.flatMap(({ short, long }) => [short ?? '', long ?? '']);
  const known =
    kind === 'commander.unknownOption'
      ? insteadOfOption(given, argv, optionNames)
      : kind === 'commander.unknownCommand'
        ? insteadOfCommand(given, argv)
        : undefined;
  const help =
    kind === 'commander.unknownCommand' || command === ''
      ? '`reconcile --help` lists the commands.'
      : `\`reconcile ${command} --help\` lists its arguments and options.`;
  const words = sentence.charAt(0).toUpperCase() + sentence.slice(1).replace(/\.?$/, '.');
  return {
    code: 'usage',
    message: words,
    hint: known ?? (hint || help),
  };
}

function bug({ message }: Problem): Problem {
  return {
    code: 'bug',
    message,
    hint: 'Please report it with the command you ran. With RECONCILE_DEBUG=1 the program prints the place of the error.',
  };
}

/** Writes problems to stderr, masked. Returns 3, the exit code of every problem before the first contact with a host. */
async function tell(problems: readonly Problem[], io: Io): Promise<number> {
  const { problemView } = await import('../report/view.ts');
  const shown = problems.map(problem => problemView(problem, io.redactor));
  io.stderr.write(problemText(shown, io));
  return 3;
}
