export { detectCapabilities, type DetectOptions, probeFeatures } from './capability-probe.ts';
export {
  capabilitiesOf,
  capabilityPresets,
  type MachineFacts,
  type VersionedFeature,
  versionedFeatures,
} from './capability-table.ts';
export { type NginxBuild, parseNginxV } from './nginx-v.ts';
