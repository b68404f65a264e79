/** The worker and its sandboxes: what other layers may use. */

export { fileArtifactStore } from './artifacts/file-store.ts';
export type { Artifact, ArtifactInfo, ArtifactStore, ByteRange } from './artifacts.ts';
export type { Driver, EndReason, Job, Outcome, Program } from './driver.ts';
export { type ProcessDriverOptions, processDriver } from './drivers/process.ts';
export { type ThreadDriverOptions, threadDriver } from './drivers/thread.ts';
export type { Handler, HandlerContext, HandlerDefinition } from './handler.ts';
export type { Enforcement, NetworkMode, TaskLimits } from './limits.ts';
export type { NetworkPolicy } from './network-policy.ts';
export { startWorker } from './worker.ts';
export type { WorkerLog } from './worker-log.ts';
export type { RunningWorker, WorkerOptions, WorkerStats } from './worker-options.ts';
