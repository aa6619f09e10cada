{{- /*
With default values the chart makes the objects of deploy/kubernetes, which say why each line is as it is;
test/deploy/chart.test.ts compares the two.
*/ -}}

{{- define "gateway.selectorLabels" -}}
app.kubernetes.io/name: cloud-native-gateway
app.kubernetes.io/component: gateway
{{- end }}

{{- define "gateway.labels" -}}
app.kubernetes.io/name: cloud-native-gateway
app.kubernetes.io/part-of: cloud-native-gateway
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Of a list: the root context and an image. */}}
{{- define "gateway.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* "yes" where templates of the operator's own replace built-in ones. */}}
{{- define "gateway.hasTemplates" -}}
{{- if or .Values.templates.files .Values.templates.existingConfigMap }}yes{{ end }}
{{- end }}

{{- /* The config file: `config`, with what the pod and `ingressClass` decide. */}}
{{- define "gateway.config" -}}
{{- $nginx := dict
  "binary_path" "/etc/nginx/scripts/agent-nginx.sh"
  "reload_script" "/etc/nginx/scripts/agent-reload.sh"
  "config_path" "/etc/nginx/nginx.conf"
  "state_dir" "/run/gateway/state" -}}
{{- if include "gateway.hasTemplates" . -}}
{{- $_ := set $nginx "template_path" "/etc/nginx/template" -}}
{{- end -}}
{{- $class := dict "ingress_class" .Values.ingressClass.name "controller_class" .Values.ingressClass.controller -}}
{{- $own := (.Values.config | default dict).kubernetes | default dict -}}
{{- if and .Values.service.publish .Values.service.enabled (not $own.publish_service) (not $own.publish_status_address) -}}
{{- $_ := set $class "publish_service" (printf "%s/cloud-native-gateway" .Release.Namespace) -}}
{{- end -}}
{{- dict "kubernetes" $class "nginx" $nginx | mergeOverwrite (deepCopy (.Values.config | default dict)) | toYaml }}
{{- end }}

{{- /* The numbers that several objects need, with the config file's own defaults, as a YAML map. */}}
{{- define "gateway.numbers" -}}
{{- $config := include "gateway.config" . | fromYaml -}}
http: {{ dig "nginx" "http_port" 80 $config | int }}
https: {{ dig "nginx" "https_port" 443 $config | int }}
health: {{ dig "server" "addr" ":8080" $config | regexFind "[0-9]+$" }}
metrics: {{ dig "metrics" "addr" ":9090" $config | regexFind "[0-9]+$" }}
debug: {{ dig "debug" "addr" ":8081" $config | regexFind "[0-9]+$" }}
hasMetrics: {{ dig "metrics" "enabled" true $config }}
hasDebug: {{ dig "debug" "enabled" true $config }}
{{- /* Seconds. The agent's own limit leaves nginx a little longer than nginx gives itself. */}}
drainLimit: {{ dig "nginx" "worker_shutdown_timeout" 240 $config | int | add 10 }}
beforeDrain: {{ dig "nginx" "shutdown_grace_period" 0 $config | int }}
afterDrain: {{ dig "nginx" "post_shutdown_grace_period" 0 $config | int }}
{{- end }}

{{- /* Seconds that the end of a pod may take, by the limits of both containers. */}}
{{- define "gateway.end" -}}
{{- $numbers := include "gateway.numbers" . | fromYaml -}}
{{- add .Values.nginx.agentPatience $numbers.drainLimit $numbers.afterDrain }}
{{- end }}

{{- define "gateway.gracePeriod" -}}
{{- if eq (toString .Values.terminationGracePeriodSeconds) "auto" -}}
{{- include "gateway.end" . | int | add 5 }}
{{- else -}}
{{- int .Values.terminationGracePeriodSeconds }}
{{- end }}
{{- end }}

{{- /* "yes" where the addresses in the status of Ingresses are those of nodes. */}}
{{- define "gateway.publishesNodes" -}}
{{- $kubernetes := (include "gateway.config" . | fromYaml).kubernetes -}}
{{- if and (dig "update_status" true $kubernetes) (not $kubernetes.publish_service) (not $kubernetes.publish_status_address) }}yes{{ end }}
{{- end }}

{{- /* What is read and written where Ingresses are, as rules of a role. */}}
{{- define "gateway.namespacedRules" -}}
- apiGroups: ['']
  resources: [services, endpoints, secrets, configmaps]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses/status]
  verbs: [patch]
- apiGroups: ['']
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- /* Of a list: the root context, the name and the namespace of a Role. Binds it to the service account. */}}
{{- define "gateway.roleBinding" -}}
{{- $root := index . 0 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ index . 1 }}
  namespace: {{ index . 2 }}
  labels:
    {{- include "gateway.labels" $root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ index . 1 }}
