import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** Whether `text` is a verifier, which PostgreSQL stores unchanged, and not a password. */
export const isVerifier = (text: string): boolean =>
  /^SCRAM-SHA-256\$\d+:[\w+/=]+\$[\w+/]{43}=:[\w+/]{43}=$|^md5[0-9a-f]{32}$/.test(text);

/**
 * Returns the verifier that PostgreSQL stores for a password or a verifier (RFC 5803, RFC 7677), so that the password
 * never leaves the controller. `salt` is base64; without it, the salt is random and two calls differ.
 */
export function scramVerifier(
  password: string,
  salt = randomBytes(16).toString('base64'),
  iterations = 4096,
): string {
  if (isVerifier(password)) return password;
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const salted = pbkdf2Sync(prepare(password), Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt}$${storedKey}:${serverKey}`;
}

/**
 * SASLprep (RFC 4013) as PostgreSQL applies it. It leaves ASCII unchanged, and any password with characters that are
 * prohibited, missing from Unicode 3.2, or of mixed directions. Below U+10000, the characters missing from this Node's
 * Unicode stand for those missing from Unicode 3.2; the error matters only beside characters that NFKC changes.
 */
function prepare(password: string): string {
  const mapped = password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/\u034f|[\ufe00-\ufe0f]|[\u180b-\u180d]|\u200d|[\u00ad\u1806\u200c\u2060\ufeff]/g, '')
    .normalize('NFKC');
  const keeps = /^[\0-\x7f]*$/.test(password) || mapped === '' || prohibited.test(mapped) || mixed(mapped);
  return keeps ? password : mapped;
}

const prohibited =
  /[\p{C}\p{Zl}\p{Zp}\u2ff0-\u2ffb\ufffc\ufffd]|(?![\u{10300}-\u{1044d}\u{1d000}-\u{1d7ff}\u{20000}-\u{2fa1d}])[\u{10000}-\u{10ffff}]/u;

/** Whether a text with right-to-left letters also has other letters, or does not begin and end with right-to-left ones. */
function mixed(text: string): boolean {
  const rtl = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/gu;
  if (!rtl.test(text)) return false;
  return /\p{L}/u.test(text.replace(rtl, '')) || !/^_(.*_)?$/su.test(text.replace(rtl, '_'));
}
