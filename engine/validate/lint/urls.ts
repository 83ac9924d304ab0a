import type { Body, Node, Statement } from '../../expression/expression.ts';
import type { Variable } from '../../expression/variables.ts';
import type { Rule } from './rule.ts';

/** `scheme://user:password@`, where a private character stands for each expression. */
const urls = /[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s/@:"']*:([^\s/@"']*)@/g;
const first = 0xe000;
const expressions = /[\ue000-\uf8ff]/g;

export const urlPassword: Rule = {
  code: 'url-password',
  explanation:
    'A password is put into a URL as it is. One with @, / or % in it would make another URL, and the program that reads it would connect elsewhere or not at all. Encode it: `postgresql://app:{{ secrets.db_password | urlencode }}@127.0.0.1/app`.',
  *check({ resources, variables }) {
    const message = 'This goes into the password of a URL without being encoded.';
    const hint = 'Add the filter to the expression: | urlencode';
    for (const { tree, at } of variables) {
      if (tree.kind === 'template' && bareIn(tree.template.body, variables).length > 0)
        yield { message: 'The password of this URL is not encoded.', hint, at };
    }
    for (const { texts, text } of resources)
      for (const { body, where } of texts.filter(({ source }) => source.includes('://')))
        for (const { start, end } of bareIn(body, variables))
          yield { message, hint, at: where(start, end - start), of: text };
  },
};

/** Returns the expressions of a body that are a password, or a part of one, and may contain any character. */
function bareIn(body: Body, variables: readonly Variable[]): Node[] {
  const nodes: Node[] = [];
  const text = body.map(statement => asText(statement, nodes)).join('');
  const passwords = [...text.matchAll(urls)].flatMap(([, password]) => [...password!.matchAll(expressions)]);
  const found = passwords.map(([character]) => nodes[character.charCodeAt(0) - first]!);
  return [
    ...found.filter(node => !isEncoded(node, variables)),
    ...body.flatMap(bodiesOf).flatMap(inner => bareIn(inner, variables)),
  ];
}

function asText(statement: Statement, nodes: Node[]): string {
  if (statement.kind === 'text') return statement.text;
  return statement.kind === 'output' ? nodeText(statement.value, nodes) : ' ';
}

function nodeText(node: Node, nodes: Node[]): string {
  if (node.kind === 'literal') return String(node.value);
  if (node.kind === 'concat') return node.operands.map(each => nodeText(each, nodes)).join('');
  if (node.kind === 'binary' && node.operator === '+')
    return nodeText(node.left, nodes) + nodeText(node.right, nodes);
  return String.fromCharCode(first + (nodes.push(node) - 1));
}

const harmless = new Set(['urlencode', 'sha256', 'int', 'length']);

/** Whether the value of an expression is safe in a URL, also through a variable. */
function isEncoded(node: Node, variables: readonly Variable[]): boolean {
  if (node.kind === 'filter') return harmless.has(node.name) || isEncoded(node.input, variables);
  if (node.kind === 'literal') return true;
  if (node.kind === 'choice') {
    const branches = [node.chosen, ...(node.otherwise === undefined ? [] : [node.otherwise])];
    return branches.every(each => isEncoded(each, variables));
  }
  if (node.kind !== 'name') return false;
  const tree = variables.findLast(({ name }) => name === node.name)?.tree;
  if (tree?.kind !== 'template') return false;
  const rest = variables.filter(({ name }) => name !== node.name);
  return tree.template.body.every(part => part.kind === 'output' && isEncoded(part.value, rest));
}

function bodiesOf(statement: Statement): Body[] {
  const { body, otherwise } = statement as { body?: Body; otherwise?: Body };
  return [body, otherwise].filter(inner => inner !== undefined);
}
