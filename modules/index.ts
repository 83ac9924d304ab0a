import type { Module } from '../engine/module.ts';
import * as all from './_all.ts';

/** Every resource type by its YAML key. */
export const modules: Readonly<Record<string, Module>> = all;
