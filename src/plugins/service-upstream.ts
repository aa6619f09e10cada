import { flag } from '../model/grammar.ts';
import { annotation, definePlugin } from './plugin.ts';

/** Sends requests to a Service's own address, and leaves the choice of an endpoint to the cluster. */
export const serviceUpstream = definePlugin({
  name: 'service-upstream',
  order: 240,
  annotations: {
    'service-upstream': annotation({
      ...flag,
      default: false,
      option: 'service-upstream',
      scope: 'ingress',
      description: "Sends requests to the Service's cluster IP and port instead of its endpoints.",
    }),
  },
  routes({ settings }) {
    return settings['service-upstream'] ? { clusterAddress: true } : {};
  },
});
