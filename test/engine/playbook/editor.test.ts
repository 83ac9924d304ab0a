import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modules } from '../../../modules/index.ts';

const root = join(import.meta.dirname, '../../..');

/** As much of the language server protocol as an editor needs for completion, hover and errors. */
class Editor {
  readonly #server: ChildProcessWithoutNullStreams;
  readonly #answers = new Map<number, (result: unknown) => void>();
  readonly #diagnostics = new Map<string, (list: { message: string }[]) => void>();
  #buffer = Buffer.alloc(0);
  #id = 0;

  constructor() {
    const program = join(root, 'node_modules/yaml-language-server/bin/yaml-language-server');
    this.#server = spawn(process.execPath, [program, '--stdio']);
    this.#server.stdout.on('data', bytes => this.#receive(bytes));
  }

  request<T>(method: string, params: unknown): Promise<T> {
    const id = ++this.#id;
    this.#send({ id, method, params });
    return new Promise(resolve => this.#answers.set(id, resolve as never));
  }

  notify(method: string, params: unknown): void {
    this.#send({ method, params });
  }

  /** Opens a text as `name` and gives its address and the errors that the editor would show. */
  async open(name: string, text: string): Promise<{ uri: string; errors: string[] }> {
    const uri = `file:///tmp/${name}`;
    const found = new Promise<{ message: string }[]>(resolve => this.#diagnostics.set(uri, resolve));
    this.notify('textDocument/didOpen', { textDocument: { uri, languageId: 'yaml', version: 1, text } });
    return { uri, errors: (await found).map(({ message }) => message) };
  }

  close(): void {
    this.#server.kill();
  }

  #send(message: object): void {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.#server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #receive(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    for (;;) {
      const head = this.#buffer.indexOf('\r\n\r\n');
      const length = Number(
        /Content-Length: (\d+)/i.exec(this.#buffer.subarray(0, Math.max(head, 0)).toString())?.[1],
      );
      if (head < 0 || this.#buffer.length < head + 4 + length) return;
      const message = JSON.parse(this.#buffer.subarray(head + 4, head + 4 + length).toString());
      this.#buffer = this.#buffer.subarray(head + 4 + length);
      if (message.method === 'textDocument/publishDiagnostics') {
        this.#diagnostics.get(message.params.uri)?.(message.params.diagnostics);
      } else if (message.method === 'workspace/configuration') {
        this.#send({ id: message.id, result: message.params.items.map(() => ({})) });
      } else if (message.method !== undefined && message.id !== undefined)
        this.#send({ id: message.id, result: null });
      else this.#answers.get(message.id)?.(message.result);
    }
  }
}

const schemaLine = (name: string) =>
  `# yaml-language-server: $schema=${pathToFileURL(join(root, 'schemas', name))}\n`;
const opened = `${schemaLine('playbook.schema.json')}name: Trial\nhosts: web\nresources:\n`;

describe('an editor with the YAML language server', () => {
  let editor: Editor;
  beforeAll(async () => {
    editor = new Editor();
    await editor.request('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: { textDocument: { completion: { completionItem: { snippetSupport: true } } } },
    });
    editor.notify('initialized', {});
    editor.notify('workspace/didChangeConfiguration', {
      settings: { yaml: { completion: true, hover: true, validate: true } },
    });
  }, 60_000);
  afterAll(() => editor.close());

  interface Item {
    label: string;
    insertText?: string;
    documentation?: string | { value: string };
  }

  /** Where `|` stands in a text that is opened without it. */
  async function openAt(name: string, text: string) {
    const [before] = text.split('|');
    const lines = before!.split('\n');
    const { uri } = await editor.open(name, text.replace('|', ''));
    return {
      textDocument: { uri },
      position: { line: lines.length - 1, character: lines.at(-1)!.length },
    };
  }

  /** Returns the completions at the `|` of `text`. */
  async function items(name: string, text: string): Promise<Item[]> {
    const at = await openAt(name, text);
    return (await editor.request<{ items: Item[] }>('textDocument/completion', at)).items;
  }

  async function offered(name: string, text: string): Promise<string[]> {
    return (await items(name, text)).map(({ label }) => label);
  }

  /** Returns the hover text of the word with the `|`. */
  async function hover(name: string, text: string): Promise<string> {
    const at = await openAt(name, text);
    const shown = await editor.request<{ contents: { value: string } }>('textDocument/hover', at);
    return shown.contents.value;
  }

  it('offers the modules and the keys of a resource', async () => {
    const words = await offered('modules.yml', `${opened}  - |\n`);
    expect(words).toEqual(
      expect.arrayContaining(['apt', 'nginx_site', 'pg_role', 'service', 'name', 'when']),
    );
  });

  it('offers the arguments of a module, and the values of an argument', async () => {
    const words = await offered('arguments.yml', `${opened}  - service:\n      name: nginx\n      |\n`);
    expect(words).toEqual(expect.arrayContaining(['enabled', 'restart_on', 'settle', 'state']));
    expect(words).not.toContain('packages');
    const values = await offered('values.yml', `${opened}  - service:\n      name: nginx\n      state: |\n`);
    expect(values).toEqual(expect.arrayContaining(['running', 'stopped']));
  });

  it('inserts the required arguments of a chosen module', async () => {
    const service = (await items('snippet.yml', `${opened}  - ser|\n`)).filter(
      ({ label }) => label === 'service',
    );
    expect(service.map(({ insertText }) => insertText)).toContain('service:\n    name: ');
  });

  it('explains a module and an argument under the pointer', async () => {
    const text = `${opened}  - service:\n      settle: 3s\n      name: nginx\n`;
    expect(await hover('hover.yml', text.replace('settle', 'set|tle'))).toContain('stay up');
    const module = await hover('module.yml', text.replace('service', 'ser|vice'));
    expect(module).toContain(modules['service']!.summary);
    expect(module).toContain('```yaml');
  });

  it('marks mistakes, and accepts templates and valid playbooks', async () => {
    const wrong = await editor.open('wrong.yml', `${opened}  - service: { name: nginx, enabld: true }\n`);
    expect(wrong.errors.join('\n')).toContain('enabld');
    const right = `${opened}  - service: { name: "{{ app }}", enabled: "{{ on }}", state: running }\n`;
    expect((await editor.open('right.yml', right)).errors).toEqual([]);
  });

  const component = schemaLine('component.schema.json');
  it('knows components', async () => {
    expect(await offered('keys.yml', `${component}|\n`)).toEqual(
      expect.arrayContaining(['description', 'params', 'resources']),
    );
    const params = `${component}params:\n  port:\n    type: integer\n    |\nresources: []\n`;
    expect(await offered('params.yml', params)).toEqual(
      expect.arrayContaining(['default', 'description', 'enum', 'items']),
    );
    expect(await offered('types.yml', params.replace('integer', '|').replace('    |\n', ''))).toEqual(
      expect.arrayContaining(['string', 'integer', 'map']),
    );
    expect(await offered('inside.yml', `${component}resources:\n  - |\n`)).toContain('nginx_site');
    expect(await hover('component.yml', params.replace('type', 'ty|pe').replace('    |\n', ''))).toContain(
      'Type of the value.',
    );
    const wrong = await editor.open('wrong-component.yml', `${component}parms: {}\nresources: []\n`);
    expect(wrong.errors.join('\n')).toContain('parms');
    const right = params.replace('    |\n', '    default: 80\n');
    expect((await editor.open('right-component.yml', right)).errors).toEqual([]);
  });

  const inventory = schemaLine('inventory.schema.json');
  it('knows inventories', async () => {
    const words = await offered('inventory.yml', `${inventory}hosts:\n  web1:\n    |\n`);
    expect(words).toEqual(expect.arrayContaining(['address', 'identity_file', 'port']));
    const ways = await offered('ways.yml', `${inventory}hosts:\n  web1:\n    transport: |\n`);
    expect(ways).toEqual(expect.arrayContaining(['ssh', 'docker']));
    const jump = `${inventory}hosts:\n  web1: { proxy|_jump: gate }\n`;
    expect(await hover('jump.yml', jump)).toContain('ssh -J');
    const wrong = await editor.open('wrong-inventory.yml', `${inventory}hosts: { web1: { prot: 22 } }\n`);
    expect(wrong.errors.join('\n')).toContain('prot');
    const right = `${inventory}hosts: { web1: { port: 22 } }\ngroups: { web: { hosts: [web1] } }\n`;
    expect((await editor.open('right-inventory.yml', right)).errors).toEqual([]);
  });
});
