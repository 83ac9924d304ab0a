import { Argument, Command, CommanderError, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type Problem, ProblemError, problemsOf } from '../problem.ts';
import { type Io, isColorful } from './io.ts';
import {
  collect,
  durationMs,
  inventoryOption,
  loginOptions,
  playbookOptions,
  positive,
  secretsOption,
} from './options.ts';

/** Runs one command and returns its exit code; what goes wrong is told on stderr. Never throws. */
export async function program(io: Io): Promise<number> {
  try {
    let exitCode = 0;
    const command = commands(io, code => {
      exitCode = code;
    });
    if (io.argv.length === 0) command.help();
    await command.parseAsync(io.argv, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : await tell([usage(thrown)], io);
    if (!(thrown instanceof ProblemError) && io.env['RECONCILE_DEBUG'] === '1') {
      io.stderr.write(`${io.redactor.mask((thrown instanceof Error && thrown.stack) || String(thrown))}\n`);
    }
    const problems = problemsOf(thrown).map(problem => (problem.code === 'bug' ? bug(problem) : problem));
    const exitCode = await tell(problems, io);
    return thrown instanceof ProblemError ? exitCode : 1;
  }
}

/** All commands; `done` is given the exit code of the one that ran. Their code is loaded only when it is needed. */
export function commands(io: Io, done: (exitCode: number) => void): Command {
  const root = new Command('reconcile')
    .description('Brings Debian and Ubuntu servers to the state that a playbook declares, over SSH.')
    .version(packageJson.version)
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: text => io.stdout.write(text), writeErr: () => {} })
    .configureHelp({ sortSubcommands: false, helpWidth: Math.min(io.stdout.columns ?? 100, 120) })
    .addHelpText(
      'after',
      '\nExit codes: 0 as declared · 1 failed · 2 a check found changes · 3 wrong input · 4 unreachable · 130 interrupted',
    );
  const verb = (name: string, description: string, options: readonly Option[] = []) => {
    const command = root.command(name).description(description).allowExcessArguments(false);
    for (const option of options) command.addOption(option);
    return command;
  };

  verb('apply', 'bring the hosts to the declared state', [checkOption(), ...applyOptions()])
    .argument('<playbook>', 'a playbook file, or a plan that was saved')
    .action(async (file, options) => done(await (await import('./apply.ts')).apply(file, options, io)));
  verb('plan', 'show what would change, change nothing: the same as apply --check', [
    new Option('-o, --output <plan.json>', 'also save it, to be applied later as it was shown'),
    ...applyOptions(),
  ])
    .argument('<playbook>', 'a playbook file')
    .action(async (file, options) => {
      done(await (await import('./apply.ts')).apply(file, { ...options, check: true }, io));
    });
  verb('validate', 'check playbooks without contacting any host', [
    ...playbookOptions(),
    new Option('--strict', 'exit with 3 also when there are warnings only'),
  ])
    .argument('<playbooks...>', 'playbook files')
    .action(async (files, options) =>
      done(await (await import('./validate.ts')).validate(files, options, io)),
    );
  verb('init', 'make a project that runs at once: playbook, inventory, editor settings', [
    new Option('--schemas', 'only the schemas for editors again, e.g. after an update of the program'),
  ])
    .argument('[folder]', 'a folder without these files, made if it is not there', '.')
    .action(async (folder, options) => done(await (await import('./init.ts')).init(folder, options, io)));
  verb('facts', 'what is known of the hosts', [
    inventoryOption(),
    secretsOption(),
    ...loginOptions(),
    parallelOption(),
    jsonOption('as JSON'),
  ])
    .argument('[pattern]', 'only these hosts')
    .action(async (pattern, options) => done(await (await import('./facts.ts')).facts(pattern, options, io)));
  verb('inventory', 'what the inventory resolves to', [
    inventoryOption(),
    secretsOption(),
    new Option('--graph', 'the groups and their hosts'),
    new Option('--explain <name>', 'where each value of a host, or a variable of each host, comes from'),
    jsonOption('as JSON'),
  ])
    .argument('[pattern]', 'only these hosts')
    .action(async (pattern, options) =>
      done(await (await import('./inventory.ts')).inventory(pattern, options, io)),
    );
  verb('modules', 'reference of the resource types')
    .argument('[name]', 'one module, with its arguments and examples')
    .action(async name => done(await (await import('./modules.ts')).modules(name, io)));
  verb('graph', 'the resources and what leads to what, as a picture', [
    new Option('--format <form>', 'mermaid (the default) or svg').choices(['mermaid', 'svg']),
    new Option('-o, --output <file>', 'a file, whose ending .svg or .mmd says the form'),
    ...playbookOptions(),
  ])
    .argument('<playbook>', 'a playbook file')
    .action(async (file, options) => done(await (await import('./graph.ts')).graph(file, options, io)));
  verb('explain', 'what a problem code means')
    .argument('[code]', 'all codes when left out')
    .action(async code => done(await (await import('./explain.ts')).explain(code, io)));
  verb('docs', 'the pages of the manual')
    .argument('[page]', 'one page; the list of all when left out')
    .action(async page => done((await import('./docs.ts')).docs(page, io)));
  verb('lock', 'who is changing the hosts; release takes the lease away from one that is dead', [
    inventoryOption(),
    secretsOption(),
    ...loginOptions(),
    parallelOption(),
  ])
    .addArgument(new Argument('<action>').choices(['status', 'release']))
    .argument('<pattern>', 'these hosts')
    .action(async (action, pattern, options) =>
      done(await (await import('./lock.ts')).lock(action, pattern, options, io)),
    );
  verb('secrets', 'encrypted files of secrets: keys in clear, values encrypted one by one', [
    new Option(
      '-r, --recipient <key>',
      'an age recipient, an SSH public key, or a file of them; repeatable; default: as before, or you',
    ).argParser(collect),
    new Option('--passphrase', 'lock it by a passphrase instead'),
    new Option('--merged', 'of edit: accept a file that was merged by hand'),
  ])
    .addArgument(new Argument('<action>').choices(['init', 'edit', 'view', 'encrypt', 'decrypt', 'rotate']))
    .argument('<file>', 'the file of secrets')
    .action(async (action, file, options) =>
      done(await (await import('./secrets.ts')).secrets(action, file, options, io)),
    );
  verb('history', 'who applied what to the hosts, when and from where', [
    inventoryOption(),
    secretsOption(),
    ...loginOptions(),
    parallelOption(),
    jsonOption('as JSON'),
  ])
    .argument('[pattern]', 'only these hosts')
    .action(async (pattern, options) =>
      done(await (await import('./history.ts')).history(pattern, options, io)),
    );
  verb('completion', 'a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async shell => done((await import('./completion.ts')).completion(shell, io)));
  root
    .command('complete', { hidden: true })
    .description('what the last word of a command line may become, for completion scripts')
    .argument('[words...]')
    .action(async words => done(await (await import('./complete.ts')).complete(words, root, io)));
  return root;
}

