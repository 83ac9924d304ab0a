import { describe, expect, test } from 'vitest';
import { readKeyring } from '../../modules/_openpgp.ts';

/** A key of version 4, and the sample of RFC 9580, appendix A.3, which is of version 6. */
const versions = {
  4: `-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEaw2XORYJKwYBBAHaRw8BAQdA3tbXuJPZdJ4UlxyHCKCcZrRzMjt8jIyQWGe2
v7hf5ZW0Fm9uZSA8b25lQGV4YW1wbGUudGVzdD6IkAQTFgoAOBYhBH8bgRLL2W8k
EMDn6lZaTCL7vOwxBQJrDZc5AhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJ
EFZaTCL7vOwxwXwBANl/nfxeAjr07ZrnngTLw9reGufVy8v9MAq1RnY8BvnyAP9p
ncOf7wuEdeDrPT2KbnwDIirCVugpZUBCG27/vk1lAw==
=XIni
-----END PGP PUBLIC KEY BLOCK-----
`,
  6: `-----BEGIN PGP PUBLIC KEY BLOCK-----

xioGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laPCsQYf
GwoAAABCBYJjh3/jAwsJBwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxy
KwwfHifBilZwj2Ul7Ce62azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lw
gyU2kCcUmKfvBXbAf6rhRYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaE
QsiPlR4zxP/TP7mhfVEe7XWPxtnMUMtf15OyA51YBM4qBmOHf+MZAAAAIIaTJINn
+eUBXbki+PSAld2nhJh/LVmFsS+60WyvXkQ1wpsGGBsKAAAALAWCY4d/4wKbDCIh
BssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce62azJAAAAAAQBIKbpGG2dWTX8
j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUWtnNwDEM0g12vYxoWM8Y81W+bHBw805
I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUrk0mXubZvyl4GBg==
-----END PGP PUBLIC KEY BLOCK-----
`,
};

const fingerprints = {
  4: '7F1B8112CBD96F2410C0E7EA565A4C22FBBCEC31',
  6: 'CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9',
};

describe('a keyring', () => {
  test.each([4, 6] as const)('with a key of version %d has its fingerprint', version => {
    const ring = readKeyring(versions[version]);
    expect(ring).toMatchObject({ keys: [{ fingerprint: fingerprints[version] }], isArmoured: true });
  });

  test('has the same keys without its armour, and in several blocks with comments between them', () => {
    const both = readKeyring(`# one\r\n${versions[4].replaceAll('\n', '\r\n')}and\n${versions[6]}`);
    if (typeof both === 'string') throw new Error(both);
    expect(both.keys.map(({ fingerprint }) => fingerprint)).toEqual([fingerprints[4], fingerprints[6]]);
    expect(readKeyring(both.bytes)).toEqual({ ...both, isArmoured: false });
  });

  test.each([
    ['an error page', '<html></html>', 'holds no OpenPGP key'],
    ['nothing', '', 'holds no OpenPGP key'],
    ['a lost end', versions[4].slice(0, 300), 'holds no complete ASCII armour of a public key'],
    [
      'a wrong checksum',
      versions[4].replace('=XIni', '=XInj'),
      'is damaged: the checksum of its ASCII armour is wrong',
    ],
    ['a secret key', Buffer.from([0xc5, 1, 4]), 'holds a secret key'],
    [
      'an old key',
      Buffer.from([0xc6, 6, 3, 0, 0, 0, 0, 0]),
      'holds a key of version 3, which apt does not know',
    ],
    ['a packet that ends too early', Buffer.from([0xc6, 60, 4, 0]), 'holds no OpenPGP key'],
  ])('with %s is refused', (_, bytes, reason) => expect(readKeyring(bytes)).toBe(reason));
});
