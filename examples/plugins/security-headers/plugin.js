// Headers that tell browsers to be careful, on every answer of a route, errors included.
//
//   metadata:
//     annotations:
//       cloud-native-gateway.io/plugins: security-headers
//       cloud-native-gateway.io/security-headers.frame-options: SAMEORIGIN
//       cloud-native-gateway.io/security-headers.content-security-policy: "default-src 'self'"

export function plugin(api) {
  const { parse, make } = api;

  return {
    settings: {
      'frame-options': api.setting({
        parse: parse.choice('DENY', 'SAMEORIGIN'),
        default: make.keyword('DENY'),
        // Whoever writes this wants to keep something out: a wrong value closes the route.
        onInvalid: 'deny',
        description: 'Who may show the pages in a frame: DENY or SAMEORIGIN.',
      }),
      'referrer-policy': api.setting({
        parse: parse.choice('no-referrer', 'same-origin', 'strict-origin', 'strict-origin-when-cross-origin'),
        default: make.keyword('strict-origin-when-cross-origin'),
        description: 'What browsers tell other sites about where a request came from.',
      }),
      'content-security-policy': api.setting({
        parse: parse.text,
        default: null,
        description: 'Where scripts, styles and images may come from. None unless set.',
      }),
    },

    route({ settings }) {
      const policy = settings['content-security-policy'];
      return {
        responseHeaders: [
          make.responseHeader('X-Content-Type-Options', make.keyword('nosniff')),
          make.responseHeader('X-Frame-Options', settings['frame-options']),
          make.responseHeader('Referrer-Policy', settings['referrer-policy']),
          ...(policy === null ? [] : [make.responseHeader('Content-Security-Policy', policy)]),
        ],
      };
    },
  };
}
