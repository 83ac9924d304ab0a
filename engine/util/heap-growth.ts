import { setFlagsFromString } from 'node:v8';

/**
 * Makes V8 collect the garbage whenever the heap has grown by a third since the last time. By default, it may grow fourfold:
 * with many hosts, that is the garbage of hundreds of finished ones.
 */
export function limitHeapGrowth(): void {
  setFlagsFromString('--heap-growing-percent=33');
}
