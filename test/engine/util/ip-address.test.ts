import { expect, it } from 'vitest';
import { ipVersion, normalIp } from '../../../engine/util/ip-address.ts';

it('knows the version of an address', () => {
  expect(['10.0.0.1', 'fd00::1', 'fe80::1%eth0', '10.0.0.500', 'db'].map(ipVersion)).toEqual([4, 6, 6, 0, 0]);
});

it('spells equal addresses equally', () => {
  expect(['FD00:0:0::05', '0:0:0:0:0:0:0:1', 'FE80::1%eth0', '10.0.0.1'].map(normalIp)).toEqual([
    'fd00::5',
    '::1',
    'fe80::1%eth0',
    '10.0.0.1',
  ]);
});
