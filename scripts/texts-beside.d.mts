import type { Plugin } from 'esbuild';

export const textsBeside: Plugin;
