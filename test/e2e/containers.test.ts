import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Become, Host } from '../../engine/host.ts';
import { problemsOf } from '../../engine/problem.ts';
import { connect } from '../../engine/transport/connect.ts';
import { type Lab, openLab } from '../lab/lab.ts';
import { describeLab, needs } from '../lab/require.ts';
import { type Container, openContainer } from './container.ts';
import { build, reconcile } from './reconcile.ts';

let lab: Lab<'box'>;
let container: Container;
let record: string;
const PATH = process.env['PATH'];
beforeAll(async () => {
  build();
  [lab, container] = await Promise.all([openLab({ hosts: { box: 'bookworm' } }), openContainer()]);
  process.env['PATH'] = `${container.path}${delimiter}${PATH}`;
  process.env['DOCKER_HOST'] = container.dockerHost;
  record = register(lab);
});
afterAll(async () => {
  process.env['PATH'] = PATH;
  if (record) rmSync(record, { force: true });
  container?.close();
  await lab?.close();
});

const machine = 'reconcile-test-box';

/** The record of systemd-machined for a container; a machine without systemd as its first process has none. */
function register({ processes }: Lab<'box'>): string {
  const leader = processes('box').find(pid =>
    /^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
  );
  mkdirSync('/run/systemd/machines', { recursive: true });
  const file = join('/run/systemd/machines', machine);
  writeFileSync(file, `NAME=${machine}\nCLASS=container\nLEADER=${leader}\n`);
  return file;
}

const hostOf = (transport: Host['transport'], changes: Partial<Host> = {}): Host => ({
  ...{
    name: 'box',
    address: transport === 'nspawn' ? machine : container.name,
    transport,
    groups: [],
    vars: {},
  },
  ...changes,
});

async function said(host: Host, become: Become | false, script: string, input = ''): Promise<string> {
  const connection = await connect(host);
  try {
    const session = await connection.session(become);
    const { stdout, stderr, exit } = await session.run({ script, input: Buffer.from(input) });
    return `${stdout}${stderr}${exit}`;
  } finally {
    await connection.close();
  }
}

const installed = (program: string) =>
  spawnSync(program, ['--version']).error === undefined ? program : undefined;

describeLab('a container is entered without SSH', () => {
  // Docker's own client is asked, but it is podman that answers in the place of an engine of Docker.
  test.for(['podman', 'docker', 'nspawn'] as const)('by %s', async (transport, context) => {
    if (transport === 'docker') needs(context, installed('docker'), 'there is no client of Docker');
    const host = hostOf(transport);
    const script = 'id -un; pwd; printf "%s" "$PATH $0" | wc -w; cat; echo "it\'s" >&2; exit 3';
    const input = 'a $HOME "b"\n';
    expect(await said(host, false, script, input)).toBe(`root\n/\n2\n${input}it's\n3`);
    for (const become of [
      { user: 'daemon', method: 'sudo' },
      { user: 'daemon', method: 'su' },
    ] as const)
      expect(await said(host, become, 'id -un')).toBe('daemon\n0');
    expect(await said({ ...host, user: 'daemon' }, false, 'id -un')).toBe('daemon\n0');
    const large = 'x'.repeat(3_000_000);
    expect(await said(host, false, 'wc -c', large)).toBe('3000000\n0');
    const gone = await said({ ...host, address: 'not-there' }, false, 'true').catch(
      error => problemsOf(error)[0],
    );
    expect(gone).toMatchObject({
      code: 'unreachable',
      message: `${transport} started no shell in "not-there".`,
      hint: expect.stringMatching(/`(?:machinectl list|podman ps|docker ps)`/),
      cause: expect.stringMatching(/no container|No such container|Failed to connect to bus/),
    });
  });

  test.for(['podman', 'nspawn'] as const)('and applied to, by %s', async transport => {
    const folder = mkdtempSync(join(tmpdir(), 'reconcile-container-'));
    try {
      const host = JSON.stringify({ transport, address: hostOf(transport).address });
      writeFileSync(join(folder, 'inventory.yml'), `hosts: { box: ${host} }\n`);
      writeFileSync(
        join(folder, 'play.yml'),
        'hosts: box\nbecome: true\nresources:\n  - file: { path: /etc/made, content: "made\\n", mode: "0640" }\n',
      );
      const exits: number[] = [];
      for (const words of [['--check'], [], ['--check']])
        exits.push((await reconcile(folder, ['apply', 'play.yml', ...words])).exit);
      expect(exits).toEqual([2, 0, 0]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("local passes nothing of the controller's environment except PATH", async () => {
    process.env['RECONCILE_TEST_TOKEN'] = 'canary';
    try {
      expect(await said(hostOf('local'), false, 'echo "${RECONCILE_TEST_TOKEN-none}"')).toBe('none\n0');
    } finally {
      delete process.env['RECONCILE_TEST_TOKEN'];
    }
    expect(await said(hostOf('local'), { user: 'daemon', method: 'su' }, 'id -un')).toBe('daemon\n0');
  });
});
