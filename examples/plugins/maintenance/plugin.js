// A maintenance page: a switch on an Ingress, with addresses that get through and the time to come back.
//
//   metadata:
//     annotations:
//       cloud-native-gateway.io/plugins: maintenance
//       cloud-native-gateway.io/maintenance.enabled: "true"
//       cloud-native-gateway.io/maintenance.message: "Back at 18:00 UTC"
//       cloud-native-gateway.io/maintenance.allow: 10.0.0.0/8
//
// By schedule: the configuration has no clock, so that the same objects always give the same nginx.conf. Let a
// CronJob set and remove the annotation `enabled`, or keep both Ingresses in Git and let your pipeline switch.

export function plugin(api) {
  const { parse, make } = api;

  return {
    settings: {
      enabled: api.setting({
        parse: parse.boolean,
        default: false,
        onInvalid: 'deny',
        description: 'Whether the page is shown.',
      }),
      message: api.setting({
        parse: parse.text,
        default: make.text('We will be back soon.'),
        description: 'What the page says.',
      }),
      'retry-after': api.setting({
        parse: parse.integer(1, 86400),
        default: 300,
        description: 'Seconds after which clients should ask again.',
      }),
      allow: api.setting({
        parse: parse.addresses,
        default: [],
        onInvalid: 'deny',
        description: 'Addresses and networks that get through, separated by commas.',
      }),
    },

    route({ settings }) {
      if (!settings.enabled) {
        return {};
      }
      return {
        location: {
          message: settings.message,
          allow: settings.allow,
          // Routes with the same list share a variable; those with another have another.
          name: make.name('maintenance', settings.allow),
        },
        // Also for those who get through: harmless on an answer that is no 503.
        responseHeaders: [make.responseHeader('Retry-After', make.text(String(settings['retry-after'])))],
      };
    },

    // Printed once, before all servers: one `geo` for each list of addresses.
    http(used) {
      const lists = new Map(used.map(({ name, allow }) => [name.text, { name, allow }]));
      const names = [...lists.keys()].sort((a, b) => (a < b ? -1 : 1));
      return { lists: names.map((name) => lists.get(name)) };
    },
  };
}
