import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, connect as dial } from 'node:net';
import { type Connection, default as ssh2 } from 'ssh2';
import type { Host } from '../../../engine/host.ts';

export const clientKey = ed25519Key();
export const otherKey = ed25519Key();
export const ed25519 = ed25519Key();
export const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 });

/** One key in some two hundred that ssh2 1.17 makes is one that it cannot read itself; such a key is made again. */
export function ed25519Key(encryption?: { passphrase: string; cipher: string; rounds: number }) {
  for (;;) {
    const key = ssh2.utils.generateKeyPairSync('ed25519', encryption);
    if (!(ssh2.utils.parseKey(key.private, encryption?.passphrase) instanceof Error)) return key;
  }
}

export interface ServerOptions {
  hostKeys?: string[];
  /** MaxSessions of sshd; default unlimited. */
  maxSessions?: number;
  /** Takes the place of the shell: what a command does. */
  command?: (command: string) => string;
  /** The accepted proof: a key, this password by one of two methods, or a key and then an answer. */
  login?: { method: 'password' | 'keyboard-interactive'; password: string; afterKey?: boolean };
  /** The public key that is let in; that of `clientKey` when left out. */
  allowed?: string;
  /** Number of connections that are closed without a word. */
  busy?: number;
  /** The point from which on a client gets no answer: the connection, the login, or the opening of a channel. */
  deaf?: 'banner' | 'login' | 'channel';
}

export interface TestServer {
  port: number;
  channels: number;
  connections: number;
  commands: string[];
  /** The public keys that clients have offered, in base64. */
  shown: string[];
  host: Host;
  /** `HOST KEY` lines for known_hosts. */
  knownHosts: string;
  /** Cuts all connections, as when a cable is pulled out and put back. */
  cut(): void;
  close(): Promise<void>;
}

/** An SSH server on loopback that lets `clientKey` in and runs commands as this test's own account. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const hostKeys = options.hostKeys ?? [ed25519.private];
  const sockets = new Set<Socket>();
  const state = { channels: 0, connections: 0, commands: [] as string[], shown: [] as string[] };
  const server = new ssh2.Server({ hostKeys }, client => serve(client, options, state));
  // ssh2.Server keeps its sockets to itself.
  const front = createServer(socket => {
    sockets.add(socket.setNoDelay(true).on('error', () => {}));
    state.connections++;
    if (options.deaf === 'banner') return;
    if (state.connections <= (options.busy ?? 0)) return void socket.end('Exceeded MaxStartups\r\n');
    server.injectSocket(socket as never);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const { port } = front.address() as AddressInfo;
  const keys = hostKeys.map(key => publicKey(key));
  return Object.assign(state, {
    port,
    host: hostAt(port),
    knownHosts: keys.map(key => `[127.0.0.1]:${port} ${key}\n`).join(''),
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      front.close();
      await once(front, 'close');
    },
  });
}

/** A host on loopback, by ssh. */
export function hostAt(port: number, changes: Partial<Host> = {}): Host {
  const host: Host = {
    name: 'web1',
    address: '127.0.0.1',
    port,
    user: 'deploy',
    transport: 'ssh',
    groups: [],
    vars: {},
  };
  return { ...host, ...changes };
}

/** The public line of a private key. */
export function publicKey(privateKey: string): string {
  const parsed = [ssh2.utils.parseKey(privateKey)].flat()[0]!;
  if (parsed instanceof Error) throw parsed;
  return `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`;
}

function serve(
  client: Connection,
  options: ServerOptions,
  state: { channels: number; commands: string[]; shown: string[] },
): void {
  const allowed = (options.allowed ?? publicKey(clientKey.private)).split(' ')[1]!;
  client.on('error', () => {});
  client.on('authentication', context => {
    if (options.deaf === 'login') return;
    const byKey = context.method === 'publickey' && context.key.data.toString('base64') === allowed;
    if (context.method === 'publickey' && !context.signature)
      state.shown.push(context.key.data.toString('base64'));
    const { login } = options;
    if (login === undefined) {
      if (byKey) context.accept();
      else context.reject(['publickey']);
    } else if (login.afterKey && byKey && context.signature) context.reject([login.method], true);
    else if (login.afterKey && byKey) context.accept();
    else if (context.method === 'password' && login.method === 'password')
      context.password === login.password ? context.accept() : context.reject(['password']);
    else if (context.method === 'keyboard-interactive' && login.method === context.method) {
      context.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) =>
        answer === login.password ? context.accept() : context.reject([login.method]),
      );
    } else context.reject(login.afterKey ? ['publickey'] : [login.method]);
  });
  client.on('request', (_accept, reject) => reject?.());
  client.on('tcpip', (accept, reject, { destIP, destPort }) => {
    const far = dial(destPort, destIP).on('error', () => reject());
    far.on('connect', () => {
      const near = accept();
      near
        .on('error', () => {})
        .pipe(far)
        .pipe(near);
    });
  });
  let open = 0;
  client.on('session', (accept, reject) => {
    if (options.deaf === 'channel') return;
    if (open >= (options.maxSessions ?? Number.POSITIVE_INFINITY)) return reject();
    open++;
    state.channels++;
    const session = accept();
    session.on('exec', (acceptExec, _reject, { command }) => {
      state.commands.push(command);
      const channel = acceptExec();
      const child = spawn('bash', ['-c', options.command?.(command) ?? command], { detached: true });
      channel.on('error', () => {});
      child.stdin.on('error', () => {});
      channel.pipe(child.stdin);
      child.stdout.pipe(channel, { end: false });
      child.stderr.pipe(channel.stderr, { end: false });
      channel.on('close', () => open--);
      // As sshd does: whoever still writes then gets a SIGPIPE.
      client.on('close', () => {
        for (const stream of child.stdio) stream?.destroy();
      });
      child.on('close', (code, signal) => {
        if (signal) channel.exit(signal);
        else channel.exit(code ?? 0);
        channel.end();
      });
    });
  });
}

export interface Relay {
  port: number;
  /** Number of changes of direction from the server to the client. */
  turns: number;
  /** Bytes from the client that went through so far. */
  sent: number;
  close(): Promise<void>;
}

/** Passes bytes on to a port; after `cutAt` bytes from the client it cuts both sides. */
export async function startRelay(
  to: number,
  options: { cutAt?: number; mute?: () => boolean } = {},
): Promise<Relay> {
  const sockets = new Set<Socket>();
  let towards: 'server' | 'client' = 'client';
  const front = createServer(near => {
    const far = dial(to, '127.0.0.1').setNoDelay(true);
    near.setNoDelay(true);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    const cut = () => {
      near.destroy();
      far.destroy();
    };
    near.on('data', bytes => {
      towards = 'server';
      const room = (options.cutAt ?? Number.POSITIVE_INFINITY) - relay.sent;
      relay.sent += bytes.length;
      if (!options.mute?.()) far.write(bytes.subarray(0, Math.max(room, 0)));
      if (bytes.length >= room) far.end(() => cut());
    });
    far.on('data', bytes => {
      if (towards === 'server') relay.turns++;
      towards = 'client';
      if (!options.mute?.()) near.write(bytes);
    });
    near.on('close', cut);
    far.on('close', cut);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const relay: Relay = {
    port: (front.address() as AddressInfo).port,
    turns: 0,
    sent: 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      front.close();
      await once(front, 'close');
    },
  };
  return relay;
}
