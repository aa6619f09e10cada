/** One condition of a label selector; all of them must hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'not-in' | 'exists' | 'absent';
  /** Empty for `exists` and `absent`. */
  readonly values: readonly string[];
}

/** What the config file says about translation, as plain data. */
export interface TranslateSettings {
  /** With manifests an Ingress without a class is served, and a class name needs no IngressClass. */
  readonly source: 'manifests' | 'api';
  readonly ingressClass: string;
  readonly controllerClass: string;
  readonly watchIngressWithoutClass: boolean;
  readonly ingressClassByName: boolean;
  readonly disableCatchAll: boolean;
  readonly disableSvcExternalName: boolean;
  /** Empty: all. */
  readonly namespace: string;
  /** No requirements: all. */
  readonly namespaceSelector: { readonly requirements: readonly LabelRequirement[] };
  /** The prefix the plugin registry was made with; stands here for those who make it from these settings. */
  readonly annotationsPrefix: string;
  /** `namespace/name` of the ConfigMap with the global options, or empty. */
  readonly optionsConfigMap: string;
  /** `namespace/name` of a Service, or empty. */
  readonly defaultBackendService: string;
  /** `namespace/name` of a Secret, or empty. */
  readonly defaultSslCertificate: string;
  /** Annotations may name Secrets and ConfigMaps of other namespaces; not unless it is set. */
  readonly allowCrossNamespace?: boolean;
  /** The annotation `ssl-passthrough` counts; not unless it is set. */
  readonly enableSslPassthrough?: boolean;
  /** `namespace/name` of the ConfigMap that maps TCP ports to Services, or empty. */
  readonly tcpServicesConfigMap?: string;
  /** The same for UDP. */
  readonly udpServicesConfigMap?: string;
  /** `namespace/name` of the Service that clients outside come through, or empty. */
  readonly publishService?: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Ports of the gateway itself on this machine (health, metrics, debug): no endpoint may lead there. */
  readonly reservedPorts: readonly number[];
  /** Requests are counted from a log of their own; `perHost`: by the host of their rule too. Not unless it is set. */
  readonly traffic?: { readonly perHost: boolean } | null;
  /** IP addresses of this machine or pod, besides loopback: with our own ports they would lead back here. */
  readonly ownAddresses: readonly string[];
  readonly workerProcesses: number | 'auto';
  /** Seconds. */
  readonly workerShutdownTimeout: number;
  /** Absolute, of letters, digits and `_ . / @ + : ~ -`. */
  readonly stateDir: string;
  /** Name servers: IP addresses, with a port where it is not 53 (`[::1]:5353`). Those that are none are left out. */
  readonly resolvers: readonly string[];
}