function checkOption(): Option {
  return new Option('--check', 'show what would change, change nothing; exits with 2 if anything would');
}

function jsonOption(description: string): Option {
  return new Option('--json', description);
}

function parallelOption(): Option {
  return new Option('-p, --parallel <n>', 'hosts at a time').argParser(positive).default(50);
}

function applyOptions(): Option[] {
  return [
    new Option('--diff', 'show the changed lines of files; the default on a terminal and in a check'),
    new Option('--no-diff', 'do not show them'),
    ...playbookOptions(),
    ...loginOptions(),
    parallelOption(),
    jsonOption('one JSON event a line on stdout, nothing else there'),
    new Option('--report <file.html>', 'also write the result as one HTML file'),
    new Option('--junit <file.xml>', 'also write the result as JUnit XML'),
    new Option('--confirm', 'show the plan, ask once, then apply'),
    new Option('--timeout <duration>', 'how long one host may take, e.g. 30m').argParser(durationMs),
    new Option('-v, --verbose', 'show the commands that ran; -vv: and what they printed')
      .argParser((_, before: number) => before + 1)
      .default(0, 'off'),
  ];
}

/** `error: unknown option '--chek'\n(Did you mean --check?)` as a problem. */
function usage({ message }: CommanderError): Problem {
  const [sentence = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const hint = rest.join(' ').replace(/^\((.*)\)$/, '$1');
  const words = sentence.charAt(0).toUpperCase() + sentence.slice(1).replace(/\.?$/, '.');
  return { code: 'usage', message: words, hint: hint || '`reconcile --help` shows what it takes.' };
}

function bug({ message }: Problem): Problem {
  return {
    code: 'bug',
    message,
    hint: 'Please report it with the command you ran. With RECONCILE_DEBUG=1 it says where it happened.',
  };
}

/** Shows problems on stderr, masked; 3 is the exit code of all that is wrong before a host is contacted. */
async function tell(problems: readonly Problem[], io: Io): Promise<number> {
  const [{ renderProblems }, { problemView }] = await Promise.all([
    import('../report/problem-text.ts'),
    import('../report/view.ts'),
  ]);
  const shown = problems.map(problem => problemView(problem, io.redactor));
  io.stderr.write(renderProblems(shown, { color: isColorful(io.stderr, io.env) }));
  return 3;
}
