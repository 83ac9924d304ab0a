import { escapeMarkup } from './markup.ts';
import type { RunRecord } from './record.ts';
import type { ResourceView } from './view.ts';

/** Returns the run as JUnit XML for CI systems: a suite for each host and play, a case for each resource. */
export function junitReport(record: RunRecord): string {
  const suites = [...record.plays.values()].flatMap(play =>
    [...play.hosts.values()].map(({ host, resources }) => {
      const cases = [...resources.values()].map(resource => testCase(host, resource));
      const problems = record
        .hostProblems(host)
        .map(({ code, message, cause, hint }) =>
          element('testcase', { classname: host, name: 'host' }, [
            element('error', { type: code, message }, [
              escapeMarkup([message, cause, hint].filter(Boolean).join('\n')),
            ]),
          ]),
        );
      const count = (status: ResourceView['status']) =>
        [...resources.values()].filter(resource => resource.status === status).length;
      const counts = {
        tests: cases.length + problems.length,
        failures: count('failed'),
        errors: problems.length,
        skipped: count('skipped') + count('unknown'),
      };
      return element('testsuite', { name: `${host}: ${play.name}`, ...counts, timestamp: record.startedAt }, [
        ...cases,
        ...problems,
      ]);
    }),
  );
  const attributes = { name: record.playbook, time: seconds(record.durationMs) };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', attributes, suites)}\n`;
}

function testCase(
  host: string,
  { name, module, status, duration_ms, error, skipped, unknown }: ResourceView,
): string {
  const inner: string[] = [];
  if (status === 'failed' || error !== null) {
    const { code = 'step-failed', message = 'failed', cause, hint } = error ?? {};
    const text = [message, cause, hint].filter(Boolean).join('\n');
    inner.push(element('failure', { type: code, message }, [escapeMarkup(text)]));
  }
  if (status === 'skipped') inner.push(element('skipped', { message: skipped ?? '' }, []));
  if (status === 'unknown') inner.push(element('skipped', { message: `unknown here: ${unknown}` }, []));
  if (status === 'changed' || status === 'would_change') inner.push(`<system-out>${status}</system-out>`);
  return element('testcase', { classname: `${host}.${module}`, name, time: seconds(duration_ms) }, inner);
}

function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  inner: readonly string[],
): string {
  const words = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${escapeMarkup(String(value)).replaceAll('\n', '&#10;')}"`,
  );
  const open = `<${name}${words.join('')}`;
  return inner.length === 0 ? `${open}/>` : `${open}>${inner.join('\n')}</${name}>`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}
