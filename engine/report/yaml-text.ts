/** Words that YAML 1.2 or YAML 1.1 does not read as text. */
const notText =
  /^(?:true|false|null|~|yes|no|on|off|y|n|[-+.]?[0-9][0-9_.:,-]*(?:e[-+]?[0-9]+)?|0x[0-9a-f]+|0o[0-7]+|\.inf|\.nan)$/i;
const plain = /^[\p{L}\p{N}_./$^+(][\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

/** A text for a block: it begins with a visible character and has no control characters. */
const blockText = /^[^\s\p{C}][^\p{C}\u2028\u2029]*(?:\n[^\p{C}\u2028\u2029]*)+$/u;

/** Returns plain data as YAML in block style, for examples and scaffolds. Ends with a line end. */
export function yamlText(value: unknown, indent = 0): string {
  const pad = ' '.repeat(indent);
  if (Array.isArray(value) && value.length > 0) {
    return value.map(element => `${pad}-${entry(element, indent, true)}`).join('');
  }
  if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    return Object.entries(value)
      .map(([key, inner]) => `${pad}${scalar(key)}:${entry(inner, indent, false)}`)
      .join('');
  }
  return `${pad}${scalar(value)}\n`;
}

/** Returns the value behind a dash or a colon: on the same line if it is short, otherwise below. */
function entry(value: unknown, indent: number, listed: boolean): string {
  if (typeof value === 'string' && blockText.test(value)) return block(value, indent + 2);
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0)
    return ` ${scalar(value)}\n`;
  if (Array.isArray(value) && value.every(element => typeof element !== 'object')) {
    const flow = `[${value.map(element => scalar(element, true)).join(', ')}]`;
    if (flow.length < 80) return ` ${flow}\n`;
  }
  const below = yamlText(value, indent + 2);
  return listed ? ` ${below.trimStart()}` : `\n${below}`;
}

function block(text: string, indent: number): string {
  const keep = text.endsWith('\n\n') ? '+' : text.endsWith('\n') ? '' : '-';
  const pad = ' '.repeat(indent);
  const lines = text.replace(/\n$/, '').split('\n');
  return ` |${keep}\n${lines.map(line => (line === '' ? '\n' : `${pad}${line}\n`)).join('')}`;
}

function scalar(value: unknown, inFlow = false): string {
  if (Array.isArray(value)) return '[]';
  if (typeof value === 'object' && value !== null) return '{}';
  if (typeof value !== 'string') return String(value);
  const safe =
    plain.test(value) &&
    !notText.test(value) &&
    !/: |:$| #|\s$/.test(value) &&
    !(inFlow && /[,[\]{}]/.test(value));
  return safe ? value : JSON.stringify(value);
}
