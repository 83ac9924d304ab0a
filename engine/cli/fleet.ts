import type { Become, Host } from '../host.ts';
import { type Problem, ProblemError, problemsOf } from '../problem.ts';
import { problemView } from '../report/view.ts';
import type { Session } from '../transport/connect.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import { credentials, type LoginSettings } from './credentials.ts';
import { type Io, problemText, tellNoHost } from './io.ts';
import { refuseMissingKeys } from './key-files.ts';
import { loadInventory } from './load-files.ts';

/** The options of a command that contacts hosts, as commander parses them. */
export interface FleetSettings extends LoginSettings {
  inventory?: string[];
  askSecretsPass?: boolean;
  parallel: number;
}

/** The answers of hosts in the order of the inventory, and the exit code for the hosts without an answer. */
export interface Answers<T> {
  answers: (readonly [host: string, answer: T])[];
  exitCode: number;
}

/**
 * Asks every host of a pattern, several at the same time. A problem of one host is written to stderr and stops no other
 * host. The exit code is 4 if all failed hosts are unreachable, else 1.
 */
export async function askHosts<T>(
  pattern: string,
  settings: FleetSettings,
  io: Io,
  ask: (host: Host, connect: ConnectOptions) => Promise<T>,
): Promise<Answers<T>> {
  const { hostsOf } = await import('../inventory/host-patterns.ts');
  const inventory = await loadInventory(settings, io);
  const hosts = hostsOf(pattern, inventory);
  if (hosts.length === 0) tellNoHost(pattern, io);
  refuseMissingKeys(hosts, inventory);
  const connect = await credentials(settings, hosts, io);
  const found = new Map<string, T>();
  const problems: Problem[] = [];
  const queue = [...hosts];
  const work = async () => {
    for (let host = queue.shift(); host !== undefined && !io.signal.aborted; host = queue.shift()) {
      const { name } = host;
      try {
        found.set(name, await ask(host, connect));
      } catch (thrown) {
        problems.push(...problemsOf(thrown).map(problem => ({ ...problem, host: name })));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(settings.parallel, hosts.length) }, work));
  const shown = problems.map(problem => problemView(problem, io.redactor));
  if (shown.length > 0) io.stderr.write(problemText(shown, io));
  const { unreachableCodes } = await import('../run/result.ts');
  return {
    answers: hosts.flatMap(({ name }) => (found.has(name) ? [[name, found.get(name)!] as const] : [])),
    exitCode: problems.length === 0 ? 0 : problems.every(({ code }) => unreachableCodes.has(code)) ? 4 : 1,
  };
}

/**
 * Runs a script that prints the state of an account, as root and as the login. Without a `become` in the inventory, it
 * tries sudo, and leaves out root if that fails.
 */
export async function runAsEach(
  host: Host,
  options: ConnectOptions,
  script: string,
  what: string,
): Promise<string[]> {
  const [{ connect }, { preludeFor }, { distrustProblem }] = await Promise.all([
    import('../transport/connect.ts'),
    import('../hosts/prelude.ts'),
    import('../hosts/host-lease.ts'),
  ]);
  const connection = await connect(host, { ...options, prelude: preludeFor(host) });
  try {
    const sessions = new Set<Session>();
    for (const become of accountsOf(host)) {
      try {
        sessions.add(await connection.session(become));
      } catch (thrown) {
        const refused = thrown instanceof ProblemError && thrown.problems[0]?.code === 'become-failed';
        if (!refused || host.become !== undefined) throw thrown;
      }
    }
    const answers = await Promise.all([...sessions].map(session => session.run({ script, what })));
    const failed = answers.find(({ exit }) => exit !== 0);
    if (failed !== undefined) {
      const distrust = distrustProblem(failed);
      if (distrust !== undefined) throw new ProblemError(distrust);
      const cause = failed.stderr.toString().trim();
      throw new ProblemError({ code: 'read-failed', message: `${what} failed.`, cause });
    }
    return answers.map(({ stdout }) => stdout.toString());
  } finally {
    await connection.close();
  }
}

function accountsOf(host: Host): (Become | false)[] {
  return host.become === false ? [false] : [host.become ?? { user: 'root', method: 'sudo' }, false];
}
