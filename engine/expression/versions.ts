import { Refusal } from './evaluation.ts';
import { flag, type Operation, operation, text } from './signature.ts';

type Part = string | number;

/** Returns a negative number if `a` comes first, a positive one if `b` does, else 0. */
type Order = (a: string, b: string) => number;

/** Numbers and words in a row, as Python's LooseVersion. A number and a word at the same place have no order. */
function loose(a: string, b: string): number {
  const parts = (version: string): Part[] =>
    version
      .split(/(\d+|[a-z]+|\.)/)
      .filter(part => part !== '' && part !== '.')
      .map(part => (/^\d+$/.test(part) ? Number(part) : part));
  return inOrder(parts(a), parts(b), (one, other) => {
    if (typeof one === typeof other) return one < other ? -1 : Number(one > other);
    throw new Refusal(
      `the versions ${a} and ${b} have no order: at one place there is a number here and a word there`,
      "Write version_type='debian' for versions of Debian packages.",
    );
  });
}

function inOrder<T>(a: readonly T[], b: readonly T[], order: (one: T, other: T) => number): number {
  for (const [index, one] of a.entries()) {
    if (index >= b.length) return 1;
    const found = order(one, b[index]!);
    if (found !== 0) return found;
  }
  return a.length - b.length;
}

const numbers = (one: number, other: number) => one - other;

function read(version: string, pattern: RegExp, type: string): (string | undefined)[] {
  const found = pattern.exec(version);
  if (found === null) throw new Refusal(`"${version}" is not a version of the type ${type}`);
  return found.slice(1);
}

/** `MAJOR.MINOR[.PATCH][aN|bN]`, as Python's StrictVersion. */
function strict(a: string, b: string): number {
  const parts = (version: string) => {
    const [major, minor, patch, letter, number] = read(
      version,
      /^(\d+)\.(\d+)(?:\.(\d+))?(?:([ab])(\d+))?$/,
      'strict',
    );
    const stage = letter === undefined ? 2 : letter === 'b' ? 1 : 0;
    return [Number(major), Number(minor), Number(patch ?? 0), stage, Number(number ?? 0)];
  };
  return inOrder(parts(a), parts(b), numbers);
}

const semanticPattern =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*))*))?(?:\+[\da-zA-Z.-]+)?$/;

/** Semantic versions, by chapter 11 of semver.org. */
function semantic(a: string, b: string): number {
  const parts = (version: string) => {
    const [major, minor, patch, stage] = read(version, semanticPattern, 'semver');
    return { numbers: [major, minor, patch].map(Number), stage: stage?.split('.') };
  };
  const [one, other] = [parts(a), parts(b)];
  const found = inOrder(one.numbers, other.numbers, numbers);
  if (found !== 0 || one.stage === other.stage) return found;
  if (one.stage === undefined || other.stage === undefined) return one.stage === undefined ? 1 : -1;
  return inOrder(one.stage, other.stage, (left, right) => {
    const [isLeft, isRight] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (isLeft && isRight) return Number(left) - Number(right);
    if (isLeft !== isRight) return isLeft ? -1 : 1;
    return left < right ? -1 : Number(left > right);
  });
}

/** `[EPOCH:]UPSTREAM[-REVISION]`, as dpkg compares them (deb-version(7)). */
export function debianOrder(a: string, b: string): number {
  const parts = (version: string) => {
    const [, epoch = '0', rest = ''] = /^(?:(\d+):)?(.*)$/s.exec(version)!;
    const dash = rest.lastIndexOf('-');
    return dash < 0 ? [epoch, rest, ''] : [epoch, rest.slice(0, dash), rest.slice(dash + 1)];
  };
  return inOrder(parts(a), parts(b), debianPart);
}

function debianPart(a: string, b: string): number {
  const pieces = (part: string) =>
    Array.from(part.matchAll(/(\D*)(\d*)/g), ([, word, digits]) => [word!, digits!]);
  const [left, right] = [pieces(a), pieces(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [[word, digits], [otherWord, otherDigits]] = [left[i] ?? ['', ''], right[i] ?? ['', '']] as [
      string[],
      string[],
    ];
    for (let at = 0; at < Math.max(word!.length, otherWord!.length); at++) {
      const found = rank(word![at]) - rank(otherWord![at]);
      if (found !== 0) return found;
    }
    const found = byDigits(digits!, otherDigits!);
    if (found !== 0) return found;
  }
  return 0;
}

/** `~` comes before the end, letters before all other characters. */
function rank(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  return character.charCodeAt(0) + (/[A-Za-z]/.test(character) ? 0 : 256);
}

function byDigits(a: string, b: string): number {
  const [one, other] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : Number(one > other);
}

const orders: { readonly [type: string]: Order } = {
  loose,
  strict,
  semver: semantic,
  semantic,
  debian: debianOrder,
};

const comparisons: { readonly [operator: string]: (order: number) => boolean } = {
  eq: order => order === 0,
  ne: order => order !== 0,
  lt: order => order < 0,
  le: order => order <= 0,
  gt: order => order > 0,
  ge: order => order >= 0,
};
const signs: { readonly [sign: string]: string } = {
  ...{ '==': 'eq', '=': 'eq', '!=': 'ne', '<>': 'ne', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge' },
};

/** `value is version('1.25', '>=')`. */
export const versionTest: Operation = operation(
  text,
  { version: text, operator: text.or('eq'), strict: flag.maybe(), version_type: text.maybe() },
  (value, args) => {
    const operator = signs[args.operator] ?? args.operator;
    if (!Object.hasOwn(comparisons, operator))
      throw new Refusal(`operator: one of ${Object.keys(signs).join(', ')} is wanted`);
    if (args.strict !== undefined && args.version_type !== undefined)
      throw new Refusal('strict and version_type exclude one another');
    const type = args.version_type ?? (args.strict === true ? 'strict' : 'loose');
    if (!Object.hasOwn(orders, type))
      throw new Refusal(`version_type: one of ${Object.keys(orders).join(', ')} is wanted`);
    if (value === '' || args.version === '') throw new Refusal('a version cannot be empty');
    return comparisons[operator]!(orders[type]!(value, args.version));
  },
);
