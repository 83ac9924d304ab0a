import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isVerifier, scramVerifier } from '../../modules/_scram.ts';

describe('a SCRAM verifier', () => {
  test('proves the exchange of RFC 7677', () => {
    const salt = 'W22ZaJ0SNY7soEsUEjb6gQ==';
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const exchange = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=${salt},i=4096,c=biws,r=${nonce}`;
    const [storedKey, serverKey] = keys(scramVerifier('pencil', salt, 4096));
    expect(hmac(serverKey, exchange).toString('base64')).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const signature = hmac(storedKey, exchange);
    const clientKey = Buffer.from(proof.map((byte, i) => byte ^ signature[i]!));
    expect(createHash('sha256').update(clientKey).digest()).toEqual(storedKey);
  });

  test.each([
    [
      'letters beyond ASCII, a ligature, a wide blank, a soft hyphen',
      '\u00e9\ufb01 \u2168\u00a0x\u00ad',
      'SCRAM-SHA-256$4096:/c3oeOskKHsaZiQGt6DYog==$bVBpnfvOIR3JlSwaJWE1kRjkPH1EK0UbFxuhg4vXGUs=:SuuBugsaw0BE6WzXSGjUfKOSWXrH5t+//mMHU5jKOfo=',
    ],
    [
      'quotes and a backslash',
      "p'a\\ss $w\u00f6rd%",
      'SCRAM-SHA-256$4096:iiOUKYbJBM9tcKSPTHX/Gg==$d59o+8bZL8wkGFvvm2ehcLPunGHEKg3mI+WhPckkSG4=:z4MbFbSZx5XVWv8buIu7RUnEDnUwLjC44Wre7om0AEw=',
    ],
    [
      'a control character, which is prohibited',
      '\u2168\u0007',
      'SCRAM-SHA-256$4096:2TNpnb/CslEJPqmJ+NFJeA==$Hp9ZV5z8cYmi7XU2sBVocuvQcjSYYDPjZ6DXDGMBhh4=:0x348EMPdAaVz3EMCU317H2prdVQFTAgwLi1eKj2P0I=',
    ],
    [
      'a character that Unicode 3.2 did not have',
      '\u212b\u{1f600}\ufb01',
      'SCRAM-SHA-256$4096:O8A8P1OC5jBaUnPZU5UERw==$KrS84Au/RBIIJr9oGuMx0gjyjEFCWifOOw2wfbmsBt0=:tmv7FwnxkZGDUqg+NqL9UTBqizjoI61BnCPsaTzpmkA=',
    ],
    [
      'letters of both directions',
      'a\u0628\ufb01',
      'SCRAM-SHA-256$4096:6lFo4KccIXivB9VmOJhHbQ==$Wfsu4XBkZVyGNJVDrZN0Mr82jJyKKY7sbXgKBNoN1WA=:DbPSs3VPgvyggbxlVlQQDAp2WCjftjiTW9DJBw1CzfQ=',
    ],
  ])('is what PostgreSQL 15 made of %s', (_, password, verifier) => {
    expect(scramVerifier(password, /:([^$]+)/.exec(verifier)![1]!, 4096)).toBe(verifier);
  });

  test('has a new salt each time', () => {
    expect(scramVerifier('pencil')).not.toBe(scramVerifier('pencil'));
    expect(isVerifier(scramVerifier('pencil'))).toBe(true);
  });

  test.each([
    ['pencil', false],
    ['SCRAM-SHA-256$4096:salt', false],
    ['md5', false],
    ['md5a3556571e93b0d20722ba62be61e8c2d', true],
  ])('%s is taken for a verifier: %s', (text, expected) => expect(isVerifier(text)).toBe(expected));
});

function keys(verifier: string): [Buffer, Buffer] {
  const [, stored, server] = /\$([^$:]+):([^:]+)$/.exec(verifier)!;
  return [Buffer.from(stored!, 'base64'), Buffer.from(server!, 'base64')];
}

function hmac(key: Buffer, message: string): Buffer {
  return createHmac('sha256', key).update(message).digest();
}
