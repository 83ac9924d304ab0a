import fc from '../../random.ts';

const groups = ['g1', 'g2', 'g3', 'g4', 'g-5'];
const hosts = ['h1', 'h2', 'h3.example.com', 'n[1:3]', 'n[02:06:2]', 'h[a:c]', '203.0.113.[7:8]', 'p1:2222'];
const names = ['a', 'b', 'c', 'ansible_user', 'ansible_host'];

/** Characters of which texts come about that may or may not be literals of Python. */
const literalish = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab01.,\'"[]{}()\\#=-_: '), maxLength: 8 }),
  fc.constantFrom(
    'True',
    'true',
    'None',
    '0x1f',
    '007',
    '1_000',
    "['a', 1]",
    '80,443',
    "{'x': [None]}",
    '1e3',
    '-5',
    "'q' 'r'",
    '# no',
  ),
);

/** Unquoted scalars that YAML 1.1 and 1.2 may read in different ways. */
const scalars = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(...'0123789abefox_.:+-'), minLength: 1, maxLength: 7 }),
    fc.constantFrom(
      'yes',
      'No',
      'on',
      'OFF',
      'y',
      'True',
      '~',
      'null',
      'NULL',
      '0644',
      '0o644',
      '1:30',
      '190:20:30',
      '1e3',
      '1.5e+3',
      '.5',
      '2024-05-01',
      '0b11',
      '1_000',
      '"yes"',
      "'007'",
      '{{ x }}',
    ),
  )
  .map(text => (text.startsWith('{{') ? `"${text}"` : text));

function variables(values: fc.Arbitrary<string>) {
  return fc.uniqueArray(fc.tuple(fc.constantFrom(...names), values), {
    selector: ([name]) => name,
    maxLength: 3,
  });
}

const edges = fc.uniqueArray(
  fc.tuple(fc.nat(4), fc.nat(4)).filter(([parent, child]) => parent < child),
  {
    selector: String,
    maxLength: 6,
  },
);

const quoted = (text: string) => `'${text.replaceAll("'", `'"'"'`)}'`;

/** Inventories in INI format: groups in groups, hosts with ranges, and variables of all of them. */
export const randomIni: fc.Arbitrary<string> = fc
  .record({
    ungrouped: fc.subarray(hosts),
    members: fc.tuple(
      ...groups.map(() =>
        fc.array(fc.tuple(fc.constantFrom(...hosts), variables(literalish)), { maxLength: 3 }),
      ),
    ),
    vars: fc.tuple(...[...groups, 'all'].map(() => variables(literalish))),
    edges,
  })
  .map(({ ungrouped, members, vars, edges }) => {
    const host = ([name, set]: [string, [string, string][]]) =>
      [name, ...set.map(([key, value]) => `${key}=${quoted(value)}`)].join(' ');
    const sections = groups.flatMap((name, index) => [`[${name}]`, ...members[index]!.map(host)]);
    const children = edges.flatMap(([parent, child]) => [`[${groups[parent]}:children]`, groups[child]!]);
    const values = [...groups, 'all'].flatMap((name, index) => [
      `[${name}:vars]`,
      ...vars[index]!.map(([key, value]) => `${key}=${value}`),
    ]);
    return [...ungrouped, ...sections, ...children, ...values, ''].join('\n');
  });

/** Inventories of Ansible in YAML: nested groups and values of all kinds. */
export const randomYaml: fc.Arbitrary<string> = fc
  .record({
    members: fc.tuple(
      ...groups.map(() =>
        fc.uniqueArray(fc.tuple(fc.constantFrom(...hosts), variables(scalars)), {
          selector: ([name]) => name,
          maxLength: 3,
        }),
      ),
    ),
    vars: fc.tuple(...[...groups, 'all'].map(() => variables(scalars))),
    edges,
  })
  .map(({ members, vars, edges }) => {
    const map = (set: readonly [string, string][], indent: string) =>
      set.map(([key, value]) => `${indent}${key}: ${value}\n`).join('');
    const group = (name: string, index: number) =>
      [
        `${name}:\n  hosts:\n`,
        ...members[index]!.map(([host, set]) => `    "${host}":\n${map(set, '      ')}`),
        `  vars:\n${map(vars[index]!, '    ')}  children:\n`,
        ...edges.filter(([parent]) => parent === index).map(([, child]) => `    ${groups[child]}:\n`),
      ].join('');
    return `${groups.map(group).join('')}all:\n  vars:\n${map(vars[5]!, '    ')}`;
  });
