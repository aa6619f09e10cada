/** Values that Helm must refuse: by the schema, then by the templates. What Helm says of the former varies with its version. */
export const refused: readonly (readonly [name: string, values: unknown, message: RegExp])[] = [
  ['an unknown value', { replica: 3 }, /additional properties 'replica' not allowed/],
  ['a wrong type', { replicas: 'two' }, /'?\/?replicas'?: got string, want integer/],
  [
    'a tag that YAML takes for a number',
    { nginx: { image: { tag: 1.3 } } },
    /nginx\/image\/tag'?: got number, want string/,
  ],
  [
    'a tag in the repository',
    { nginx: { image: { repository: 'nginx:1' } } },
    /nginx\/image\/repository'?: 'nginx:1' does not match/,
  ],
  [
    'a short digest',
    { controller: { image: { digest: 'sha256:12' } } },
    /controller\/image\/digest'?: 'sha256:12' does not match/,
  ],
  ['a group that is taken away', { service: null }, /missing property 'service'/],
  [
    'an unknown key of the config file',
    { config: { nginx: { http_prot: 80 } } },
    /config\/nginx'?: additional properties 'http_prot' not allowed/,
  ],
  [
    'a bad value of the config file',
    { config: { log: { level: 'loud' } } },
    /config\/log\/level'?: value must be one of 'debug', 'info', 'warn', 'error'/,
  ],
  [
    'a port that is none',
    { config: { nginx: { http_port: 70_000 } } },
    /config\/nginx\/http_port'?: maximum: got 70,?000, want 65,?535/,
  ],
  [
    'a path that the pod decides',
    { config: { nginx: { state_dir: '/data' } } },
    /config\/nginx\/state_dir'?: value must be '\/run\/gateway\/state'/,
  ],
  [
    'probes on loopback',
    { config: { server: { addr: '127.0.0.1:8080' } } },
    /config\/server\/addr'?: '127\.0\.0\.1:8080' does not match/,
  ],
  [
    'a quantity that is none',
    { nginx: { resources: { limits: { memory: '1GB' } } } },
    /nginx\/resources\/limits\/memory/,
  ],
  [
    'a template in a folder',
    { templates: { files: { 'plugins/a.hbs': '' } } },
    /additional properties 'plugins\/a\.hbs' not allowed/,
  ],
  [
    'two classes',
    { config: { kubernetes: { ingress_class: 'web' } } },
    /config\.kubernetes\.ingress_class: "web" is not ingressClass\.name \("nginx"\): remove the one in config/,
  ],
  [
    'a pod that ends before the drain',
    { terminationGracePeriodSeconds: 295 },
    /terminationGracePeriodSeconds: 295 is not more than 295, which is .*: nginx would be killed/,
  ],
  [
    'a pause that nginx does not serve through',
    { config: { nginx: { shutdown_grace_period: 45 } } },
    /nginx\.agentPatience: 45 is not more than config\.nginx\.shutdown_grace_period \(45\)/,
  ],
  [
    'two listeners on a port',
    { config: { metrics: { addr: ':8080' } } },
    /config\.metrics\.addr, config\.debug\.addr: two of the ports 80, 443, 8080, 8080, 8081 are the same/,
  ],
  [
    'the debug endpoint on the port of another',
    { config: { debug: { addr: ':9090' } } },
    /config\.debug\.addr: two of the ports 80, 443, 8080, 9090, 9090 are the same/,
  ],
  [
    'two sources of templates',
    { templates: { existingConfigMap: 'mine', files: { 'server.hbs': '' } } },
    /templates\.existingConfigMap: "mine" excludes templates\.files/,
  ],
];
