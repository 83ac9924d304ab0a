import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { type Problem, ProblemError } from '../problem.ts';
import { NotYet } from './socket.ts';
import type { Target } from './target.ts';

/** Milliseconds for which an unused connection to a jump host stays open: the next host of a run may need it. */
const idleMs = 10_000;

interface Jump {
  client: Promise<Client>;
  users: number;
  idle?: NodeJS.Timeout;
}

const jumps = new Map<string, Jump>();

/**
 * Returns a stream to `target` through its jump host. All hosts behind the same chain share one connection to it, which
 * `logIn` makes. Rejects with a ProblemError, which names the jump host if that is at fault.
 */
export async function streamThrough(
  hop: Target,
  target: Target,
  logIn: (hop: Target) => Promise<Client>,
): Promise<Duplex> {
  const key = nameOf(hop);
  const jump = jumps.get(key) ?? { client: logIn(hop), users: 0 };
  jumps.set(key, jump);
  clearTimeout(jump.idle);
  jump.users++;
  const forget = () => jumps.get(key) === jump && jumps.delete(key);
  const leave = () => {
    if (--jump.users > 0) return;
    const end = () => {
      forget();
      jump.client.then(
        client => client.end(),
        () => {},
      );
    };
    jump.idle = setTimeout(end, idleMs).unref();
  };
  let client: Client;
  try {
    client = await jump.client;
  } catch (thrown) {
    forget();
    throw thrown instanceof ProblemError
      ? new ProblemError(...thrown.problems.map(of => atHop(of, hop, target)))
      : thrown;
  }
  client.once('close', forget);
  try {
    const stream = await forward(client, hop, target);
    stream.once('close', leave);
    return stream;
  } catch (thrown) {
    leave();
    throw thrown;
  }
}

function forward(client: Client, hop: Target, target: Target): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const fail = (cause: string, Kind: typeof ProblemError) => {
      clearTimeout(timer);
      const message = `The jump host "${hop.hop}" made no connection to ${target.address} port ${target.port}.`;
      reject(new Kind({ code: 'unreachable', message, host: target.name, cause }));
    };
    const seconds = target.connectTimeoutMs / 1000;
    const timer = setTimeout(
      () => fail(`no answer within ${seconds} s`, ProblemError),
      target.connectTimeoutMs,
    );
    const answer = (error: Error | undefined, stream: Duplex) => {
      clearTimeout(timer);
      if (error) fail(error.message, /refused|reset/i.test(error.message) ? NotYet : ProblemError);
      else resolve(stream);
    };
    try {
      client.forwardOut('127.0.0.1', 0, target.address, target.port, answer);
    } catch (error) {
      // ssh2 throws if the connection has just ended.
      fail((error as Error).message, NotYet);
    }
  });
}

function nameOf({ user, address, port, jump }: Target): string {
  return `${jump === undefined ? '' : `${nameOf(jump)} `}${user}@${address}:${port}`;
}

function atHop(problem: Problem, { hop }: Target, target: Target): Problem {
  return {
    ...problem,
    message: `On the way, at the jump host "${hop}": ${problem.message}`,
    host: target.name,
  };
}
