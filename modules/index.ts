import type { Module } from '../engine/module.ts';
import * as all from './_all.ts';

/** All modules by their YAML keys. */
export const modules: Readonly<Record<string, Module>> = all;
