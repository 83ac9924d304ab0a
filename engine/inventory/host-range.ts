import type { ProblemCode } from '../problem.ts';

/** A mistake in a part of a text: `length` characters from `start` on. */
export interface Fault {
  code: ProblemCode;
  message: string;
  hint?: string;
  start: number;
  length: number;
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const mostHosts = 100_000;

/** Whether a text looks like an IPv6 address, whose colons precede no port. */
export function isAddress6(text: string): boolean {
  return /^[0-9a-f]*:[0-9a-f:]*:[0-9a-f.:]*$/i.test(text);
}

/** Returns the names and the port of `web[01:03].example.com:2222`, or the mistake in it. */
export function hostsOfRange(text: string): { names: string[]; port?: number } | { fault: Fault } {
  const bracketed = /^\[([^[\]]+)\]:(\d+)$/.exec(text);
  const [, pattern = text, digits] =
    bracketed ?? (isAddress6(text) ? [] : (/^((?:[^:[\]]|\[[^\]]*\])+):(\d+)$/.exec(text) ?? []));
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65535))
    return fault(
      `${digits} is not a port: those go from 1 to 65535.`,
      text.length - digits!.length,
      digits!.length,
    );
  if (/:$/.test(pattern) && !isAddress6(pattern))
    return fault(`"${text}" ends with a colon, which stands before a port.`, text.length - 1, 1);
  if (bracketed !== null) return { names: [pattern], port: port! };
  const names: string[] = [];
  const wrong = expand(pattern, 0, names);
  if (wrong !== undefined) return { fault: wrong };
  return port === undefined ? { names } : { names, port };
}

function expand(text: string, from: number, names: string[]): Fault | undefined {
  const start = text.indexOf('[', from);
  if (start < 0) {
    names.push(text);
    return names.length > mostHosts
      ? { ...fault(`This stands for more than ${mostHosts} hosts.`, 0, text.length).fault }
      : undefined;
  }
  const end = text.indexOf(']', start);
  if (end < 0) return fault('The range that opens here is not closed with ].', start, 1).fault;
  const range = valuesOf(text.slice(start + 1, end), start + 1);
  if (!Array.isArray(range)) return range;
  for (const value of range) {
    const wrong = expand(text.slice(0, start) + value + text.slice(end + 1), start + value.length, names);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Returns the texts of a range such as `01:20:2` or `a:c`. */
function valuesOf(range: string, start: number): string[] | Fault {
  const wrong = (message: string) => fault(message, start, range.length).fault;
  const form = 'A range is written as [first:last] or [first:last:step], such as [01:20] or [a:c].';
  const [, first = '', last = '', by = '1'] = /^(\w*):(\w+)(?::(\d+))?$/.exec(range) ?? [];
  const step = Number(by);
  if (last === '') return { ...wrong(`"${range}" is not a range.`), hint: form };
  if (step === 0) return wrong('A range with steps of 0 never ends.');
  const from = first === '' ? '0' : first;
  const numbers = /^\d+$/.test(from) && /^\d+$/.test(last);
  if (!numbers && !(/^[a-z]$/i.test(from) && /^[a-z]$/i.test(last)))
    return { ...wrong(`"${range}" is neither a range of numbers nor of single letters.`), hint: form };
  const [low, high] = numbers ? [Number(from), Number(last)] : [letters.indexOf(from), letters.indexOf(last)];
  if (low > high) return wrong(`The range ${range} goes down: write its lower end first.`);
  const padded = numbers && from.length > 1 && from.startsWith('0');
  if (padded && from.length !== last.length)
    return wrong(`The ends of the range ${range} have different lengths: ${from} has a leading zero.`);
  if ((high - low) / step > mostHosts)
    return wrong(`The range ${range} stands for more than ${mostHosts} hosts.`);
  const values: string[] = [];
  for (let value = low; value <= high; value += step)
    values.push(numbers ? String(value).padStart(padded ? from.length : 0, '0') : letters[value]!);
  return values;
}

function fault(message: string, start: number, length: number): { fault: Fault } {
  return { fault: { code: 'inventory-syntax', message, start, length } };
}