subjects:
  - kind: ServiceAccount
    name: {{ $root.Values.serviceAccount.name }}
    namespace: {{ $root.Release.Namespace }}
{{- end }}

{{- /* What the schema cannot tell: values that contradict each other. */}}
{{- define "gateway.checks" -}}
{{- /* Not kubeVersion in Chart.yaml: a helm from `go install` renders for v1.20.0 where it has no cluster to ask. */ -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if and (semverCompare "<1.25.0-0" $version) (ne $version "v1.20.0") -}}
{{- printf "the cluster is Kubernetes %s: the gateway needs 1.25 or newer" $version | fail -}}
{{- end -}}
{{- $kubernetes := .Values.config.kubernetes | default dict -}}
{{- range $key, $value := dict "ingress_class" .Values.ingressClass.name "controller_class" .Values.ingressClass.controller -}}
{{- $own := get $kubernetes $key | default $value -}}
{{- if ne $own $value -}}
{{- $name := ternary "name" "controller" (eq $key "ingress_class") -}}
{{- printf "config.kubernetes.%s: %q is not ingressClass.%s (%q): remove the one in config, the chart writes it" $key $own $name $value | fail -}}
{{- end -}}
{{- end -}}
{{- if and .Values.templates.files .Values.templates.existingConfigMap -}}
{{- printf "templates.existingConfigMap: %q excludes templates.files: remove one of them" .Values.templates.existingConfigMap | fail -}}
{{- end -}}
{{- $numbers := include "gateway.numbers" . | fromYaml -}}
{{- $ports := list $numbers.http $numbers.https $numbers.health -}}
{{- $names := list "config.nginx.http_port" "config.nginx.https_port" "config.server.addr" -}}
{{- if $numbers.hasMetrics -}}
{{- $ports = append $ports $numbers.metrics -}}
{{- $names = append $names "config.metrics.addr" -}}
{{- end -}}
{{- if $numbers.hasDebug -}}
{{- $ports = append $ports $numbers.debug -}}
{{- $names = append $names "config.debug.addr" -}}
{{- end -}}
{{- if ne (len $ports) (len (uniq $ports)) -}}
{{- printf "%s: two of the ports %s are the same: give one of them another port" (join ", " $names) (join ", " $ports) | fail -}}
{{- end -}}
{{- if ge (int $numbers.beforeDrain) (int .Values.nginx.agentPatience) -}}
{{- printf "nginx.agentPatience: %d is not more than config.nginx.shutdown_grace_period (%d): nginx would not serve that long; raise the one or lower the other" (int .Values.nginx.agentPatience) (int $numbers.beforeDrain) | fail -}}
{{- end -}}
{{- $end := include "gateway.end" . | int -}}
{{- if le (include "gateway.gracePeriod" . | int) $end -}}
{{- printf "terminationGracePeriodSeconds: %d is not more than %d, which is nginx.agentPatience, config.nginx.worker_shutdown_timeout, 10 and config.nginx.post_shutdown_grace_period: nginx would be killed while it drains; leave it at auto, raise it, or lower those" (int .Values.terminationGracePeriodSeconds) $end | fail -}}
{{- end -}}
{{- end }}
