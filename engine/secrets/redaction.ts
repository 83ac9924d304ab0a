import type { SecretText } from '../value.ts';

/** Learns every secret text that reaches an argument, before any output can show it. */
export interface SecretSink {
  add(text: string, label: string): void;
}

/**
 * A shorter text occurs in other output by chance: hiding it everywhere would garble that output. The redactor searches for
 * it only in the output of the resources that have it.
 */
const shortestText = 4;

/** A text up to this length is found only as a whole word: it is a part of nearly every word. */
const longestWord = 2;

/** A text of this length is also found if a program broke it into lines, as `base64` does. */
const shortestBroken = 8;

interface Find {
  start: number;
  end: number;
  label: string;
}

/**
 * Removes secrets from all output. It learns each secret text, and replaces that text and its forms in URLs, shells, SQL,
 * JSON, YAML, HTML, base64 and hexadecimal digits by `«label»`.
 */
export class Redactor {
  /** The texts learned so far, because each resource with a secret adds it again. */
  readonly #texts = new Set<string>();
  readonly #labels = new Map<string, string>();
  /** The forms by their beginnings, so that one pass over a text finds all of them. */
  readonly #beginnings = new Map<string, string[]>();
  /** The lengths of the beginnings: that of the shortest text, or less for shorter texts. */
  readonly #lengths = new Set<number>();

  /** Masks `text` from now on. Each line of a text of several lines is a secret, too. */
  add(text: string, label: string): void {
    for (const part of partsOf(text)) if (part.length >= shortestText) this.#addForms(part, label);
  }

