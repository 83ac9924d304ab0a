import { writeFileSync } from 'node:fs';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FileContent } from '../../engine/util/file-content.ts';
import { statOf } from '../../engine/util/stat.ts';
import { compareVersions, readDeb } from '../../modules/_deb-file.ts';
import { decompressXz } from '../../modules/_xz.ts';
import { scratch } from '../engine/shell.ts';

/** The same package, as dpkg-deb compresses it. */
const packages = {
  gzip: 'ITxhcmNoPgpkZWJpYW4tYmluYXJ5ICAgMCAgICAgICAgICAgMCAgICAgMCAgICAgMTAwNjQ0ICA0ICAgICAgICAgYAoyLjAKY29udHJvbC50YXIuZ3ogIDAgICAgICAgICAgIDAgICAgIDAgICAgIDEwMDY0NCAgMjQ5ICAgICAgIGAKH4sIAAAAAAACA+3RwUvDMBQG8JzzV7zjBJe16dJBmEPBo4In72mMNpg1Jc3AP9/Y41B3qiB8PwjvQT54h09s2OKqYqfUPIvz+c2+a5VkpNgfOE3ZJCKWYsy/5S79/1NiY+OQUwwL999utz/2L5uz/utaqopRhf4X92Tsu3lzmvomxxj4s0uTj4OmWktRrWt+l2zvs7P5lErKhMAfjR9yeS5pejAd7YPpbt2HOY7BCRuPB37vRje8TJqC72xLq8MNSdFcXXMq0fVoUi6RySY/5vmWofk2xVfKvfsKcQYAAAAAAAAAAAAAAAAAAAAAABd9AgRzlAIAKAAACmRhdGEudGFyLmd6ICAgICAwICAgICAgICAgICAwICAgICAwICAgICAxMDA2NDQgIDkxICAgICAgICBgCh+LCAAAAAAAAgPtyrEJgDAABMCMkglUhJh5nCAQdX+DpYhWprpr/uF/GMPvpiandGVzz4eelzSHmEIHx7avNcZQS9nffl87AAAAAAAAAAAAdHQC8LjVuAAoAAAK',
  xz: 'ITxhcmNoPgpkZWJpYW4tYmluYXJ5ICAgMCAgICAgICAgICAgMCAgICAgMCAgICAgMTAwNjQ0ICA0ICAgICAgICAgYAoyLjAKY29udHJvbC50YXIueHogIDAgICAgICAgICAgIDAgICAgIDAgICAgIDEwMDY0NCAgMzIwICAgICAgIGAK/Td6WFoAAATm1rRGBMCAAoBQIQEWAAAAAAAAAHggkErgJ/8A+F0AFwu8HH0BlcAdSj55Fb94+k2ePc5M6nMbu0dOjn0Gi9X/vyaEOIV1g0aBLJruq20gUkgZ9hT2JlPCr3XVukNcpT44no/kLHurSABATbnZDyAI1NgP8sQNSufv1vZroAejjc2rbMZME4Clf/QO6piAqO4duDWhwWPtWQLQ0vcQiHJJwOh7iUxVpNtJh7SSJ42uEqWjNKHL0JqZI6Ok4O2Qr2j4c6xlGjUhv6LxdomUdPEcZG8bj04wzAr9GQbXwE2lg584zUvmK8NcHGiETbuEYRuFaP5vXw7Q9/o1LM693fH//VrVZjNWvklSdmvV52zigOXMOZnABwAA6ywU0uf8XIcAAZwCgFAAAA7J1FKxxGf7AgAAAAAEWVpkYXRhLnRhci54eiAgICAgMCAgICAgICAgICAgMCAgICAgMCAgICAgMTAwNjQ0ICAxNTYgICAgICAgYAr9N3pYWgAABObWtEYEwFyAUCEBFgAAAAAAAAAAbakTWuAn/wBUXQAXC7wcfQGVwB1KPnkVv3j6TZ49zkzqcxu7R06OfQaL1f+/JoQ4hXWDRoEsy8H30DPlpkOYeotbpHwJXSJCWRAF63nDB8hCowJt5wN/i36v33K3Xg8A5TdBksnRlRoAAXiAUAAAAEHkz16xxGf7AgAAAAAEWVo=',
  zstd: 'ITxhcmNoPgpkZWJpYW4tYmluYXJ5ICAgMCAgICAgICAgICAgMCAgICAgMCAgICAgMTAwNjQ0ICA0ICAgICAgICAgYAoyLjAKY29udHJvbC50YXIuenN0IDAgICAgICAgICAgIDAgICAgIDAgICAgIDEwMDY0NCAgMjQwICAgICAgIGAKKLUv/WQAJxUHAKKMKCBQa9sAmFM6G5z0JIMsiZNoKY7BPNHoe1tw4LiSmZgMZYiZT4bO3Hect4cb6H0dxLIvkUBAklQSMABSaYt7yZ6Fhh1uIIajW+LnOPaBC5Z9A7nsQTLnxu03bhHQe5uM/fGN3zHNDRCC0KQYkqxp9zgroNf9CZOMG9ahbQJqoi6FIIqJUoVCwdf+TbdEwu92zPT954ErUS1loYqqutZCVRUTKRcAAwN4eP41F6mZPxoGvEEQ/gBBBQDScStcENqsEDhfGuwVgAMT0gAFQ+EACD8A6WDFzwewAoBj5TI+gSFRP5xdZGF0YS50YXIuenN0ICAgIDAgICAgICAgICAgIDAgICAgIDAgICAgIDEwMDY0NCAgNzkgICAgICAgIGAKKLUv/WQAJw0CAFQCLi8AMDAwMDc1NTAwMAAwMDc2NTIAIDUAdXN0YXIgIAByb290AAoAtAbwMBQOgPADkA5W/HwAKwA4Vi7jExgCRHIFCwo=',
};
const h3tool = { name: 'h3tool', version: '1:2.0-1', architecture: 'all' };
const bytesOf = (base64: string) => Buffer.from(base64, 'base64');

