/** Shorter texts are left alone: they occur everywhere by chance, so hiding them would hide nothing and garble the rest. */
const shortestText = 3;

/**
 * The one place where secrets are taken out of what is shown. It is told each secret text once and replaces it, and
 * the forms that it takes on its way through URLs, shells, SQL, JSON and base64, by `«label»`.
 */
export class Redactor {
  readonly #labels = new Map<string, string>();
  #pattern: RegExp | undefined;

  /** Has `text` masked from now on. Of a text of several lines each line counts as a secret too. */
  add(text: string, label: string): void {
    const lines = text.split(/\r?\n/);
    const parts = lines.length === 1 ? [text] : [text, text.trim(), ...lines.map(line => line.trim())];
    for (const part of parts) {
      if (part.length < shortestText) continue;
      for (const form of formsOf(part)) if (!this.#labels.has(form)) this.#labels.set(form, label);
    }
    this.#pattern = undefined;
  }

  /** The text with every secret in it replaced by `«label»`; where secrets overlap, all of what they cover goes. */
  mask(text: string): string {
    if (this.#labels.size === 0) return text;
    this.#pattern ??= new RegExp([...this.#labels.keys()].map(escapeForPattern).join('|'));
    if (!this.#pattern.test(text)) return text;
    let masked = '';
    let end = 0;
    for (const find of this.#finds(text)) {
      if (find.start >= end) masked += text.slice(end, find.start) + `«${find.label}»`;
      end = Math.max(end, find.end);
    }
    return masked + text.slice(end);
  }

  /** Every occurrence in order; of those that begin at one place the longest comes first. */
  #finds(text: string): { start: number; end: number; label: string }[] {
    const finds: { start: number; end: number; label: string }[] = [];
    for (const [form, label] of this.#labels) {
      for (let start = text.indexOf(form); start !== -1; start = text.indexOf(form, start + 1)) {
        finds.push({ start, end: start + form.length, label });
      }
    }
    return finds.sort((a, b) => a.start - b.start || b.end - a.end);
  }
}

function formsOf(text: string): Set<string> {
  // What is not a whole character cannot be URL-encoded; Buffer puts U+FFFD in its place.
  const whole = Buffer.from(text).toString();
  const encoded = encodeURIComponent(whole);
  const strictlyEncoded = encoded.replace(/[!'()*]/g, c => '%' + c.charCodeAt(0).toString(16).toUpperCase());
  const urls = [encoded, strictlyEncoded, encodeURI(whole)];
  return new Set([
    text,
    ...urls,
    ...urls.map(url => url.replace(/%../g, code => code.toLowerCase())),
    ...urls.map(url => url.replaceAll('%20', '+')),
    ...base64Forms(text),
    text.replaceAll("'", "'\\''"),
    text.replaceAll("'", "''"),
    text.replaceAll("'", "''").replaceAll('\\', '\\\\'),
    text.replaceAll('\\', '\\\\'),
    text.replaceAll('\\', '\\\\').replaceAll('"', '\\"'),
    text.replaceAll('%', '%%'),
    JSON.stringify(text).slice(1, -1),
  ]);
}

/** Base64 of the text alone, and what stays the same of it wherever it stands inside of a longer text. */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text);
  const inside = [0, 1, 2].map(before => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const shared = (before + bytes.length) % 3 === 0 ? 0 : 1;
    return encoded.slice(Math.ceil((before * 8) / 6), encoded.length - shared);
  });
  return [bytes.toString('base64'), ...inside.filter(form => form.length >= 6)].flatMap(form => [
    form,
    form.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
  ]);
}

function escapeForPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
