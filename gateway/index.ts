export { type Gateway, type GatewayOptions, startGateway } from './gateway.ts';
export type { ApiKeyEntry, ApiKeySource, ArtifactSource, GatewayLog, TaskOutputSource } from './ports.ts';
export { openApi } from './routes/index.ts';
