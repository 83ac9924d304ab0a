import { randomBytes } from 'node:crypto';
import type { Become } from '../host.ts';
import { type Problem, ProblemError } from '../problem.ts';
import { shellCommand } from '../quote.ts';
import type { Asked, Ending, Shell } from './link.ts';
import { bootstrap } from './session-loop.ts';

/** Returns the expected password question, if any. doas asks only on a terminal, and a session has none. */
export function askedBy(become: Become | undefined, password: string | undefined): Asked | undefined {
  if (become === undefined || become.method === 'doas' || password === undefined) return undefined;
  return { password, nonce: randomBytes(8).toString('hex') };
}

/**
 * Returns the words that start a shell, as another account if `become` is given. Without `asked`, there is no question.
 * With it, the shell first prints a word, because earlier input could be taken for a password.
 */
export function startingWords(become: Become | undefined, asked: Asked | undefined): readonly string[] {
  if (become === undefined) return bootstrap();
  // In another language, questions and refusals would have other words.
  return ['env', 'LC_ALL=C', ...methodWords(become, asked)];
}

function methodWords({ method, user }: Become, asked: Asked | undefined): readonly string[] {
  const words = bootstrap('sh', asked === undefined ? '' : `echo ${readyWord(asked)} >&2; `);
  switch (method) {
    case 'sudo': {
      const mode = asked === undefined ? ['-n'] : ['-S', '-p', promptWord(asked)];
      return ['sudo', ...mode, '-H', '-u', user, '--', ...words];
    }
    case 'doas':
      return ['doas', '-n', '-u', user, '--', ...words];
    case 'su':
      return ['su', '-s', '/bin/sh', '-c', shellCommand(words), '--', user];
  }
}

const readyWord = ({ nonce }: Asked) => `ready-${nonce}`;
const promptWord = ({ nonce }: Asked) => `password-${nonce}:`;

/** sudo-rs puts the prompt into `[sudo: …] Password: `. */
const sudoQuestion = (asked: Asked) => new RegExp(`${promptWord(asked)}(\\][^\\n]*: ?)?$`);

/**
 * Answers the question for the password once, and resolves when the shell has started. Rejects with a ProblemError, and
 * drops the shell, if the password is refused or nothing happens in time.
 */
export async function answerQuestion(
  shell: Shell,
  become: Become,
  asked: Asked,
  refusal: (ending: Ending, words: string) => Problem,
  timeout: { ms: number; problem: (words: string) => Problem },
): Promise<void> {
  let words = '';
  let sent = false;
  const question = become.method === 'su' ? /(?:^|\n)Password: $/ : sudoQuestion(asked);
  const heard = () => words.replaceAll(promptWord(asked), '').replaceAll(asked.password, '…').trim();
  const discard = () => {};
  let listen: (bytes: Buffer) => void = discard;
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (problem: Problem) => reject(new ProblemError(problem));
      listen = bytes => {
        words = (words + bytes.toString()).slice(-8192);
        if (words.includes(readyWord(asked))) return resolve();
        if (!question.test(words)) return;
        words = words.replace(question, '');
        if (sent) return fail(refusal({ code: 1 }, `${become.method}: the password was not accepted`));
        sent = true;
        shell.stdin.write(`${asked.password}\n`);
      };
      shell.stdout.on('data', discard);
      shell.stderr.on('data', listen);
      timer = setTimeout(() => fail(timeout.problem(heard())), timeout.ms);
      void shell.ended.then(ending => fail(refusal(ending, heard())));
    });
  } catch (thrown) {
    shell.destroy();
    throw thrown;
  } finally {
    clearTimeout(timer);
    shell.stdout.off('data', discard);
    shell.stderr.off('data', listen);
  }
}

/** Returns the problem of becoming another account, from the last words of the shell. `asked` is the expected question. */
export function becomeRefusal(
  login: string,
  become: Become,
  asked: Asked | undefined,
  ending: Ending,
  words: string,
): Omit<Problem, 'host'> {
  const status = ending.signal ?? ending.code;
  const { method, user } = become;
  const cause = words === '' ? {} : { cause: words };
  // A login shell such as nologin, or a start-up file that exits, ends before the method starts.
  if (!new RegExp(`\\b${method}\\b|^sorry`, 'im').test(words)) {
    const message = `The login worked, but the shell of "${login}" ended with ${status} before ${method} started.`;
    return { code: 'become-failed', message, ...cause };
  }
  if (/must have a tty/.test(words)) {
    const message = `${method} of the host works on a terminal only (requiretty), and a session has none.`;
    const hint = `On the host, as root, add to /etc/sudoers.d:\n    Defaults:${login} !requiretty`;
    return { code: 'become-failed', message, hint, ...cause };
  }
  if (method === 'su' && /using restricted shell|not available/.test(words)) {
    const message = `The login worked, but su starts the shell of "${user}", which lets nobody in.`;
    const hint = `Only root may choose another shell with su. Become it by sudo: become: { user: ${user}, method: sudo }`;
    return { code: 'become-failed', message, hint, ...cause };
  }
  const isRefused = /incorrect (password|authentication)|not accepted|Authentication fail|Sorry, try again/i;
  if (asked !== undefined && isRefused.test(words)) {
    const message = `The login worked, but ${method} did not accept the password for "${login}" to become "${user}".`;
    const hint = `Try again. ${method} takes the password of "${method === 'su' ? user : login}".`;
    return { code: 'become-failed', message, hint, ...cause };
  }
  const message = `The login worked, but ${method} did not let "${login}" become "${user}".`;
  return { code: 'become-failed', message, hint: becomeHint(login, become), ...cause };
}

function becomeHint(login: string, { method, user }: Become): string {
  const ask = 'Give the password with --ask-become-pass';
  switch (method) {
    case 'sudo':
      return `${ask}, or let it work without one. On the host, as root, add to /etc/sudoers.d:\n    ${login} ALL=(${user}) NOPASSWD: ALL`;
    case 'doas':
      return `It has to work without a password, as doas asks for one on a terminal only. On the host, as root, add to /etc/doas.conf:\n    permit nopass ${login} as ${user}`;
    case 'su':
      return `${ask}, which is that of "${user}".`;
  }
}
