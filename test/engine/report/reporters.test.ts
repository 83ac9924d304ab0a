import { stripVTControlCharacters } from 'node:util';
import { Ajv } from 'ajv';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { eventsSchema } from '../../../engine/report/events-schema.ts';
import { jsonReporter } from '../../../engine/report/json.ts';
import { junitReport } from '../../../engine/report/junit.ts';
import { LiveView } from '../../../engine/report/live.ts';
import { plainReporter } from '../../../engine/report/plain.ts';
import { summaryText } from '../../../engine/report/summary.ts';
import { terminalReporter } from '../../../engine/report/terminal.ts';
import { fleetCheck } from './fleet.ts';
import { fullRun, play, recordOf } from './full-run.ts';
import { outcome, result, Sample } from './sample.ts';

const layout = { diff: true, verbosity: 0, applyCommand: 'reconcile apply p.yml' } as const;

const plainLayout = { ...layout, columns: Infinity, color: false, aligned: false };

/** Something that gathers what is written, and looks like a stream of the given size. */
function gather(size: { columns?: number; rows?: number; writableNeedDrain?: boolean } = {}) {
  const written: string[] = [];
  return { ...size, written, write: (text: string) => written.push(text), text: () => written.join('') };
}

describe('--json', () => {
  const lines = (commands: boolean) => {
    const output = gather();
    const reporter = jsonReporter(output, { commands });
    for (const view of fullRun().views) reporter.report(view);
    reporter.notice('Interrupted');
    reporter.showPlan();
    reporter.close();
    return output
      .text()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
  };

  it.each([false, true])('prints lines that conform to the schema (commands: %s)', commands => {
    const validate = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true }).compile(eventsSchema);
    for (const line of lines(commands)) {
      validate(line);
      expect(validate.errors ?? []).toEqual([]);
    }
  });

  it('has a schema that refuses everything but events', () => {
    const validate = new Ajv({ allowUnionTypes: true }).compile(eventsSchema);
    const [first] = lines(false);
    expect(validate({ ...first, more: 1 })).toBe(false);
    expect(validate({ ...first, event: 'resource_started' })).toBe(false);
  });

  it('prints every event except progress', () => {
    expect([...new Set(lines(false).map(({ event }) => event))]).toEqual([
      ...['run_started', 'host_connected', 'host_plan', 'resource', 'host_finished', 'run_finished'],
    ]);
  });

  it('prints commands only on request', () => {
    expect(JSON.stringify(lines(false))).not.toContain('"commands"');
    expect(JSON.stringify(lines(true))).toContain('"commands":[{"command":"psql","output":"ERROR"}]');
  });
});

