import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { readInventory } from '../../../engine/inventory/read-inventory.ts';
import { Components } from '../../../engine/playbook/component.ts';
import { readPlays } from '../../../engine/playbook/play-text.ts';
import { tagSelection } from '../../../engine/playbook/tags.ts';
import type { Problem } from '../../../engine/problem.ts';
import { Templates } from '../../../engine/resolve/arguments.ts';
import { FactsOfOtherHosts } from '../../../engine/resolve/facts-of-other-hosts.ts';
import { scopeOf } from '../../../engine/resolve/scope.ts';
import { Vault } from '../../../engine/secrets/vaulted-values.ts';
import { Problems } from '../../../engine/util/problem-collector.ts';
import { loadPlaybook } from '../../../engine/validate/load-playbook.ts';
import { resolvePlay } from '../../../engine/validate/resolve-play.ts';
import { problemsInBranches } from '../../../engine/validate/unreached-branches.ts';
import { parseYaml } from '../../../engine/yaml/document.ts';
import { PlaybookFiles } from '../../../engine/yaml/source-files.ts';
import fc, { runs } from '../../random.ts';
import { folderOf, modules, problemsIn } from '../workspace.ts';

const hosts = ['a1', 'a2', 'b1', 'b2'];
const groups = { a: ['a1', 'a2'], one: ['a1', 'b1'], late: ['b2'] };

/** Values of which some are wrong where they are used, some are templates, and some are missing. */
const value = fc.constantFrom<unknown>(
  ...[
    1,
    2,
    'x',
    'y',
    true,
    [1],
    [],
    ['x', 'y'],
    { k: 1 },
    '{{ v2 }}',
    '{{ host.name }}',
    '{{ host.groups | length }}',
  ],
  ...[
    '{{ v1 ~ inventory_hostname }}',
    '{{ facts.cpus }}',
    '{{ nothing }}',
    '{{ groups.one }}',
    '{{ vars.v3 }}',
  ],
);
const variables = fc.dictionary(fc.constantFrom('v1', 'v2', 'v3'), value, { maxKeys: 3 });

const term = fc.constantFrom(
  ...[
    'v1',
    'v2',
    'v3',
    'host.name',
    'host.groups | length',
    'facts.hostname',
    'inventory_hostname',
    'done.changed',
  ],
  ...[
    'vars.v2',
    'hosts.a1.vars.v1',
    'hosts.a1.facts.hostname',
    'v1 | default("d")',
    '"s"',
    'item',
    'key',
    'v9',
  ],
);
const text = fc.oneof(
  fc.constantFrom('p', 'q'),
  term.map(it => `{{ ${it} }}`),
  fc.tuple(term, term).map(([one, other]) => `{% if ${one} %}x{% else %}{{ ${other} }}{% endif %}`),
);
const condition = fc.constantFrom(
  ...[
    'v1 == 1',
    "'a' in host.groups",
    'v2 is defined',
    'facts.cpus > 1',
    'done.changed',
    'host.name != "b1"',
    'item == "x"',
  ],
);
const entry = fc
  .record(
    {
      name: fc.constantFrom('First', 'Second', 'Of {{ v1 }}', 'Of {{ item }}', 'On {{ host.name }}'),
      when: condition,
      loop: fc.oneof(
        fc.constantFrom(['x', 'y'], ['x', '{{ v2 }}'], { x: 1, y: 2 }),
        term.map(it => `{{ ${it} }}`),
      ),
      needs: fc.constantFrom(['First'], ['Of 1'], ['On a1'], ['Part'], ['Nobody']),
      register: fc.constant('done'),
      become: fc.constantFrom<unknown>(true, '{{ v3 }}'),
      tags: fc.constantFrom(['t'], ['never']),
      delegate_to: fc.constantFrom('a1', '{{ groups.all[1] }}', '{{ v1 }}', '{{ host.name }}'),
      run_once: fc.constant(true),
      include: fc.constantFrom('part.yml'),
      what: fc.oneof(
        fc.record({
          service: fc.record({
            name: text,
            restart_on: fc.constantFrom(['First'], ['Of {{ v1 }}'], ['Part']),
          }),
        }),
        fc.record({ file: fc.record({ path: text.map(it => `/${it}`), content: text }) }),
        fc.record({
          file: fc.record({ path: fc.constant('/t'), template: fc.constantFrom('t.j2', '{{ v1 }}.j2') }),
        }),
        fc.record({ package: fc.record({ names: fc.constantFrom<unknown>(['x'], '{{ v2 }}') }) }),
      ),
    },
    { requiredKeys: ['what'] },
  )
  .map(({ what, include, register, delegate_to, run_once, ...rest }) =>
    include === undefined
      ? {
          ...rest,
          ...(register && { register }),
          ...(delegate_to && { delegate_to }),
          ...(run_once && { run_once }),
          ...what,
        }
      : { ...rest, include, with: { given: '{{ v1 }}' } },
  );
