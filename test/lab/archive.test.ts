import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from './command.ts';
import { tcpAnswers } from './network.ts';

describe('the package archive', () => {
  const folder = mkdtempSync(join(tmpdir(), 'archive-'));
  const asked: string[] = [];
  let mirror: Server;
  let archive: ChildProcess;
  let archivePort: number;

  beforeAll(async () => {
    mirror = createServer((request, response) => {
      asked.push(request.url!);
      if (request.url!.includes('missing')) response.writeHead(404).end('not here');
      else if (request.url!.includes('broken'))
        response.writeHead(200, { 'content-length': 99 }).write('only this', () => response.destroy());
      else setTimeout(() => response.end(`content of ${request.url}`), 100);
    }).listen(0, '127.0.0.1');
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    archivePort = (probe.address() as AddressInfo).port;
    probe.close();
    const program = fileURLToPath(new URL('./archive.ts', import.meta.url));
    const flags = ['--import', import.meta.resolve('tsx'), program, '127.0.0.1', `${archivePort}`, folder];
    archive = spawn(process.execPath, flags, { stdio: 'inherit' });
    await waitFor(
      'the archive',
      20_000,
      async () => (await tcpAnswers('127.0.0.1', archivePort, false)) || undefined,
    );
  });
  afterAll(() => {
    archive?.kill();
    mirror.close();
    rmSync(folder, { recursive: true });
  });

  /** Returns the answer of the archive for a path on the mirror, or 'cut short' if it breaks off. */
  function fetched(path: string): Promise<string> {
    const url = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}${path}`;
    return new Promise(resolve => {
      const sent = get({ host: '127.0.0.1', port: archivePort, path: url, agent: false }, response => {
        let body = '';
        response.on('data', chunk => (body += chunk));
        response.on('end', () => resolve(`${response.statusCode} ${body}`));
        response.on('error', () => resolve('cut short'));
      });
      sent.on('error', () => resolve('cut short'));
    });
  }
  const timesAsked = (path: string) => asked.filter(each => each === path).length;

  it.each(['/pool/a_1_all.deb', '/dists/x/by-hash/SHA256/ab12'])(
    '%s is fetched once, also by two at a time',
    async path => {
      const answers = await Promise.all([fetched(path), fetched(path)]);
      expect([...answers, await fetched(path)]).toEqual(Array(3).fill(`200 content of ${path}`));
      expect(timesAsked(path)).toBe(1);
    },
  );

  it('a changing index is fetched each time', async () => {
    await fetched('/dists/x/InRelease');
    expect(await fetched('/dists/x/InRelease')).toBe('200 content of /dists/x/InRelease');
    expect(timesAsked('/dists/x/InRelease')).toBe(2);
  });

  it('a refusal is passed on and not kept', async () => {
    expect(await fetched('/pool/missing.deb')).toBe('404 not here');
    expect(await fetched('/pool/missing.deb')).toBe('404 not here');
    expect(timesAsked('/pool/missing.deb')).toBe(2);
  });

  it('a download that breaks off is an error and not kept', async () => {
    expect(await fetched('/pool/broken.deb')).toMatch(/^502/);
    expect(await fetched('/pool/after.deb')).toBe('200 content of /pool/after.deb');
    expect(readdirSync(folder, { recursive: true }).filter(name => String(name).includes('broken'))).toEqual(
      [],
    );
  });
});