describe('on a pipe', () => {
  const output = gather();
  const progress = gather();
  const reporter = plainReporter(output, progress, plainLayout);
  for (const view of fullRun().views) reporter.report(view);
  reporter.close();

  it('there are no escape codes', () => {
    expect(output.text() + progress.text()).not.toContain('\u001b');
  });

  it('the result comes at the end and in one piece', () => {
    expect(output.written).toHaveLength(1);
    expect(output.text()).toMatch(/^Flask · 3 hosts\n\n.*\nweb3: unreachable\n$/s);
  });

  it('the progress has only what the result does not repeat', () => {
    expect(progress.text()).toBe('web1 failed, 1 of 3\nweb2 is done, 2 of 3\nweb3 is unreachable, 3 of 3\n');
  });

  it('a check prints nothing before the result', () => {
    const [output, progress] = [gather(), gather()];
    const reporter = plainReporter(output, progress, plainLayout);
    for (const view of fleetCheck(50).views) reporter.report(view);
    expect([progress.text(), output.written.length]).toEqual(['', 1]);
  });

  it('a resource that takes long is reported after 30 s, and whenever the time has doubled', () => {
    vi.useFakeTimers();
    const progress = gather();
    const reporter = plainReporter(gather(), progress, plainLayout);
    const sample = new Sample();
    sample.emit({ event: 'run_started', playbook: 'p.yml', play, check: false, hosts: ['web1'] });
    sample.emit({ event: 'resource_started', host: 'web1', play, name: 'Packages', index: 0, of: 1 });
    sample.emit({ event: 'resource', host: 'web1', play, ...outcome('Packages', 'apt', 'changed') });
    const [begun, started, ended] = sample.views;
    reporter.report(begun!);
    reporter.report(started!);
    vi.advanceTimersByTime(29_999);
    expect(progress.text()).toBe('');
    vi.advanceTimersByTime(120_000);
    reporter.report(ended!);
    vi.advanceTimersByTime(1_000_000);
    expect(progress.text()).toBe(
      'web1: Packages, for 30 s\nweb1: Packages, for 1 min\nweb1: Packages, for 2 min\n',
    );
    reporter.report(started!);
    reporter.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
});

describe('on a terminal', () => {
  afterEach(() => void vi.useRealTimers());
  const start = (output: ReturnType<typeof gather>) => {
    vi.useFakeTimers();
    const reporter = terminalReporter(output, layout);
    const [first, ...rest] = fullRun().views;
    reporter.report(first!);
    return { reporter, rest };
  };

  it('the cursor is hidden while there are live lines and shown before the result', () => {
    const output = gather({ columns: 80, rows: 24 });
    const { reporter, rest } = start(output);
    vi.advanceTimersByTime(250);
    expect(output.text()).toContain('\u001b[?25l');
    expect(output.text()).toContain('0 of 3 hosts done');
    for (const view of rest) reporter.report(view);
    const [live, after] = output.text().split('\u001b[?25h');
    expect(live).not.toContain('web1, ');
    expect(after).toMatch(/^\u001b\[1mFlask/);
    const length = output.written.length;
    vi.advanceTimersByTime(1000);
    expect(output.written).toHaveLength(length);
  });

  it('the screen stands still during a question, and the cursor is shown for the answer', () => {
    const output = gather({ columns: 80, rows: 24 });
    const { reporter, rest } = start(output);
    vi.advanceTimersByTime(100);
    reporter.hold(true);
    expect(output.written.at(-1)).toBe('\u001b[4A\r\u001b[J\u001b[?25h');
    const length = output.written.length;
    reporter.report(rest[0]!);
    vi.advanceTimersByTime(1000);
    expect(output.written).toHaveLength(length);
    reporter.hold(false);
    vi.advanceTimersByTime(100);
    expect(output.written[length]).toBe('\u001b[?25l');
    expect(output.written.at(-1)).toContain('0 of 3 hosts done');
    // The typed text stays in its place: the first frame after it goes up no line.
    expect(output.written.at(-1)).not.toContain('\u001b[4A');
  });

  it('each frame begins where the previous one began, even in a narrowed window', () => {
    const output = gather({ columns: 80, rows: 24 });
    start(output);
    vi.advanceTimersByTime(100);
    vi.advanceTimersByTime(100);
    expect(output.written.at(-1)).toContain('\u001b[4A\r');
    output.columns = 16;
    vi.advanceTimersByTime(100);
    // "web1  connecting" still fits; "0 of 3 hosts done · 0:00" takes two rows now.
    expect(output.written.at(-1)).toContain('\u001b[5A\r');
  });

  it('a terminal that does not keep up receives no frames', () => {
    const output = gather({ columns: 80, rows: 24, writableNeedDrain: true });
    start(output);
    vi.advanceTimersByTime(1000);
    expect(output.written).toEqual(['\u001b[?25l']);
  });

  it('closing during a run shows the cursor again and erases the live lines', () => {
    const output = gather({ columns: 80, rows: 24 });
    const { reporter } = start(output);
    vi.advanceTimersByTime(100);
    reporter.close();
    reporter.close();
    expect(output.written.at(-1)).toBe('\u001b[4A\r\u001b[J\u001b[?25h');
    expect(output.text().split('\u001b[?25h')).toHaveLength(2);
  });

  it('a notice stands above the live lines', () => {
    const output = gather({ columns: 80, rows: 24 });
    const { reporter } = start(output);
    vi.advanceTimersByTime(100);
    reporter.notice('Interrupted');
    expect(output.written.at(-2)).toBe('\u001b[4A\r\u001b[JInterrupted\n');
    expect(output.written.at(-1)).toContain('0 of 3 hosts done');
  });

  it('an interruption before the first frame leaves no echo of the keys', () => {
    const output = gather({ columns: 80, rows: 24 });
    const { reporter } = start(output);
    output.write('^C');
    reporter.close();
    expect(output.written.at(-1)).toBe('\r\u001b[J\u001b[?25h');
  });

  it('the plan can be shown before it is applied', () => {
    const output = gather({ columns: 80, rows: 24 });
    const { reporter, rest } = start(output);
    for (const view of rest.slice(0, 2)) reporter.report(view);
    reporter.showPlan();
    expect(output.written.at(-1)).toContain('App environment');
    expect(stripVTControlCharacters(output.written.at(-1)!)).toMatch(/\nPlan: .* on 1 host\n$/s);
    const length = output.written.length;
    vi.advanceTimersByTime(1000);
    expect(output.written).toHaveLength(length);
    for (const view of rest.slice(2)) reporter.report(view);
    // The signs are explained once, above the question.
    expect(output.text().split('! restarts or reloads')).toHaveLength(2);
  });
});

it('a host that fails before its first resource does not show 0 failed', () => {
  const sample = new Sample();
  const failed = result('failed');
  const problems = [{ code: 'become-failed', message: 'No sudo.', host: 'a' }] as const;
  sample.emit({ event: 'run_started', playbook: 'p.yml', play, check: false, hosts: ['a', 'b'] });
  sample.emit({ event: 'host_finished', host: 'a', result: failed, problems });
  const late = { ...failed, unchanged: 2 };
  sample.emit({ event: 'host_finished', host: 'b', result: late, problems });
  const summary = summaryText(recordOf(sample), { color: false, aligned: false, columns: Infinity });
  expect(summary).toBe('a: failed\nb: 0 changed, 2 unchanged, then failed\n');
  const live = new LiveView(0);
  for (const view of sample.views) live.add(view, 0);
  expect(stripVTControlCharacters(live.lines(0, 80, 24)[0]!)).toBe('a  ✗ failed');
});

describe('the JUnit report', () => {
  const xml = junitReport(recordOf(fullRun()));

  it('has a suite for each host and a case for each resource', () => {
    expect(xml.match(/<testsuite /g)).toHaveLength(3);
    expect(xml).toContain('<testsuite name="web1: Flask" tests="24" failures="1" errors="0" skipped="1"');
    expect(xml).toContain('<testsuite name="web3: Flask" tests="1" failures="0" errors="1" skipped="0"');
    expect(xml).toContain('<failure type="step-failed" message="psql exited 3 &lt;b&gt;&amp;&quot;&#39;">');
  });
});
