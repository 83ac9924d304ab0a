// A caching proxy for the apt of the lab's hosts, a program of its own: ADDRESS PORT FOLDER [UPSTREAM-PROXY].
// Files that never change under their name (packages, indexes by hash) are fetched once for all labs.
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const [address, port, folder, upstreamProxy] = process.argv.slice(2) as [string, string, string, string?];
const downloads = new Map<string, Promise<unknown>>();
let downloadCount = 0;

function fetchFrom(url: URL, headers: NodeJS.Dict<string | string[]>): Promise<IncomingMessage> {
  const proxy = upstreamProxy ? new URL(upstreamProxy) : null;
  const target = proxy ? { host: proxy.hostname, port: proxy.port, path: url.href } : url;
  const passed = Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(proxy-|connection)/.test(name)),
  );
  return new Promise((resolve, reject) => {
    const options = { headers: { ...passed, host: url.host }, timeout: 60_000 };
    const request = proxy ? get({ ...options, ...(target as object) }, resolve) : get(url, options, resolve);
    request.once('timeout', () => request.destroy(new Error(`${url.host} is silent`)));
    request.once('error', reject);
  });
}

async function keep(answer: IncomingMessage, file: string): Promise<void> {
  const unfinished = `${file}.${process.pid}-${(downloadCount += 1)}`;
  mkdirSync(dirname(file), { recursive: true });
  const fd = openSync(unfinished, 'wx'); // now: a stream that opens by itself can create the file after its removal
  try {
    await pipeline(answer, createWriteStream('', { fd })); // rejects when the answer ends before its length
    renameSync(unfinished, file);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '');
  const unchanging = /\.deb$|\/by-hash\/\w+\/\w+$/.test(url.pathname);
  const file = join(folder, url.host, url.pathname);
  if (unchanging) {
    await downloads.get(file)?.catch(() => {});
    if (existsSync(file)) return send(file, response);
  }
  const download = unchanging ? fetchAndKeep(url, file) : null;
  if (!download) return pass(await fetchFrom(url, request.headers), response);
  downloads.set(file, download);
  const refusal = await download.finally(() => downloads.delete(file));
  return refusal ? pass(refusal, response) : send(file, response);
}

/** Returns the answer when it is not the file. */
async function fetchAndKeep(url: URL, file: string): Promise<IncomingMessage | null> {
  const answer = await fetchFrom(url, {});
  if (answer.statusCode !== 200) return answer;
  await keep(answer, file);
  return null;
}

function send(file: string, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-length': statSync(file).size });
  return pipeline(createReadStream(file), response);
}

function pass(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  return pipeline(answer, response);
}

const server = createServer((request, response) => {
  serve(request, response).catch(error => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end(String(error));
  });
});
server.listen(Number(port), address);