describe('a .deb', () => {
  it.each(['gzip', 'xz'] as const)('tells its name, version and fields if it is compressed with %s', way => {
    const deb = readDeb(bytesOf(packages[way]));
    expect(deb).toMatchObject(h3tool);
    expect(typeof deb === 'object' && deb.fields.get('depends')).toBe('libc6 (>= 2.3), lab-part');
  });

  it('needs a newer Node.js if it is compressed with zstd', () => {
    const deb = readDeb(bytesOf(packages.zstd));
    if ('zstdDecompressSync' in zlib) expect(deb).toMatchObject(h3tool);
    else expect(deb).toMatch(/zstd.*22\.15/);
  });

  it('is read from its beginning if it is large', () => {
    const file = `${scratch()}/large.deb`;
    writeFileSync(file, Buffer.concat([bytesOf(packages.xz), Buffer.alloc(5_000_000)]));
    expect(readDeb(new FileContent(file, 'large.deb', statOf(file)!))).toMatchObject(h3tool);
  });

  it.each([
    ['is no Debian package', Buffer.from('<html>')],
    ['has no control file where a Debian package has it', bytesOf(packages.gzip).subarray(0, 150)],
    ['is damaged', Buffer.from(bytesOf(packages.xz).toString('latin1').replace('7zXZ', '7zXY'), 'latin1')],
  ])('%s', (says, bytes) => {
    expect(readDeb(bytes)).toContain(says);
  });
});

