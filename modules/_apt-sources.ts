/** A stanza of a `.sources` file: the values by their names in small letters, the items of a value in one line. */
export type Stanza = ReadonlyMap<string, string>;

/** Returns the stanzas of a text in the format deb822, without its comments. */
export function parseStanzas(text: string): Stanza[] {
  const lines = text.split('\n').filter(line => !line.startsWith('#'));
  const stanzas = lines.join('\n').split(/\n(?:[ \t]*\n)+/);
  return stanzas.flatMap(stanza => {
    const fields = stanza.replaceAll(/\n[ \t]+/g, ' ').matchAll(/^([^\s:]+):[ \t]*(.*)$/gm);
    const values = new Map([...fields].map(([, name, value]) => [name!.toLowerCase(), value!.trim()]));
    return values.size > 0 ? [values] : [];
  });
}

/** Returns the items of a value in alphabetical order. */
export const itemsOf = (value = ''): string[] => value.split(/\s+/).filter(Boolean).toSorted();

/** Returns a URI without the slashes at its end, which apt adds. */
export const bareUri = (uri: string): string => uri.replace(/\/+$/, '');

/** Whether apt uses the stanza, by the words that it takes for no. */
export const isEnabled = (stanza: Stanza): boolean =>
  !/^(no|false|without|off|disable|0)$/i.test(stanza.get('enabled') ?? 'yes');

/** One suite at one address, as an enabled line or stanza names it. */
export interface Source {
  file: string;
  uri: string;
  suite: string;
  /** Empty for a suite that is a path. */
  components: readonly string[];
  types: readonly string[];
  /** Empty if any key of /etc/apt/trusted.gpg.d counts. */
  signedBy: string;
}

/** Shell that prints the sources of apt: each file behind a line with a form feed and its path. */
export const printSources =
  'for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do [ -f "$f" ] && printf \'\\f%s\\n\' "$f" && cat "$f"; done; :';

/** Returns the sources in the output of `printSources`. */
export function parseSources(printed: string): Source[] {
  return printed.split('\f').flatMap(part => {
    const [file = '', ...lines] = part.split('\n');
    const stanzas = file.endsWith('.sources')
      ? parseStanzas(lines.join('\n')).filter(isEnabled)
      : lines.flatMap(parseLine);
    return stanzas.flatMap(stanza =>
      itemsOf(stanza.get('uris')).flatMap(uri =>
        itemsOf(stanza.get('suites')).map(suite => ({
          ...{ file, uri: bareUri(uri), suite, signedBy: stanza.get('signed-by') ?? '' },
          ...{ components: itemsOf(stanza.get('components')), types: itemsOf(stanza.get('types')) },
        })),
      ),
    );
  });
}

/** Returns a line such as `deb [signed-by=/a.gpg] http://a.example stable main` as a stanza. */
function parseLine(line: string): Stanza[] {
  const [, type = '', options = '', uri, suite, components = ''] =
    /^(deb(?:-src)?)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line.trim()) ?? [];
  if (uri === undefined || suite === undefined) return [];
  const pairs = options.matchAll(/([\w-]+)\+?=(\S+)/g);
  return [
    new Map([
      ...[...pairs].map(([, name, value]) => [name!.toLowerCase(), value!.replaceAll(',', ' ')] as const),
      ['uris', uri] as const,
      ['suites', suite] as const,
      ['types', type] as const,
      ['components', components] as const,
    ]),
  ];
}

/** Returns the variables of /etc/os-release. */
export const osRelease = (text: string): Partial<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/^(\w+)="?([^"\n]*)/gm)].map(([, name, value]) => [name!, value!]));
