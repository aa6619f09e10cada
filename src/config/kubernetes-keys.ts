import { publishedAddress } from './address.ts';
import { key } from './key.ts';
import { labelSelector } from './label-selector.ts';
import { annotationPrefix, controllerName, namespacedName, namespaceName, objectName } from './names.ts';
import { boolean, list, path, text, whole } from './value-kind.ts';

const notYet = { notYet: true } as const;

export const kubernetes = {
  description: 'Where the objects come from, which of them are served, and what is written back.',
  keys: {
    kubeconfig: key('kubeconfig', path(), '', 'The kubeconfig file. Empty: the credentials of the pod.'),
    masterUrl: key(
      'master_url',
      text('URL', 'a URL as in https://10.0.0.1:6443', /^https?:\/\/[^\s\p{Cc}/?#@]+\/?$/u, {
        max: 2048,
        empty: true,
      }),
      '',
      'The API server. Empty: from the kubeconfig or the pod.',
    ),
    certificateAuthority: key(
      'certificate_authority',
      path(),
      '',
      'A file with the certificate authority of the API server at `master_url`.',
    ),
    namespace: key('namespace', namespaceName(), '', 'The only namespace that is watched. Empty: all.'),
    watchNamespaceSelector: key(
      'watch_namespace_selector',
      labelSelector(),
      '',
      'Only Ingresses of namespaces with these labels are served. Excludes `namespace`.',
    ),
    manifests: key(
      'manifests',
      list(text('path', 'a path without control characters', /^\P{Cc}+$/u, { max: 4096, empty: false })),
      [],
      'Files or folders of Kubernetes YAML or JSON that take the place of a cluster. `--manifests` replaces the list.',
    ),
    ingressClass: key(
      'ingress_class',
      objectName('the name of an ingress class'),
      'nginx',
      'The class that is served: the value of the annotation `kubernetes.io/ingress.class`, and the IngressClass of this name.',
    ),
    controllerClass: key(
      'controller_class',
      controllerName(),
      'cloud-native-gateway/nginx',
      'IngressClasses with this `spec.controller` are served.',
    ),
    ingressClassByName: key(
      'ingress_class_by_name',
      boolean(),
      false,
      'Whether the IngressClass named by `ingress_class` is served whatever its `spec.controller`.',
    ),
    watchIngressWithoutClass: key(
      'watch_ingress_without_class',
      boolean(),
      false,
      'Whether Ingresses that name no class are served. With `manifests` they always are.',
    ),
    annotationsPrefix: key(
      'annotations_prefix',
      annotationPrefix(),
      'nginx.ingress.kubernetes.io',
      'The prefix of the annotations that are read.',
    ),
    configMap: key(
      'config_map',
      namespacedName('a ConfigMap'),
      '',
      'The ConfigMap with the global options of nginx (docs/options.md). Empty: defaults.',
    ),
    templateConfigMap: key(
      'template_config_map',
      namespacedName('a ConfigMap'),
      '',
      'The ConfigMap with templates that replace built-in ones (docs/templates.md). Empty: none.',
    ),
    defaultSslCertificate: key(
      'default_ssl_certificate',
      namespacedName('a Secret'),
      '',
      'The Secret with the certificate for hosts without their own. Empty: a self-made certificate.',
    ),
    defaultBackendService: key(
      'default_backend_service',
      namespacedName('a Service'),
      '',
      'The Service (its first port) for requests that no route takes. Empty: 404 with `{"error":"route not found"}`.',
    ),
    disableCatchAll: key(
      'disable_catch_all',
      boolean(),
      false,
      'Whether Ingresses with a `spec.defaultBackend` are ignored.',
    ),
    disableSvcExternalName: key(
      'disable_svc_external_name',
      boolean(),
      false,
      'Whether Services of type ExternalName are refused: their routes answer 503.',
    ),
    enableTopologyAwareRouting: key(
      'enable_topology_aware_routing',
      boolean(),
      false,
      'Whether the zone hints of EndpointSlices are followed.',
      notYet,
    ),
    enableSslPassthrough: key(
      'enable_ssl_passthrough',
      boolean(),
      false,
      'Whether the annotation `ssl-passthrough` has an effect.',
    ),
    tcpServicesConfigmap: key(
      'tcp_services_configmap',
      namespacedName('a ConfigMap'),
      '',
      'The ConfigMap that maps TCP ports to Services, as in `9000: namespace/service:port`. Empty: none.',
    ),
    udpServicesConfigmap: key(
      'udp_services_configmap',
      namespacedName('a ConfigMap'),
      '',
      'The ConfigMap that maps UDP ports to Services. Empty: none.',
    ),
    publishService: key(
      'publish_service',
      namespacedName('a Service'),
      '',
      'The Service whose addresses are written into the status of Ingresses. Excludes `publish_status_address`.',
    ),
    publishStatusAddress: key(
      'publish_status_address',
      list(publishedAddress()),
      [],
      'Addresses that are written into the status of Ingresses. Excludes `publish_service`.',
    ),
    reportNodeInternalIpAddress: key(
      'report_node_internal_ip_address',
      boolean(),
      false,
      'Whether the internal address of nodes is written instead of the external one, where status comes from nodes.',
    ),
    updateStatus: key('update_status', boolean(), true, 'Whether the status of Ingresses is written.'),
    updateStatusOnShutdown: key(
      'update_status_on_shutdown',
      boolean(),
      true,
      'Whether the last replica clears the status of Ingresses when it ends.',
    ),
    statusUpdateIntervalSeconds: key(
      'status_update_interval',
      whole('seconds', 5, 86_400),
      60,
      'How often the addresses for the status are looked up.',
    ),
    disableLeaderElection: key(
      'disable_leader_election',
      boolean(),
      false,
      'Whether replicas choose no leader; then no status is written.',
    ),
    electionId: key(
      'election_id',
      objectName('the name of a Lease'),
      // Not the name that ingress-nginx uses: side by side in one namespace they would share the Lease.
      'cloud-native-gateway-leader',
      'The Lease by which replicas choose their leader.',
    ),
    electionTtlSeconds: key(
      'election_ttl',
      whole('seconds', 4, 3600),
      30,
      'How long leadership lasts without being renewed.',
    ),
    disableSyncEvents: key(
      'disable_sync_events',
      boolean(),
      false,
      'Whether no Events are written on objects.',
    ),
  },
} as const;