  /** Returns a redactor that also masks the short texts among `own`, the secrets of the shown resource. */
  with(own: readonly SecretText[]): Redactor {
    const short = own.filter(({ text }) => text !== '' && text.length < shortestText);
    if (short.length === 0) return this;
    const redactor = new Redactor();
    for (const [form, label] of this.#labels) redactor.#addForm(form, label);
    for (const { text, label } of short) redactor.#addForms(text, label);
    return redactor;
  }

  /** Returns the text with `«label»` in place of every secret. Overlapping secrets are replaced together. */
  mask(text: string): string {
    if (this.#labels.size === 0) return text;
    let masked = '';
    let end = 0;
    for (const find of this.#finds(text)) {
      if (find.start >= end) masked += text.slice(end, find.start) + `«${find.label}»`;
      end = Math.max(end, find.end);
    }
    return end === 0 ? text : masked + text.slice(end);
  }

  #addForms(text: string, label: string): void {
    if (this.#texts.has(text)) return;
    this.#texts.add(text);
    for (const form of formsOf(text))
      if (text.length > longestWord || form === text || form.length >= shortestText)
        this.#addForm(form, label);
  }

  #addForm(form: string, label: string): void {
    if (this.#labels.has(form)) return;
    this.#labels.set(form, label);
    const beginning = form.slice(0, shortestText);
    this.#lengths.add(beginning.length);
    const others = this.#beginnings.get(beginning);
    if (others === undefined) this.#beginnings.set(beginning, [form]);
    else others.push(form);
  }

  /** Returns the occurrences in order. At one place, the longest comes first. */
  #finds(text: string): Find[] {
    const finds = this.#whole(text);
    if (text.includes('\n')) finds.push(...this.#broken(text));
    for (let at = text.indexOf('…'); at !== -1; at = text.indexOf('…', at + 1))
      finds.push(...this.#cutOff(text, at));
    return finds.sort((a, b) => a.start - b.start || b.end - a.end);
  }

  #whole(text: string): Find[] {
    const finds: Find[] = [];
    for (const length of this.#lengths) {
      for (let start = 0; start + length <= text.length; start++) {
        for (const form of this.#beginnings.get(text.slice(start, start + length)) ?? [])
          if (text.startsWith(form, start) && (form.length > longestWord || isWord(text, start, form.length)))
            finds.push({ start, end: start + form.length, label: this.#labels.get(form)! });
      }
    }
    return finds;
  }

  /** Returns the occurrences in the text without its line ends. */
  #broken(text: string): Find[] {
    const kept = [...text.matchAll(/[^\r\n]+/g)];
    let length = 0;
    const starts = kept.map(([line]) => (length += line.length) - line.length);
    const placeOf = (index: number) => {
      const line = starts.findLastIndex(start => start <= index);
      return kept[line]!.index + index - starts[line]!;
    };
    return this.#whole(kept.map(([line]) => line).join(''))
      .filter(({ start, end }) => end - start >= shortestBroken)
      .map(({ start, end, label }) => ({ start: placeOf(start), end: placeOf(end - 1) + 1, label }));
  }

  /** Returns the beginnings of secrets in front of a `…` that replaces the rest. */
  #cutOff(text: string, at: number): Find[] {
    for (const [form, label] of this.#labels) {
      const beginning = form.slice(0, shortestText);
      const from = Math.max(0, at - form.length + 1);
      for (let start = text.indexOf(beginning, from); start !== -1 && start < at; ) {
        if (form.startsWith(text.slice(start, at))) return [{ start, end: at, label }];
        start = text.indexOf(beginning, start + 1);
      }
    }
    return [];
  }
}

/** Whether no letter or digit precedes or follows a part of a text. */
function isWord(text: string, start: number, length: number): boolean {
  return !/[\p{L}\p{N}]/u.test(text.charAt(start - 1) + text.charAt(start + length));
}

/** Returns the text, and each of its lines if it has several. */
function partsOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  return lines.length === 1 ? [text] : [text, text.trim(), ...lines.map(line => line.trim())];
}

function formsOf(text: string): Set<string> {
  return new Set([
    text,
    ...urlForms(text),
    ...base64Forms(text),
    ...quotedForms(text),
    ...escapedForms(text),
    ...markupForms(text),
  ]);
}

function urlForms(text: string): string[] {
  // A half surrogate pair cannot be URL-encoded; Buffer replaces it by U+FFFD.
  const whole = Buffer.from(text).toString();
  const encoded = encodeURIComponent(whole);
  const strictlyEncoded = encoded.replace(/[!'()*]/g, c => '%' + c.charCodeAt(0).toString(16).toUpperCase());
  const form = new URLSearchParams({ x: whole }).toString().slice(2);
  const upper = [encoded, strictlyEncoded, form, encodeURI(whole)];
  const both = upper.flatMap(url => [url, url.replace(/%../g, code => code.toLowerCase())]);
  return both.flatMap(url => [url, url.replaceAll('%20', '+')]);
}

/** Returns the forms in shells, SQL, CSV, Python and unit files. */
function quotedForms(text: string): string[] {
  return [
    text.replaceAll("'", "'\\''"),
    text.replaceAll("'", `'"'"'`),
    text.replaceAll("'", "''"),
    text.replaceAll("'", "''").replaceAll('\\', '\\\\'),
    text.replaceAll('"', '""'),
    text.replaceAll('%', '%%'),
    text.replace(/[\\']/g, '\\$&'),
    text.replace(/[\\"$`]/g, '\\$&'),
    text.replace(/[^\w@%+=:,./\-\u0080-\uffff]/g, '\\$&'),
    text.replaceAll('\\', '\\\\'),
    text.replaceAll('\\', '\\\\').replaceAll('"', '\\"'),
  ];
}

/** Returns the forms in JSON and YAML, with the escapes of different programs, and the bytes in octal and hexadecimal. */
function escapedForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const unicode = (pattern: RegExp, of = json) =>
    of.replace(pattern, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const ascii = unicode(/[\x7f-\uffff]/g);
  const forHtml = unicode(/[<>&'\x7f-\uffff]/g);
  const yaml = json.replace(/[\x7f-\uffff]/g, c => {
    const hex = c.charCodeAt(0).toString(16).toUpperCase();
    return hex.length <= 2 ? `\\x${hex}` : `\\u${hex.padStart(4, '0')}`;
  });
  const all = [json, ascii, forHtml, unicode(/[<>&]/g), yaml].flatMap(one => [
    one,
    one.replaceAll('/', '\\/'),
  ]);
  const hex = Buffer.from(text).toString('hex');
  const octal = text
    .replace(/[\\']/g, '\\$&')
    .replace(/[^ -~]+/g, some =>
      [...Buffer.from(some)].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
    );
  const digits = (one: string) => one.replace(/\\u[0-9a-f]{4}/g, code => `\\u${code.slice(2).toUpperCase()}`);
  return [...all, ...all.map(digits), hex, hex.toUpperCase(), octal];
}

function markupForms(text: string): string[] {
  const tags = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return ['"', '&quot;', '&#34;'].flatMap(double =>
    ["'", '&#39;', '&#039;', '&#x27;', '&apos;'].map(single =>
      tags.replaceAll('"', double).replaceAll("'", single),
    ),
  );
}

/** Returns the base64 of the text, and the part of it that is the same inside of any longer text. */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text);
  const inside = [0, 1, 2].map(before => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const shared = (before + bytes.length) % 3 === 0 ? 0 : 1;
    return encoded.slice(Math.ceil((before * 8) / 6), encoded.length - shared);
  });
  return [bytes.toString('base64'), ...inside.filter(form => form.length >= shortestText)].flatMap(form => [
    form,
    form.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
  ]);
}
