import type { KernelOptions } from '../../kernel/kernel.ts';
import type { World } from './world.ts';

/** A bug planted on purpose, to see that it is found: what is wrong, and where. */
export interface Mutation {
  readonly what: string;
  /** In a kernel: at its ports, or in its behaviors. */
  readonly kernel?: (options: KernelOptions, world: World) => KernelOptions;
  /** In what all processes share. */
  readonly world?: (world: World) => void;
}

export const mutations: Readonly<Record<string, Mutation>> = {};
