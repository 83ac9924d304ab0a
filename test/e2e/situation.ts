import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isMap, isScalar, isSeq, parseDocument, stringify, type YAMLMap } from 'yaml';
import { newer, older, type Release } from '../lab/releases.ts';

/** The preparation of a host before a situation's own `start`: the names of test/e2e/layers/*.sh, and `blank`. */
export type Layer = string;

/** The expected outcome of a resource in a check: exactly this one, or `±`. */
export type Shown = 'unchanged' | 'changed' | 'unknown' | '±';

/** Texts by resource, each of which its problem holds, whatever the case. */
export type Words = Readonly<Record<string, readonly string[]>>;

/** The expected outcome of a situation; each kind has its whole law (see situation-law.ts). */
export type Expectation =
  /** It works: what the check shows comes true, and a second apply is silent. */
  | {
      kind: 'works';
      check: Readonly<Record<string, Shown>>;
      /** The sign that a person sees in front of a resource. */
      signs: Readonly<Record<string, string>>;
      /** The resources that are done at every apply, as a command with `always`. */
      restless: readonly string[];
    }
  /** Offline, before any host is contacted; `lines` are those that the problem names. */
  | { kind: 'refused'; codes: readonly string[]; says: readonly string[]; lines: readonly number[] }
  /** By the check, because of what it read; nothing of the host is changed. */
  | { kind: 'blocked'; words: Words; never: readonly string[] }
  /** Offline or by the check. Either way what is said holds the texts and the lines. */
  | { kind: 'stopped'; says: readonly string[]; lines: readonly number[] }
  /** Whichever the engine is able to: it works, as above, or it is stopped, as above. */
  | { kind: 'either'; says: readonly string[]; lines: readonly number[] }
  /** At its turn: the check cannot know it, and shows no failure. */
  | { kind: 'fails'; words: Words; check: Readonly<Record<string, Shown>> };

/** A state of a host and a playbook, as test/e2e/situations/NAME.yml describes them. */
export interface Situation {
  name: string;
  title: string;
  /** Both, or the one that it can be seen on. */
  releases: readonly Release[];
  layer: Layer;
  /** A script for sh that root runs on the host when its layer has booted. */
  start: string;
  /** The files beside the playbook, by path, as text or `!!binary`; the playbook is `play.yml`. */
  files: Readonly<Record<string, string | Uint8Array>>;
  expect: Expectation;
}

const folder = join(import.meta.dirname, 'situations');
const layersFolder = join(import.meta.dirname, 'layers');

/** A comment of the playbook that marks a line which the problem is to name. */
const namedLine = /# named\b/;

/** The script that prepares each layer, by name; one that begins with `# after NAME` stands on another. */
export function layers(): Readonly<Record<Layer, string>> {
  const names = readdirSync(layersFolder).map(file => basename(file, '.sh'));
  const script = (name: string): string => {
    const own = readFileSync(join(layersFolder, `${name}.sh`), 'utf8');
    const base = /^# after (\w+)\n/.exec(own)?.[1];
    return base === undefined ? own : `${script(base)}\n${own}`;
  };
  return Object.fromEntries(names.map(name => [name, script(name)]));
}

/** All situations, sorted by name, and the errors of the files that are not one, by name. */
export function situations(): { all: Situation[]; unreadable: Map<string, Error> } {
  const all: Situation[] = [];
  const unreadable = new Map<string, Error>();
  for (const file of readdirSync(folder).toSorted()) {
    const name = basename(file, '.yml');
    try {
      if (file.endsWith('.yml')) all.push(read(name, readFileSync(join(folder, file), 'utf8')));
    } catch (thrown) {
      unreadable.set(name, thrown as Error);
    }
  }
  return { all, unreadable };
}

const keys = ['title', 'release', 'layer', 'start', 'files', 'playbook', 'expect'];
const kinds: Readonly<Record<string, readonly string[]>> = {
  refused: ['refused', 'says'],
  blocked: ['blocked', 'never'],
  stopped: ['stopped'],
  either: ['either'],
  fails: ['fails', 'check'],
  check: ['check', 'signs', 'restless'],
};

function read(name: string, text: string): Situation {
  const wrong = (what: string): never => {
    throw new Error(`test/e2e/situations/${name}.yml ${what}`);
  };
  const document = parseDocument(text, { customTags: ['binary'] });
  if (document.errors.length > 0) wrong(String(document.errors[0]));
  const written = document.toJS();
  for (const key of Object.keys(written)) if (!keys.includes(key)) wrong(`takes no "${key}"`);
  for (const key of ['title', 'playbook']) if (written[key] === undefined) wrong(`has no "${key}"`);
  const playbook = playbookText(document.get('playbook', true));
  const lines = playbook.split('\n').flatMap((line, at) => (namedLine.test(line) ? [at + 1] : []));
  const layer = written.layer ?? 'blank';
  if (layer !== 'blank' && layers()[layer] === undefined) wrong(`starts from an unknown layer "${layer}"`);
  return {
    name,
    title: written.title,
    releases: [...new Set([older, newer])].filter(release => [undefined, release].includes(written.release)),
    layer,
    start: written.start ?? '',
    files: { ...written.files, 'play.yml': playbook },
    expect: expectation(written.expect ?? {}, lines, wrong),
  };
}

/** The playbook as it is written, comments and all; a map has `hosts: all` and `become: true` where it says nothing. */
function playbookText(node: unknown): string {
  if (isScalar(node)) return String(node.value);
  if (!isMap(node)) throw new Error('a playbook is a text or a map');
  const plays = node.get('plays');
  for (const play of isSeq(plays) ? (plays.items as YAMLMap[]) : [node]) {
    if (!play.has('hosts')) play.set('hosts', 'all');
    if (!play.has('become')) play.set('become', true);
  }
  return stringify(node, { lineWidth: 0 });
}

const listed = (value: unknown): readonly string[] => (value == null ? [] : [value].flat().map(String));

const wordsOf = (value: Record<string, unknown>): Words =>
  Object.fromEntries(Object.entries(value).map(([name, texts]) => [name, listed(texts)]));

/** `expect` as it is written. */
interface Written {
  check?: Record<string, Shown>;
  signs?: Record<string, string>;
  restless?: unknown;
  refused?: unknown;
  says?: unknown;
  blocked?: Record<string, unknown>;
  never?: unknown;
  stopped?: unknown;
  either?: unknown;
  fails?: Record<string, unknown>;
}

function expectation(
  written: Written,
  lines: readonly number[],
  wrong: (what: string) => never,
): Expectation {
  const kind = Object.keys(kinds).find(one => one in written) ?? 'check';
  for (const key of Object.keys(written))
    if (!kinds[kind]!.includes(key)) wrong(`has "${key}" beside ${kind}`);
  const { check = {}, signs = {}, restless, refused, says, blocked, never, stopped, either, fails } = written;
  if (kind === 'refused') return { kind, codes: listed(refused), says: listed(says), lines };
  if (kind === 'blocked') return { kind, words: wordsOf(blocked!), never: listed(never) };
  if (kind === 'stopped') return { kind, says: listed(stopped), lines };
  if (kind === 'either') return { kind, says: listed(either), lines };
  for (const shown of Object.values(check))
    if (!['unchanged', 'changed', 'unknown', '±'].includes(shown)) wrong(`expects an unknown "${shown}"`);
  if (kind === 'fails') return { kind, words: wordsOf(fails!), check };
  return { kind: 'works', check, signs, restless: listed(restless) };
}
