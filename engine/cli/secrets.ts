import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Problem, ProblemError } from '../problem.ts';
import { shellQuote } from '../quote.ts';
import { textView } from '../report/view.ts';
import { ageEncrypt, checkRecipient, type Lock, newKeyPair, recipientOf } from '../secrets/age.ts';
import { ownKeyFile } from '../secrets/age-identities.ts';
import { FileKey } from '../secrets/file-key.ts';
import { type SealedFile, seal, sealedFile, sealingProblems, unseal } from '../secrets/sealed.ts';
import { fileKeyOf, type Openers } from '../secrets/unlock.ts';
import { isVault } from '../secrets/vault.ts';
import { asTyped } from '../util/own-command.ts';
import { statOf } from '../util/stat.ts';
import { isMap } from '../value.ts';
import { parseYaml } from '../yaml/document.ts';
import { edited } from './editor.ts';
import type { Io } from './io.ts';
import { replaceFile } from './replace-file.ts';
import { askPassphrase, secretOpeners } from './secret-openers.ts';

/** The options of `secrets` as commander parses them. */
export interface SecretsSettings {
  recipient?: string[];
  passphrase?: boolean;
  merged?: boolean;
}

export type SecretsAction = 'init' | 'edit' | 'view' | 'encrypt' | 'decrypt' | 'rotate';

/** Creates, shows and changes an encrypted file of secrets. No argument or environment variable holds a secret. */
export async function secrets(
  action: SecretsAction,
  file: string,
  settings: SecretsSettings,
  io: Io,
): Promise<number> {
  if (settings.passphrase && settings.recipient)
    refuse('usage', 'A file is locked by a passphrase or for recipients, not both.');
  if (action === 'init') return init(file, settings, io);
  const text = readFile(file, `reconcile secrets init ${shellQuote(file)}`);
  const sealed = sealedIn(file, text);
  refuseOtherFiles(action, file, text);
  if (action === 'encrypt') {
    if (sealed !== undefined)
      refuse('usage', `"${file}" is encrypted already.`, `reconcile secrets edit ${shellQuote(file)}`);
    const locked = await newLock(settings, io);
    refuseUnsound(sealingProblems(text, file));
    await write(file, text, locked);
    return say(io, `${file} is encrypted.`);
  }
  if (sealed === undefined)
    refuse('usage', `"${file}" is not encrypted.`, `reconcile secrets encrypt ${shellQuote(file)}`);
  const openers = await secretOpeners(
    io,
    sealed.lock === 'passphrase' ? `Passphrase of ${file}: ` : undefined,
  );
  const key = await fileKeyOf(sealed, openers.keys());
  const clear = unseal(sealed, key, settings.merged);
  if (action === 'view') {
    if (!io.stdout.isTTY) refuse('usage', 'view shows secrets on a terminal, and standard output is none.');
    io.stdout.write(textView(clear, io.redactor) + '\n');
    return 0;
  }
  if (action === 'decrypt') {
    replaceFile(file, clear);
    return say(io, `${file} is in clear now, for you alone. Keep it out of version control.`);
  }
  if (action === 'rotate') {
    await write(file, clear, await newLock(settings, io, sealed.lock));
    return say(io, `${file} has a new key. Former recipients still know its old secrets: change those, too.`);
  }
  const fresh = await edited(clear, text => sealingProblems(text, file), io);
  if (fresh === undefined || (fresh === clear && !settings.merged)) {
    say(io, 'Nothing was changed.');
    return io.signal.aborted ? 130 : 0;
  }
  replaceFile(file, checked(seal(fresh, key, sealed, { clear, sealed }), fresh, key));
  return say(io, `${file} is saved.`);
}

async function init(file: string, settings: SecretsSettings, io: Io): Promise<number> {
  if (existsSync(file)) {
    const text = readFile(file);
    refuseOtherFiles('init', file, text);
    const next = sealedIn(file, text) === undefined ? 'encrypt' : 'edit';
    refuse('usage', `"${file}" is there already.`, `reconcile secrets ${next} ${shellQuote(file)}`);
  }
  const openers = await secretOpeners(io);
  const { age, ssh } = openers.keys();
  if (!settings.passphrase && settings.recipient === undefined && age.length + ssh.length === 0) {
    const keyFile = ownKeyFile(io.env);
    const { identity, recipient } = await newKeyPair();
    mkdirSync(dirname(keyFile), { recursive: true, mode: 0o700 });
    writeFileSync(keyFile, `# ${recipient}\n${identity}\n`, { mode: 0o600, flag: 'wx' });
    say(
      io,
      `Made your key, ${keyFile}. Keep a copy in a safe place.\nOthers encrypt for you with\n    ${recipient}`,
    );
  }
  const locked = await newLock(settings, io);
  mkdirSync(dirname(file), { recursive: true });
  await write(file, '# Names in clear, values encrypted. Example:\n# db_password: a secret\n', locked);
  return say(io, `Created ${file}. Fill it with\n    reconcile secrets edit ${shellQuote(file)}`);
}

