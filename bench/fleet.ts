/**
 * Measures one controller with 1,000 simulated hosts that have nothing to change: the time of its processors for a host
 * beyond that of the login, and the peak of its memory. Writes that section of docs/benchmarks.md, and exits 1 above 10 ms
 * or 150 MB. `npx tsx bench/fleet.ts [HOSTS [ROUNDS [RECORDING]]]`: with HOSTS, it writes nothing. RECORDING is a file that
 * keeps the talk with a real host, so that later measurements need no lab.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../test/e2e/reconcile.ts';
import { openLab } from '../test/lab/lab.ts';
import type { Recording } from './fleet/conversation.ts';
import { measureFleet, record } from './fleet/measure.ts';
import { beyondLoginMs, fleetSection, largestMB, largestMs, medianOf, withSection } from './fleet/section.ts';

const hosts = Number(process.argv[2] ?? 1000);
const rounds = Number(process.argv[3] ?? 3);
const kept = process.argv[4];
const page = join(import.meta.dirname, '../docs/benchmarks.md');

async function talk(): Promise<Recording> {
  if (kept !== undefined && existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8'));
  const lab = await openLab({ hosts: { web1: 'bookworm' } });
  try {
    const recording = await record(lab.hosts.web1.address, lab.identityFile);
    if (kept !== undefined) writeFileSync(kept, JSON.stringify(recording));
    return recording;
  } finally {
    await lab.close();
  }
}

build();
const measured = await measureFleet(await talk(), hosts, rounds);
const section = fleetSection(measured);
console.log(section);
if (process.argv[2] === undefined) writeFileSync(page, withSection(readFileSync(page, 'utf8'), section));
if (beyondLoginMs(measured) > largestMs || medianOf(measured.own, 'memoryMB') > largestMB)
  process.exitCode = 1;
