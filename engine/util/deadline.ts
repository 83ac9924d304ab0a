const lateMs = 1000;
const graceMs = 2000;

/**
 * Calls `late` after `ms`. A process that stood still, for example on a laptop that slept, finds its timers due before it
 * reads the data that has arrived meanwhile, so it first gets two more seconds for that. Returns a function that cancels
 * the call.
 */
export function deadline(ms: number, late: () => void): () => void {
  const dueMs = performance.now() + ms;
  let timer = setTimeout(() => {
    if (performance.now() - dueMs < lateMs) late();
    else timer = setTimeout(late, graceMs);
  }, ms);
  return () => clearTimeout(timer);
}
