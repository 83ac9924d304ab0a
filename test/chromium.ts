import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';

/** Returns the path of Chromium; undefined if it is not installed. */
export function chromiumPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders
    .map(folder => join(folder, 'chromium'))
    .find(path => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** `describe` for tests that need Chromium: skipped without it, failed instead when RECONCILE_LAB=required. */
export function describeChromium(title: string, tests: () => void): void {
  if (chromiumPath() !== undefined) describe(title, tests);
  else if (process.env['RECONCILE_LAB'] === 'required')
    it(title, () => {
      throw new Error('RECONCILE_LAB=required, but chromium is not installed');
    });
  else {
    console.warn(`skipped: ${title}: chromium is not installed`);
    describe.skip(title, tests);
  }
}

/** A page in a headless Chromium, driven over the pipe of its DevTools protocol. */
export class ChromiumPage {
  readonly #child: ChildProcess;
  readonly #profile: string;
  // biome-ignore lint/suspicious/noExplicitAny: each command has a result of its own
  readonly #waiting = new Map<number, { resolve(result: any): void; reject(error: Error): void }>();
  #session: string | undefined;
  #count = 0;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    let text = '';
    (child.stdio[4] as NodeJS.ReadableStream).on('data', bytes => {
      const messages = (text + bytes).split('\0');
      text = messages.pop()!;
      for (const message of messages) this.#receive(JSON.parse(message));
    });
    child.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Chromium ended.'));
    });
  }

  /** Starts Chromium and opens an empty page. */
  static async open(path: string): Promise<ChromiumPage> {
    const profile = mkdtempSync(join(tmpdir(), 'reconcile-chromium-'));
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
    ];
    const args = [...flags, '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'];
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
    const page = new ChromiumPage(spawn(path, args, { stdio: [...stdio] }), profile);
    const { targetInfos } = await page.send('Target.getTargets');
    const { targetId } = targetInfos.find(({ type }: { type: string }) => type === 'page');
    const { sessionId } = await page.send('Target.attachToTarget', { targetId, flatten: true });
    page.#session = sessionId;
    return page;
  }

  /** Sends a command of the protocol, and returns its result. */
  // biome-ignore lint/suspicious/noExplicitAny: each command has a result of its own
  send(method: string, params: object = {}): Promise<any> {
    const id = ++this.#count;
    const message = { id, method, params, ...(this.#session && { sessionId: this.#session }) };
    (this.#child.stdio[3] as NodeJS.WritableStream).write(`${JSON.stringify(message)}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** Shows a page of HTML in a window of `width` × 800. */
  async show(html: string, width: number): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', {
      width,
      height: 800,
      deviceScaleFactor: 1,
      mobile: false,
    });
    const { frameTree } = await this.send('Page.getFrameTree');
    await this.send('Page.setDocumentContent', { frameId: frameTree.frame.id, html });
  }

  /** Returns the value of an expression of JavaScript in the page. */
  async value<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  /** Presses and releases a key, such as `Tab`. */
  async press(key: string): Promise<void> {
    const codes: Readonly<Record<string, number>> = { Tab: 9, Enter: 13, ArrowRight: 39 };
    const event = {
      key,
      code: key,
      windowsVirtualKeyCode: codes[key],
      ...(key === 'Enter' && { text: '\r' }),
    };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  /** Ends Chromium and removes its profile. */
  async close(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #receive({ id, result, error }: { id?: number; result?: unknown; error?: { message: string } }): void {
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id!);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new Error(error.message));
  }
}