interface NewLock {
  lock: Lock;
  passphrase?: string;
}

/** Returns the lock of a new file: the given recipients, those of the old file, or the keys of the user. */
async function newLock(settings: SecretsSettings, io: Io, before?: Lock): Promise<NewLock> {
  if (settings.passphrase || (before === 'passphrase' && settings.recipient === undefined)) {
    const passphrase = await askPassphrase('New passphrase: ', io);
    if ((await askPassphrase('Once more: ', io)) !== passphrase)
      refuse('usage', 'The two passphrases differ.');
    return { lock: 'passphrase', passphrase };
  }
  const given = settings.recipient?.flatMap(recipientsIn);
  const lock =
    given ?? (before as readonly string[] | undefined) ?? (await ownRecipients(await secretOpeners(io)));
  for (const recipient of lock) await checkRecipient(recipient);
  if (lock.length === 0)
    refuse(
      'usage',
      'There is no recipient to encrypt for.',
      'Give -r, or make a key:\n    reconcile secrets init NEW_FILE',
    );
  return { lock };
}

/** Returns a given recipient, or the recipients in a given file, one on each line. */
function recipientsIn(given: string): string[] {
  if (!statOf(given)?.isFile()) {
    if (!/[./]/.test(given) || /^(age1|ssh-|ecdsa-|sk-)/.test(given)) return [given];
    const hint = 'The file holds age recipients (age1…) or SSH public keys, one on each line.';
    throw new ProblemError({
      code: 'file-missing',
      message: `There is no file "${given}" of recipients.`,
      hint,
    });
  }
  return readFile(given)
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
}

async function ownRecipients({ keys }: Openers): Promise<string[]> {
  const { age, ssh } = keys();
  const own = await Promise.all(age.map(recipientOf));
  return own.length > 0 ? own : ssh.map(({ type, blob }) => `${type} ${blob.toString('base64')}`);
}

async function write(file: string, clear: string, { lock, passphrase }: NewLock): Promise<void> {
  const key = new FileKey();
  const wrapped = await ageEncrypt(key.bytes, lock, passphrase);
  replaceFile(file, checked(seal(clear, key, { lock, wrapped }), clear, key));
}

/** Returns the encrypted text, after a check that it decrypts to the clear text: no bug loses a secret. */
function checked(text: string, clear: string, key: FileKey): string {
  const sealed = sealedIn('the encrypted file', text)!;
  const [again, wanted] = [unseal(sealed, key), clear].map(each => JSON.stringify(parseYaml(each, '').data));
  if (again !== wanted)
    throw new Error('the encrypted text does not decrypt to the clear text; nothing was written');
  return text;
}

function sealedIn(file: string, text: string): SealedFile | undefined {
  refuseUnsound(sealingProblems(text, file).filter(({ code }) => code === 'yaml-syntax'));
  return sealedFile(parseYaml(text, file), text);
}

/** Reads a file. `next` is the command that makes a missing one. */
function readFile(file: string, next?: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return refuse('file-missing', `The file "${file}" does not exist.`, next);
    return refuse('file-missing', `The file "${file}" cannot be read (${code}).`);
  }
}

/** The command of Ansible for each action. */
const ansibleVault: Readonly<Record<SecretsAction, string>> = {
  init: 'edit',
  edit: 'edit',
  view: 'view',
  encrypt: 'view',
  decrypt: 'decrypt',
  rotate: 'rekey',
};

/** Refuses a file that is no file of secrets of this program, with the command that does the action. */
function refuseOtherFiles(action: SecretsAction, file: string, text: string): void {
  const shown = shellQuote(file);
  if (isVault(text))
    throw new ProblemError({
      code: 'usage',
      message: `"${file}" is a file of Ansible Vault, which reconcile only reads.`,
      hint: `    ansible-vault ${ansibleVault[action]} ${shown}\nTo convert it to a file of \`reconcile secrets\`:\n    ansible-vault decrypt ${shown}\n    reconcile secrets encrypt ${shown}`,
    });
  const { data } = parseYaml(text, file);
  if (!isMap(data) || !['resources', 'plays'].some(key => Array.isArray(data[key]))) return;
  throw new ProblemError({
    code: 'usage',
    message: `"${file}" is a playbook or a component, not a file of secrets.`,
    hint: 'Secrets are in a file of their own, which the key `secrets` of a play names:\n    reconcile secrets init secrets/site.yml',
  });
}

function refuseUnsound(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new ProblemError(...problems);
}

function say(io: Io, text: string): number {
  io.stderr.write(`${asTyped(text)}\n`);
  return 0;
}

function refuse(code: 'usage' | 'file-missing', message: string, hint?: string): never {
  throw new ProblemError({ code, message, ...(hint !== undefined && { hint: `    ${hint}` }) });
}