const component = `params: { given: { type: string, default: "{{ host.name }}" } }
resources:
  - file: { path: "/part/{{ given }}", content: "{{ host.address }}" }
    name: Part
  - service: { name: "{{ given }}", restart_on: [Part] }`;

const placed = ({ code, at }: Problem) => `${basename(at?.file ?? '')}:${at?.line}:${at?.column} ${code}`;

/** Each place once: rounds of a loop, and includes, can have the same there. */
const placesOf = (problems: readonly Problem[]) => [...new Set(problems.map(placed))];

/**
 * What is wrong for each host when it is resolved by itself, without sharing anything with others, and what is wrong for
 * all of them where none gets to.
 */
function wrongAlone(path: string): Record<string, string[]> {
  const reading = new Problems();
  const inventory = readInventory([], path, reading, { vault: new Vault(undefined), secrets: undefined });
  const doc = parseYaml(readFileSync(path, 'utf8'), path);
  const [text] = readPlays(doc, { modules, components: new Components(modules) }, reading);
  const files = new PlaybookFiles(path);
  const otherFacts = new FactsOfOtherHosts();
  const surroundings = { inventory, variables: text!.vars, secrets: {}, otherFacts };
  const templates = new Templates(files);
  const options = { inventory, otherFacts, registered: {}, files, templates, earlier: [], offline: true };
  const selects = tagSelection({}, [], reading);
  const alone = [...inventory.hosts.values()].map(host => {
    const own = new Problems();
    own.add(...reading.all());
    own.attempt(() =>
      resolvePlay(text!, scopeOf(host, undefined, surroundings), { ...options, host, selects }),
    );
    return [host.name, placesOf(own.all())] as const;
  });
  const met = new Set(alone.flatMap(([, problems]) => problems.map(problem => problem.split(' ')[0])));
  const elsewhere = problemsInBranches(text!, surroundings, files, templates)
    .map(placed)
    .filter(problem => !met.has(problem.split(' ')[0]));
  return Object.fromEntries(alone.map(([name, problems]) => [name, [...problems, ...elsewhere].toSorted()]));
}

/** The same as a playbook is loaded for all of them. */
function wrongTogether(path: string): Record<string, string[]> {
  const found = problemsIn(() => loadPlaybook(path, { modules }).warnings());
  const of = (name: string) =>
    found.filter(({ host }) => host === undefined || host.split(', ').includes(name));
  return Object.fromEntries(hosts.map(name => [name, placesOf(of(name)).toSorted()]));
}

test('hosts that share resolved resources have the problems that each has alone', () => {
  const place = folderOf({ 'part.yml': component, 't.j2': '{{ v2 }} {{ host.groups | join }}' });
  const path = join(place, 'playbook.yml');
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 5 }),
      fc.tuple(...hosts.map(() => variables)),
      fc.tuple(...Object.keys(groups).map(() => variables)),
      variables,
      (resources, ofHosts, ofGroups, vars) => {
        const inventory = {
          hosts: Object.fromEntries(hosts.map((name, index) => [name, { vars: ofHosts[index] }])),
          groups: Object.fromEntries(
            Object.entries(groups).map(([name, members], index) => [
              name,
              { hosts: members, vars: ofGroups[index] },
            ]),
          ),
        };
        writeFileSync(join(place, 'inventory.yml'), JSON.stringify(inventory));
        writeFileSync(path, JSON.stringify({ hosts: 'all', vars, resources }));
        expect(wrongTogether(path)).toEqual(wrongAlone(path));
      },
    ),
    { numRuns: runs(30) },
  );
}, 120_000);
