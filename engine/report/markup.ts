const names: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A text for HTML or XML, as content or as a quoted attribute. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, character => names[character]!);
}
