import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/lab/**'],
          setupFiles: 'test/own-state.ts',
          // Loading the program anew for each file would take half of the time.
          isolate: false,
          // For what hangs: a busy machine takes as long as it takes.
          testTimeout: 600_000,
          // One more than there are cores: some tests wait for programs.
          maxWorkers: availableParallelism() + 1,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/e2e/**/*.test.ts', 'test/lab/**/*.test.ts'],
          setupFiles: 'test/own-state.ts',
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // Each file has hosts of its own, and mostly waits for them.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
