import { expect, it } from 'vitest';
import { candidate, installedPackage } from '../../../engine/probe.ts';
import { candidate as candidateKind } from '../../../engine/probes/candidate.ts';
import { installedPackage as packageKind } from '../../../engine/probes/package.ts';

type Of<K extends 'package' | 'candidate'> = { kind: K; name: string };
const output = (text: string) => ({ stdout: Buffer.from(text), stderr: '', exit: 0 });

function packages(text: string, ...names: string[]) {
  const probes = names.map(name => installedPackage(name) as Of<'package'>);
  return packageKind.decode(probes, output(text), '').map(([, reading]) => reading);
}
const installed = (version: string) => ({ value: { status: 'installed', version, held: false } });
const none = { value: null };

it('a package is read for its own architecture', () => {
  const text =
    'amd64\nlib\tamd64\tinstalled\tinstall\t1\nlib\ti386\tinstalled\thold\t2\njq\ti386\tinstalled\tinstall\t3\ndocs\tall\tinstalled\tinstall\t4\nlib\ti386\n';
  expect(packages(text, 'lib', 'lib:amd64', 'lib:i386', 'jq', 'jq:i386', 'docs:amd64', 'docs:i386')).toEqual([
    installed('1'),
    installed('1'),
    { value: { status: 'installed', version: '2', held: true, automatic: true } },
    none,
    installed('3'),
    installed('4'),
    none,
  ]);
});

it('on a host with one architecture, a package needs none', () => {
  expect(packages('jq\tamd64\tinstalled\tinstall\t3\njq\tamd64\n', 'jq', 'curl')).toEqual([
    { value: { status: 'installed', version: '3', held: false, automatic: true } },
    none,
  ]);
});

it('the versions of a package are those for its architecture', () => {
  const policy = (name: string, version: string) =>
    `${name}:\n  Installed: (none)\n  Candidate: ${version}\n  Version table:\n     ${version} 500\n`;
  const probes = ['jq', 'jq:amd64', 'jq:i386'].map(name => candidate(name) as Of<'candidate'>);
  const text = `amd64\n${policy('jq', '1.6')}${policy('jq:i386', '1.7')}`;
  const decoded = candidateKind.decode(probes, output(text), '').map(([, reading]) => reading);
  expect(decoded).toMatchObject([
    { value: { candidate: '1.6' } },
    { value: { candidate: '1.6' } },
    { value: { candidate: '1.7' } },
  ]);
});
