import type { Host } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { nameList } from '../report/columns.ts';
import type { ConnectOptions } from '../transport/connect-options.ts';
import type { Io } from './io.ts';
import { askOnTerminal } from './prompt.ts';

/** The options of every command that logs in, as commander parses them. */
export interface LoginSettings {
  askPass?: boolean;
  askBecomePass?: boolean;
}

/**
 * Asks for the passwords that the flags request, once for all hosts. Returns them with the function that asks for the
 * passphrase of a key later. Calls `around` at the beginning and end of each question. Throws a ProblemError if nobody can
 * answer.
 */
export async function credentials(
  settings: LoginSettings,
  hosts: readonly Host[],
  io: Io,
  around: (asking: boolean) => void = () => {},
): Promise<ConnectOptions> {
  const wanted = Object.entries({
    '--ask-pass': settings.askPass,
    '--ask-become-pass': settings.askBecomePass,
  });
  const flags = wanted.filter(([, given]) => given).map(([flag]) => flag);
  if (io.stdin.isTTY !== true && flags.length > 0)
    throw new ProblemError(
      ...flags.map(flag =>
        usage(`${flag} asks a question, but nobody can answer: standard input is not a terminal.`),
      ),
    );
  const secret = async (question: string, label: string) => {
    const answer = await askOnTerminal(io, question);
    if (!answer) throw new ProblemError(usage('No password was given.'));
    io.redactor.add(answer, label);
    return answer;
  };
  const password = settings.askPass ? await secret(`Password of ${loginOn(hosts)}: `, 'password') : undefined;
  const becomePassword = settings.askBecomePass
    ? await secret(`Password of sudo or su for ${loginOn(hosts)}: `, 'become password')
    : undefined;
  return {
    ...(password !== undefined && { password }),
    ...(becomePassword !== undefined && { becomePassword }),
    ...(io.stdin.isTTY === true && { ask: asker(io, around) }),
  };
}

/** Returns the account of the login, if it is one, and the hosts, in words. */
function loginOn(hosts: readonly Host[]): string {
  const users = new Set(hosts.map(({ user }) => user));
  const [user] = users;
  const names = [...new Set(hosts.map(({ name }) => name))];
  return `${users.size === 1 && user !== undefined ? `"${user}"` : 'the login'} on ${nameList(names)}`;
}

/** Asks one question at a time, even if several hosts have one. */
function asker(io: Io, around: (asking: boolean) => void): NonNullable<ConnectOptions['ask']> {
  let last: Promise<unknown> = Promise.resolve();
  return (question, shown) => {
    const answer = last.then(async () => {
      around(true);
      try {
        const typed = await askOnTerminal(io, question, shown);
        if (typed && !shown) io.redactor.add(typed, 'passphrase');
        return typed;
      } finally {
        around(false);
      }
    });
    last = answer.catch(() => {});
    return answer;
  };
}

function usage(message: string): Problem {
  return { code: 'usage', message };
}
