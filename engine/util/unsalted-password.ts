import { createHash, randomBytes } from 'node:crypto';
import { defaultRounds, readSetting, type Scheme, type Setting, shaCrypt } from './sha-crypt.ts';

/**
 * A password whose hash gets its salt when an account gets it, as the filter `password_hash` writes it without a salt. The text
 * holds the password itself and is secret; only modules that know the form take it, and send no more than a hash to a host.
 */
export interface UnsaltedPassword {
  readonly password: string;
  readonly scheme: Scheme;
  /** undefined = as many as the hash on the host has, or `defaultRounds`. */
  readonly rounds?: number | undefined;
}

/** The beginning of the text of an unsalted password. No other text is known to hold it. */
export const unsaltedMark = '$unsalted$';

/** The message and the advice about an unsalted password in another place than such an argument. */
export const unsaltedMessage =
  'a password hash without a salt stands alone in `password_hash` of `user`, where each account gets its own salt';
export const unsaltedAdvice = "Give a salt for any other use: password_hash('sha512', salt).";

/** Returns the text of an unsalted password. */
export function unsaltedText({ password, scheme, rounds }: UnsaltedPassword): string {
  return `${unsaltedMark}${scheme}$${rounds ?? ''}$${Buffer.from(password, 'utf8').toString('base64url')}`;
}

/** Returns the unsalted password of a text, or undefined if the text is another one, such as a hash. */
export function unsaltedPassword(text: string): UnsaltedPassword | undefined {
  const [, scheme, rounds, password] = /^\$unsalted\$(sha256|sha512)\$(\d*)\$([\w-]*)$/.exec(text) ?? [];
  if (password === undefined) return undefined;
  return {
    password: Buffer.from(password, 'base64url').toString('utf8'),
    scheme: scheme as Scheme,
    ...(rounds !== '' && { rounds: Number(rounds) }),
  };
}

/** Returns a hash of the password with a new random salt. */
export function saltedHash({ password, scheme, rounds }: UnsaltedPassword): string {
  // 12 random bytes are 16 digits of base64, whose + is a digit of crypt(5) as a dot.
  const salt = randomBytes(12).toString('base64').replaceAll('+', '.');
  return shaCrypt(password, { scheme, salt, rounds });
}

/** A hash on a host with more rounds is not computed: a hostile host could keep the controller busy. */
const mostRounds = 1_000_000;

/**
 * Whether a hash on a host is one of the password. `setting` is the beginning of the hash, with its salt, and `sha256` the digest
 * of the whole hash, so the hash itself need not leave the host.
 */
export function isHashOf(
  { password, scheme, rounds }: UnsaltedPassword,
  setting: string,
  sha256: string,
): boolean {
  const found = readSetting(setting);
  const hasRounds = rounds === undefined || rounds === (found?.rounds ?? defaultRounds);
  if (found?.scheme !== scheme || !hasRounds || (found.rounds ?? 0) > mostRounds) return false;
  return createHash('sha256').update(hashWith(password, found)).digest('hex') === sha256;
}

/** The last computed hashes: a plan compares the same account several times. */
const computed = new Map<string, string>();

function hashWith(password: string, setting: Setting): string {
  const key = JSON.stringify([setting, password]);
  const hash = computed.get(key) ?? shaCrypt(password, setting);
  computed.delete(key);
  computed.set(key, hash);
  if (computed.size > 200) computed.delete(computed.keys().next().value!);
  return hash;
}
