/** Artifact stores, for roles that run no tasks. */
export type { ArtifactInfo, ArtifactStore, ByteRange } from '../artifacts.ts';
export { fileArtifactStore } from './file-store.ts';
