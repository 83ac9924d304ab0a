import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { Script } from 'node:vm';

/** After this time, a file of the cache is written anew, with the functions that runs have needed since. */
const refreshMs = 24 * 3600 * 1000;

/**
 * Runs a CommonJS program with the compiled code that an earlier run has kept in the file `name` of `folder`, and keeps
 * it there at the end of a run without mistakes. `build` identifies the text of the program. Without a folder, or if
 * another account could have written to it, the program is compiled at every start.
 */
export function runCached(program: string, build: string, folder: string | undefined, name: string): void {
  const file = folder === undefined ? undefined : join(folder, name);
  const identity = Buffer.from(`${build} ${process.version} ${process.arch}\n`);
  const kept = file === undefined ? undefined : keptCode(file, identity);
  const script = new Script(
    `(function (exports, require, module, __filename, __dirname) {${readFileSync(program, 'utf8')}\n})`,
    { filename: program, ...(kept !== undefined && { cachedData: kept.code }) },
  );
  if (file !== undefined && (kept === undefined || kept.isOld || script.cachedDataRejected))
    process.once('exit', exit => {
      if (exit === 0 || exit === 2) keep(file, Buffer.concat([identity, script.createCachedData()]));
    });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(program), module, program, dirname(program));
}

/** Returns the folder for compiled code; undefined if the home directory is not this account's, as it may be with sudo. */
export function codeFolder(env: NodeJS.ProcessEnv): string | undefined {
  if (env['NODE_DISABLE_COMPILE_CACHE'] === '1') return undefined;
  const home = homedir();
  if (statSync(home, { throwIfNoEntry: false })?.uid !== process.getuid?.()) return undefined;
  const named = env['XDG_CACHE_HOME'];
  return join(named !== undefined && isAbsolute(named) ? named : join(home, '.cache'), 'reconcile');
}

/** Only this account may have written code that it is going to run. */
const isOwn = ({ uid, mode }: { uid: number; mode: number }) =>
  uid === process.getuid?.() && (mode & 0o022) === 0;

function keptCode(file: string, identity: Buffer): { code: Buffer; isOld: boolean } | undefined {
  try {
    if (!isOwn(lstatSync(dirname(file)))) return undefined;
    const open = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(open);
      if (!isOwn(stat) || !stat.isFile()) return undefined;
      const bytes = readFileSync(open);
      if (!bytes.subarray(0, identity.length).equals(identity)) return undefined;
      return { code: bytes.subarray(identity.length), isOld: Date.now() - stat.mtimeMs > refreshMs };
    } finally {
      closeSync(open);
    }
  } catch {
    return undefined;
  }
}

/** A cache that cannot be written is none. */
function keep(file: string, bytes: Buffer): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    if (!isOwn(lstatSync(dirname(file)))) return;
    const staged = `${file}.${process.pid}`;
    writeFileSync(staged, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(staged, file);
  } catch {}
}
