import { defaultRounds, type Scheme, schemeNames, shaCrypt } from '../util/sha-crypt.ts';
import { unsaltedText } from '../util/unsalted-password.ts';
import { Secret } from '../value.ts';
import { Refusal } from './evaluation.ts';
import { any, integer, type Operation, operation, text } from './signature.ts';

/** The schemes of Ansible that are not computed here, with the advice. */
const others: { readonly [name: string]: string } = {
  yescrypt: 'Make the hash with `mkpasswd -m yescrypt`, and keep it as a secret.',
  blowfish: 'Make the hash with `mkpasswd -m bcrypt`, and keep it as a secret.',
  bcrypt: 'Make the hash with `mkpasswd -m bcrypt`, and keep it as a secret.',
  md5: 'MD5 is broken: take sha512.',
};

/** `password_hash(hashtype, salt, rounds=…)`. Without a salt, the text waits for the one of the account. */
export const passwordHash: Operation = operation(
  any,
  { hashtype: text.or('sha512'), salt: text.maybe(), salt_size: integer.maybe(), rounds: integer.maybe() },
  (value, { hashtype, salt, rounds }, run) => {
    const labels = new Set<string>();
    const password = text.read(value, run, labels);
    if (!schemeNames.includes(hashtype as Scheme))
      throw new Refusal(
        `hashtype: ${hashtype} is not computed here`,
        others[hashtype] ?? `There are ${schemeNames.join(' and ')}.`,
      );
    if (rounds !== undefined && (rounds < 1000 || rounds > 1_000_000))
      throw new Refusal('rounds: 1000 to 1000000 are wanted');
    if (password.includes('\0')) throw new Refusal('a password cannot hold a NUL');
    // A hash of a password that is no secret is one.
    const label = [...labels].join(' + ') || 'a password';
    const scheme = hashtype as Scheme;
    if (salt === undefined) return new Secret(unsaltedText({ password, scheme, rounds }), label);
    if (!/^[./0-9A-Za-z]{1,16}$/.test(salt))
      throw new Refusal('salt: 1 to 16 letters, digits, dots and slashes are wanted');
    run.budget.spend(rounds ?? defaultRounds);
    return new Secret(
      shaCrypt(password, { scheme, salt, rounds: rounds === defaultRounds ? undefined : rounds }),
      label,
    );
  },
);