describe('xz', () => {
  const text = Array.from({ length: 120 }, (_, i) => `line ${(i * i) % 97}\n`).join('');
  const plain = Buffer.concat([Buffer.from(text), Buffer.from(Array.from({ length: 256 }, (_, i) => i))]);
  const ways = [
    [
      'with the settings of dpkg-deb',
      '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ASqAapdADYaSh8IoCXB3pS6kNmvCIgL4jyvjhpqn4NuIJhqUZTUwVHTnlOAOK9fJI3UlpVSH93fNEeK5+UuJtvQibBh9j2z3zfZGiWJh53y5i5UItUq5R9bvwJpIBGTEpbtRA55m1H/YVLSNMkkXdim81dW9rp+IkDHDoKWWG+Lelma8JGoqcREeOv0PpgrfPa1or1RbRkMf/jOPezf69XFPQMMeIBHfReWlQcbX/fmfqTSmGOuRnubi7gprrzEvfkGr6BtCPTt4iqB/M59vPONDGxBvLRKZP3dXl17OdIZjl78RgBU8G6ktDoAi8y/v+XljJcHT8JYCgGtMp8Q9QXvuqVBcGP775ePXyJjny7VY2J1qfgKZJOq/APpiaP9nsKLgPi5w+AWwO+n5O9RFQsSmyNKaglDThWra5AH+xH6KnBBu95tW6ezJfXgKBrimQcsCSNz5PMPSe5JNvfl+fNGOe6G4oxUSonro6PvjPB7fVZDADYo4OpSgvoW2r8Vmz4YxhocefDrJZvPAlllWvluOvM75NqPt2GeFwkGA2KWU2RtL2pVvTCGKq2j1rg53AAAAC1SoVebUFfxAAHGA6sJAAAv9v/WscRn+wIAAAAABFla',
    ],
    [
      'in blocks, with another literal context',
      '/Td6WFoAAAD/EtlBAgAhARYAAAB0L+Wj4AHzAJATADYbHRTfEeW17SL3ip2Bsh14C89uG0f8z5r0K9D7E7nY6ZRZGKj8GTVMFtPMzOE9nee55BctDYt3JfvMsaVGj2kIzzgTFENTyLZfwzC6Dmsmbfw/a8rJ1js3yQNy+zVgNvMfGZx5z4RHSA1jomVVzpuPYaKjsU9GRohfN2laxr1f9jrCqJIjyxHcNP/auFMmLgACACEBFgAAAHQv5aPgAfMAwBMAHA6vZmAKX1piCJVICuqmNbpVvRzxaaN62rcpxb4y/DDitnefb4Q44XrmnLhtCVpD5qh2LDG2lFJk9xMSHEVwozmvk9sCJJOfs98QVx84L4G8PtHzKv4vMNk02bANe8jYGBzjAlCODoOIXW8dsyfrGQBUITV/2MuNeq50ywaiyYIcojNlVsDjDirSnq84IG50MIUGUYLTSepT3lq6eu0EftArLjgxS1ZMB7VwnkBlo/Wcm4HduuShAivKdiy5YjeaAAIAIQEWAAAAdC/lo+AAwgDBEwAekACjsa/8hwksXtXIElAH1sXvDzz8BAQeF67t/iJGZjiw2E3iYbmu3QcWAnE6ORq6CNHum6vx0KOJvOFCCylimrAlq9Kvjg6J7VN4OVbHrzsBbkRZHtnSRN4LVYUEAUamq+gKXX6ktzGOtm6DvPzvl0wSFvqFsDF/DT/+H/WPDKvnybst/4AusV3wRz7dKEr7SwIq3ViWyQV3FKN05mnfQydAPvVkvO7eQqZDYmT3vxy4faJDCJkpCPwhTlwQ4DAAAAAAAAADpAH0A9QB9APVAcMBAABM52O4teNTKgQAAAAAAFla',
    ],
  ] as const;

  it.each(ways)('is decompressed %s', (_, base64) => {
    expect(decompressXz(bytesOf(base64), 10_000).equals(plain)).toBe(true);
  });

  it('is refused if it is cut, or grows beyond the limit', () => {
    const bytes = bytesOf(ways[0][1]);
    expect(() => decompressXz(bytes.subarray(0, 200), 10_000)).toThrow('ends too early');
    expect(() => decompressXz(bytes, 100)).toThrow('too much');
  });
});

it.each([
  ['1.0~rc1', '1.0'],
  ['1.0', '1.0-1'],
  ['1.9', '1.10'],
  ['1.0-1~bpo12+1', '1.0-1'],
  ['1.0a', '1.0+deb12u1'],
  ['9.0', '1:0.1'],
  ['1.0-1-2', '1.0-2-1'],
  ['7.88.1-10+deb12u5', '7.88.1-10+deb12u14'],
])('version %s is older than %s', (older, newer) => {
  expect(compareVersions(older, newer)).toBeLessThan(0);
  expect(compareVersions(newer, older)).toBeGreaterThan(0);
  expect(compareVersions(older, older)).toBe(0);
});

it('a missing epoch and a missing revision are 0', () => {
  expect(compareVersions('1.0', '0:1.0-0')).toBe(0);
});
