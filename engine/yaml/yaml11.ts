import { isMap, type Plain } from '../value.ts';

const constants: Readonly<Record<string, Plain>> = { '': null, '~': null, null: null };
for (const word of ['true', 'yes', 'on']) spell(word, true);
for (const word of ['false', 'no', 'off']) spell(word, false);
spell('null', null);

function spell(word: string, value: Plain): void {
  const capital = word.charAt(0).toUpperCase() + word.slice(1);
  for (const form of [word, capital, word.toUpperCase()]) Object.assign(constants, { [form]: value });
}

const integer =
  /^([-+]?)(?:0b([01_]+)|0x([\da-fA-F_]+)|0([0-7_]+)|(0|[1-9][\d_]*)|([1-9][\d_]*(?::[0-5]?\d)+))$/;
const float =
  /^(?:[-+]?\d[\d_]*(?::[0-5]?\d)+\.[\d_]*|(?:[-+]?\d[\d_]*\.[\d_]*|\.\d[\d_]*)(?:[eE][-+]\d+)?)$/;

/**
 * Returns the value of an unquoted scalar in YAML 1.1, which Ansible reads: `yes` is true, `0644` is octal,
 * `1:30` is ninety. A date stays text.
 */
export function scalar11(source: string): Plain {
  if (Object.hasOwn(constants, source)) return constants[source]!;
  const [whole, sign, binary, hex, octal, decimal, sixty] = integer.exec(source) ?? [];
  if (whole !== undefined) {
    const value = sixty === undefined ? based(binary, hex, octal, decimal) : fromSixty(sixty);
    return sign === '-' ? -value : value;
  }
  if (!float.test(source)) return source;
  const digits = source.replaceAll('_', '');
  const negative = digits.startsWith('-') ? -1 : 1;
  return digits.includes(':') ? negative * fromSixty(digits.replace(/^[-+]/, '')) : Number(digits);
}

function based(binary?: string, hex?: string, octal?: string, decimal = '0'): number {
  const [digits, base] =
    binary !== undefined
      ? [binary, 2]
      : hex !== undefined
        ? [hex, 16]
        : octal !== undefined
          ? [octal, 8]
          : [decimal, 10];
  return Number.parseInt(digits.replaceAll('_', '') || '0', base);
}

function fromSixty(text: string): number {
  return text
    .replaceAll('_', '')
    .split(':')
    .reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** Returns the maps of a merge key, weakest first: one map, or a list in which earlier ones override later ones. */
export function mergedBy(value: Plain): [string, Plain][] | undefined {
  const maps = Array.isArray(value) ? value.toReversed() : [value];
  return maps.every(isMap) ? maps.flatMap(map => Object.entries(map as object)) : undefined;
}
