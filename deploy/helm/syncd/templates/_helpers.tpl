{{- define "syncd.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "syncd.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "syncd.labels" -}}
{{ include "syncd.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "syncd.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end -}}

{{- /* How the listener is spoken to: TLS where the configuration has it. */ -}}
{{- define "syncd.scheme" -}}
{{- if dig "tls" "config" "" .Values.config }}HTTPS{{ else }}HTTP{{ end -}}
{{- end -}}

{{- /* Two processes must never write from one state, or from two copies of it. */ -}}
{{- define "syncd.replicas" -}}
{{- if gt (int .Values.replicaCount) 1 -}}
{{- fail (printf "replicaCount is %d: syncd keeps its state in one file that one process may have open (the embedded store). A second replica would wait for its lock forever, and with a copy of it two would write the same bills. Set replicaCount to 1, or to 0 to stop syncd." (int .Values.replicaCount)) -}}
{{- end -}}
{{- int .Values.replicaCount -}}
{{- end -}}

{{- /* A ConfigMap is no place for secrets: .value is a part of the configuration, .path its name. */ -}}
{{- define "syncd.withoutSecrets" -}}
{{- $path := .path -}}
{{- if kindIs "map" .value -}}
{{- range $key, $value := .value -}}
{{- $here := printf "%s.%s" $path $key -}}
{{- $secret := has $key (list "client_secret" "public_key" "private_key" "api_key" "token" "password" "secret" "postgres") -}}
{{- if or $secret (regexMatch "^config\\.notify\\.(teams|slack|webhook)\\.url$" $here) -}}
{{- if and $value (not (regexMatch "^(file|env|keyvault):" (toString $value))) -}}
{{- fail (printf "%s is a secret, and config goes into a ConfigMap, which many can read: put it into the Secret %q under the variable's name (SYNCD_…), or write a reference (file:, env:, keyvault:)" $here $.secretName) -}}
{{- end -}}
{{- else if eq $key "tokens" -}}
{{- range $account, $token := $value -}}
{{- if not (regexMatch "^(file|env|keyvault):" (toString $token)) -}}
{{- fail (printf "%s.%s is a secret, and config goes into a ConfigMap, which many can read: write a reference (file:, env:, keyvault:)" $here $account) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- include "syncd.withoutSecrets" (dict "value" $value "path" $here "secretName" $.secretName) -}}
{{- end -}}
{{- end -}}
{{- else if kindIs "slice" .value -}}
{{- range $i, $value := .value -}}
{{- include "syncd.withoutSecrets" (dict "value" $value "path" (printf "%s[%d]" $path $i) "secretName" $.secretName) -}}
{{- end -}}
{{- end -}}
{{- end -}}
